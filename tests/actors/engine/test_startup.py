"""Settings of an engine: settings that make sense, nothing left behind by a start that fails, retention."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest
import structlog

from stretto.actors import Engine, action
from stretto.actors.engine.queries import Pruning
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.retention import SECONDS_A_DAY
from stretto.actors.engine.startup import as_list
from stretto.actors.journal.readers import NoStore
from stretto.actors.journal.service import OpenJournal
from stretto.actors.journal.sql.claims import RunClaims
from stretto.actors.journal.store import Prune, StoreUnavailable
from stretto.actors.outcome import UnknownRun
from stretto.actors.runners import Runners
from stretto.actors.runs.messages import PruneDue
from stretto.metrics import CannotExpose, MetricsServer, configure_logging
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Lines, drain

ECHO = "ref: starting.echo\ntasks: [{name: a, action: core.echo, input: {message: hello}}]\n"
GATED = "ref: starting.gated\ntasks: [{name: wait, action: starting.gate}]\n"
FAILING = "ref: starting.failing\ntasks: [{name: wait, action: starting.gate, input: {fails: true}}]\n"
BEGUN = threading.Semaphore(0)
GATE = threading.Semaphore(0)


@action("starting.gate")
def gate(fails: bool = False) -> None:
    """Fail, or wait to be let through."""
    if fails and not OPENED.is_set():
        raise RuntimeError("it is shut")
    BEGUN.release()
    assert GATE.acquire(timeout=PATIENCE)


OPENED = threading.Event()
"""A failed action waits the next time."""


@pytest.fixture(autouse=True)
def gates() -> Iterator[None]:
    OPENED.clear()
    drain(BEGUN, GATE)
    yield
    GATE.release(100)


@pytest.fixture
def log() -> Iterator[Lines]:
    lines = Lines()
    configure_logging("INFO", style="json", stream=lines)
    yield lines
    structlog.reset_defaults()


def test_paths_are_one_or_as_list() -> None:
    """As texts or as paths."""
    assert as_list("a") == ["a"]
    assert as_list(Path("a")) == ["a"]
    assert as_list(["a", Path("b")]) == ["a", "b"]
    assert as_list(()) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"dispatchers": -1}, "dispatchers must be at least 1, got -1"),
        ({"max_threads_left_behind": -1}, "max_threads_left_behind must be at least 0, got -1"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"max_worker_bytes": 0}, "max_worker_bytes must be at least 1, got 0"),
        ({"pack_workers": 0}, "pack_workers must be at least 1, got 0"),
        ({"worker_calls": 0}, "worker_calls must be at least 1, got 0"),
        ({"worker_idle_seconds": -1}, "worker_idle_seconds must be at least 0, got -1"),
        ({"max_items_in_flight": 0}, "max_items_in_flight must be at least 1, got 0"),
        ({"retain_days": -0.1}, "a retention must be at least 0 days and at least 0 runs"),
        ({"retain_runs": -1}, "a retention must be at least 0 days and at least 0 runs"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_is_made(
    sqlite_url: str, settings: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    """No store, and no key beside it."""
    with pytest.raises(ValueError, match=expected):
        Engine.start(store=sqlite_url, **settings)
    assert list(tmp_path.iterdir()) == []


class Fault(Exception):
    """A fault in the middle of a start."""


def fails(*_given: Any, **_keywords: Any) -> Any:
    raise Fault


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (RunClaims, "claim"),
        (MetricsServer, "start"),
        (Runners, "__init__"),
        (OpenJournal, "start"),
        (RunRecovery, "runs_claimed"),
    ],
)
def test_a_start_that_fails_midway_leaves_nothing_behind(
    start_bench: Callable[..., Bench], sqlite_url: str, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str
) -> None:
    """No thread, no actor, and the store is free at once."""
    actors = set(pykka.ActorRegistry.get_all())
    threads = set(threading.enumerate())
    with monkeypatch.context() as patched:
        patched.setattr(owner, step, fails)
        with pytest.raises(Fault):
            Engine.start(store=sqlite_url, metrics_port=0)
    assert set(threading.enumerate()) <= threads
    assert set(pykka.ActorRegistry.get_all()) <= actors
    assert start_bench(store=sqlite_url).run(ECHO).status == "succeeded"


def test_a_port_that_is_taken_leaves_the_store_free(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """It had been opened before."""
    other = start_bench(metrics_port=0)
    port = int(other.proxy.metrics_url.get(timeout=PATIENCE).rsplit(":", 1)[1].split("/")[0])
    with pytest.raises(CannotExpose):
        Engine.start(store=sqlite_url, metrics_port=port)
    assert start_bench(store=sqlite_url).run(ECHO).status == "succeeded"


# ---- retention


def ended_runs(bench: Bench, count: int) -> list[str]:
    """Perform runs, one after the other; return their ids."""
    ids = []
    for _ in range(count):
        handle = bench.submit(ECHO)
        outcome_of(handle)
        ids.append(handle.id)
    return ids


def stored(bench: Bench) -> list[str]:
    """Return the ids of the runs in the store, the oldest first."""
    page = bench.proxy.runs().get(timeout=PATIENCE)
    return [run["id"] for run in reversed(page["runs"])]


def stopped(bench: Bench) -> None:
    bench.proxy.stop().get(timeout=PATIENCE)


def test_an_engine_deletes_what_it_need_not_keep_when_it_starts(
    start_bench: Callable[..., Bench], sqlite_url: str, log: Lines
) -> None:
    """And what is gone is gone for all who ask."""
    first = start_bench(store=sqlite_url)
    ids = ended_runs(first, 5)
    stopped(first)
    second = start_bench(store=sqlite_url, retain_runs=2)
    assert log.wait_for("runs_pruned")["runs"] == 3
    assert stored(second) == ids[3:]
    with pytest.raises(UnknownRun):
        second.proxy.status(ids[0]).get(timeout=PATIENCE)
    assert second.proxy.status(ids[4]).get(timeout=PATIENCE)["status"] == "succeeded"


def test_it_does_so_again_by_and_by(start_bench: Callable[..., Bench], sqlite_url: str, log: Lines) -> None:
    """Each time what is too many, or too old, by then."""
    bench = start_bench(store=sqlite_url, retain_runs=2, retain_days=1)
    assert log.wait_for("runs_pruned")["runs"] == 0
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    ids = ended_runs(bench, 3)
    bench.proxy.actor_ref.tell(PruneDue())
    assert log.wait_for("runs_pruned")["runs"] == 1
    assert stored(bench) == ids[1:]
    now = services.now()
    services.now = lambda: now + 1.5 * SECONDS_A_DAY
    later = ended_runs(bench, 1)
    bench.proxy.actor_ref.tell(PruneDue())
    assert log.wait_for("runs_pruned")["runs"] == 2
    assert stored(bench) == later


def test_the_next_time_is_a_reminder(start_bench: Callable[..., Bench], sqlite_url: str, monkeypatch: Any) -> None:
    """Which comes by the clock, and asks for the one after it."""
    reminded = threading.Semaphore(0)
    monkeypatch.setattr("stretto.actors.engine.queries.PRUNE_SECONDS", 0.001)
    delete = Pruning._delete

    def watched(pruning: Pruning, prune: Prune) -> Any:
        reminded.release()
        return delete(pruning, prune)

    monkeypatch.setattr(Pruning, "_delete", watched)
    start_bench(store=sqlite_url, retain_days=1)
    for _ in range(3):
        assert reminded.acquire(timeout=PATIENCE)


def test_without_a_retention_runs_stay(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """Nothing reminds of deleting them."""
    bench = start_bench(store=sqlite_url)
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    assert services.timers.clock.proxy().pending().get(timeout=PATIENCE) == 0
    bench.proxy.actor_ref.tell(PruneDue())
    ids = ended_runs(bench, 3)
    assert stored(bench) == ids


def test_what_something_in_progress_needs_is_kept(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """A run that is being done again in part, until that has ended; the others go."""
    bench = start_bench(store=sqlite_url)
    failed = bench.submit(FAILING)
    assert outcome_of(failed).status == "failed"
    others = ended_runs(bench, 2)
    OPENED.set()
    running = bench.submit(GATED)
    rerun = bench.proxy.rerun(failed.id, "failed_tasks").get(timeout=PATIENCE)
    for _ in range(2):
        assert BEGUN.acquire(timeout=PATIENCE)
    assert bench.proxy.prune(keep=0).get(timeout=PATIENCE) == len(others)
    assert stored(bench) == [failed.id, running.id, rerun.id]
    GATE.release(2)
    outcome_of(running)
    outcome_of(rerun)
    assert bench.proxy.prune(keep=0).get(timeout=PATIENCE) == 3
    assert stored(bench) == []


def test_runs_are_deleted_by_their_age(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """As the wall clock has it."""
    bench = start_bench(store=sqlite_url)
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    old = ended_runs(bench, 2)
    now = services.now()
    services.now = lambda: now + 100
    new = ended_runs(bench, 1)
    assert bench.proxy.prune(older_than_seconds=1000).get(timeout=PATIENCE) == 0
    assert stored(bench) == old + new
    assert bench.proxy.prune(older_than_seconds=50).get(timeout=PATIENCE) == 2
    assert stored(bench) == new


def test_pruning_that_cannot_be_is_reported(
    start_bench: Callable[..., Bench], sqlite_url: str, log: Lines, monkeypatch: Any
) -> None:
    """To the caller, and of pruning by retention to the log; the engine goes on."""
    with pytest.raises(NoStore):
        start_bench().proxy.prune(keep=0).get(timeout=PATIENCE)
    bench = start_bench(store=sqlite_url, retain_runs=1)
    for wish in ({"keep": -1}, {"older_than_seconds": -1}):
        with pytest.raises(ValueError, match="must be at least 0"):
            bench.proxy.prune(**wish).get(timeout=PATIENCE)

    def away(*_given: Any) -> None:
        raise StoreUnavailable("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr("stretto.actors.journal.sql.pruning.Pruning.prune_some", away)
        with pytest.raises(StoreUnavailable):
            bench.proxy.prune(keep=0).get(timeout=PATIENCE)
        bench.proxy.actor_ref.tell(PruneDue())
        for _ in range(2):
            assert log.wait_for("runs_not_pruned")["reason"] == "the disk is away"
    assert bench.run(ECHO).status == "succeeded"
