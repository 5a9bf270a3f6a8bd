"""A run's deadline is extended while it runs, and stays extended in the next engine."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stretto.actors import action
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

LONG = "ref: test.long\ntimeout: 3600\ntasks: [{name: only, action: extension.gated}]\n"
SHORT = "ref: test.short\ntimeout: 1\ntasks: [{name: only, action: core.sleep, input: {seconds: 1000}}]\n"
HOUR = 3600.0


class Gate:
    """The one action's begin, and its end."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()


GATE = Gate()


@action("extension.gated")
def gated() -> None:
    """Wait to be let through."""
    GATE.begun.release()
    assert GATE.open.wait(PATIENCE)


@pytest.fixture(autouse=True)
def gate() -> Iterator[Gate]:
    """Close the gate before a test, and open it for what is left after it."""
    GATE.__init__()  # type: ignore[misc]  # the action keeps its reference
    yield GATE
    GATE.open.set()


@pytest.fixture(params=["in memory", "in a store"])
def bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """Every test passes with and without a store."""
    return start_bench(store=None if request.param == "in memory" else f"sqlite:///{tmp_path}/runs.db")


def deadline(bench: Bench, run_id: str) -> str:
    """Return a run's deadline as `why` shows it."""
    (wait,) = [each for each in bench.proxy.why(run_id).get(timeout=PATIENCE) if each["kind"] == "deadline"]
    assert wait["text"] == f"the run times out at {wait['until']}"
    return str(wait["until"])


def test_a_run_in_progress_is_extended(bench: Bench) -> None:
    """Its deadline is later by the seconds of each extension; an ended run has none."""
    run = bench.submit(LONG)
    before = deadline(bench, run.id)
    bench.proxy.extend(run.id, HOUR).get(timeout=PATIENCE)
    bench.proxy.extend(run.id, HOUR).get(timeout=PATIENCE)
    assert datetime.fromisoformat(deadline(bench, run.id)) - datetime.fromisoformat(before) == timedelta(hours=2)
    GATE.open.set()
    assert outcome_of(run).status == "succeeded"
    with pytest.raises(IllegalTransition, match=r"cannot extend the run .* has ended"):
        bench.proxy.extend(run.id, HOUR).get(timeout=PATIENCE)


def test_an_extension_passes_as_well(start_bench: Callable[..., Bench]) -> None:
    """The run outlives its first deadline, and fails at the later one."""
    bench = start_bench()
    run = bench.submit(SHORT)
    bench.proxy.extend(run.id, 0.5).get(timeout=PATIENCE)
    outcome = outcome_of(run)
    assert (outcome.status, outcome.errors[0]["message"]) == ("failed", "the run took longer than 1.5 s")


def test_an_impossible_extension_says_why(bench: Bench) -> None:
    """The run has no timeout, or the number is not one of seconds."""
    run = bench.submit(LONG.replace("timeout: 3600\n", ""))
    with pytest.raises(IllegalTransition, match="the run has no timeout to extend"):
        bench.proxy.extend(run.id, HOUR).get(timeout=PATIENCE)
    other = bench.submit(LONG)
    with pytest.raises(IllegalTransition, match="seconds must be a positive number"):
        bench.proxy.extend(other.id, 0).get(timeout=PATIENCE)
    GATE.open.set()
    assert outcome_of(run).status == outcome_of(other).status == "succeeded"


def test_the_next_engine_has_the_extended_deadline(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """The extension is in the journal, and recovery replays it."""
    url = f"sqlite:///{tmp_path}/runs.db"
    first = start_bench(store=url)
    run = first.submit(LONG)
    before = deadline(first, run.id)
    first.proxy.extend(run.id, HOUR).get(timeout=PATIENCE)
    extended = deadline(first, run.id)
    assert extended > before
    assert GATE.begun.acquire(timeout=PATIENCE)
    stop = first.proxy.stop(grace=0)
    with pytest.raises(StrettoError):
        outcome_of(run)
    GATE.open.set()
    stop.get(timeout=PATIENCE)
    GATE.open.clear()
    second = start_bench(store=url)
    again = second.proxy.handle(run.id).get(timeout=PATIENCE)
    assert GATE.begun.acquire(timeout=PATIENCE)
    assert deadline(second, run.id) == extended
    GATE.open.set()
    assert outcome_of(again).status == "succeeded"
