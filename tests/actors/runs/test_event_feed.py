"""Events that are handled in several turns: the inputs of many items are rendered in portions."""

import queue
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from stretto.actors import RunHandle, action
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.runs.supervisor import RunSupervisor
from stretto.definitions.conductor import Command, Conductor, ItemCompleted, PauseRequested
from stretto.definitions.expressions.base import budget
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

DONE: list[str] = []
ITEMS = 600
PORTION = 500

FAN_OUT = f"""version: 1.0
tasks:
  first:
    action: feed.note what="first"
    next: [{{do: fan}}]
  fan:
    with: <% range({ITEMS}) %>
    action: core.noop
    input: {{x: "<% item() + 1 %>"}}
"""


@action("feed.note")
def note(what: str) -> str:
    """Note what was done."""
    DONE.append(what)
    return what


class Steps:
    """Counts the units of each step of a conductor, and has something done at the first one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.units: list[int] = []
        self.at_first: Callable[[str], object] = lambda _run_id: None
        plain = Conductor.step

        def step(conductor: Conductor) -> list[Command]:
            if not self.units:
                self.at_first(conductor._state.run_id)
            before = conductor.units_spent()
            commands = plain(conductor)
            self.units.append(conductor.units_spent() - before)
            return commands

        monkeypatch.setattr(Conductor, "step", step)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Render in small portions, and count them."""
    DONE.clear()
    monkeypatch.setattr(budget, "PORTION_UNITS", PORTION)
    return Steps(monkeypatch)


def submitted(bench: Bench) -> RunHandle:
    """Start a run of the fan-out."""
    path = bench.folder / "fan_out.yaml"
    path.write_text(FAN_OUT)
    handle: RunHandle = bench.proxy.submit(str(path)).get(timeout=PATIENCE)
    return handle


def entries_of(url: str, run: RunHandle) -> list[Any]:
    with open_store(url, keyring_for(url, None)) as store:
        return list(store.reader.entries(run.id, 0, 2 * ITEMS))


def test_each_portion_has_a_turn_of_its_own(
    start_bench: Callable[..., Bench], steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that other runs have turns between them, and no turn evaluates much more than a portion."""
    steps_at_turn_ends = [0]
    end_turn = RunSupervisor.on_turn_end

    def count(supervisor: RunSupervisor) -> None:
        end_turn(supervisor)
        steps_at_turn_ends.append(len(steps.units))

    monkeypatch.setattr(RunSupervisor, "on_turn_end", count)
    assert outcome_of(submitted(start_bench())).status == "succeeded"
    assert max(steps.units) <= PORTION
    assert len(steps.units) > ITEMS * 20 // PORTION
    assert max(after - before for before, after in pairwise(steps_at_turn_ends)) == 1


def test_a_request_waits_for_the_end_of_the_event(
    start_bench: Callable[..., Bench], steps: Steps, sqlite_url: str
) -> None:
    """A pause that comes while inputs are rendered is journaled after the event, and answered when both are durable."""
    bench = start_bench(store=sqlite_url)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    steps.at_first = lambda run_id: answers.put(bench.proxy.pause(run_id))
    run = submitted(bench)
    answers.get(timeout=PATIENCE).get(timeout=PATIENCE)
    status = bench.proxy.status(run.id).get(timeout=PATIENCE)
    assert status["status"] == "paused"
    assert status["tasks"]["fan"]["items"]["total"] == ITEMS
    bench.proxy.resume(run.id).get(timeout=PATIENCE)
    assert outcome_of(run).status == "succeeded"
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    entries = entries_of(sqlite_url, run)
    first = next(number for number, entry in enumerate(entries) if getattr(entry, "task", "") == "first")
    assert isinstance(entries[first], ItemCompleted)
    paused = next(number for number, entry in enumerate(entries) if isinstance(entry, PauseRequested))
    assert not any(getattr(entry, "task", "") == "fan" for entry in entries[:paused])
    assert first < paused


def test_a_stop_in_the_middle_loses_no_end_of_an_item(
    start_bench: Callable[..., Bench], steps: Steps, sqlite_url: str
) -> None:
    """The event is journaled without its end: the next engine renders the inputs again, and repeats no action."""
    bench = start_bench(store=sqlite_url)
    stops: queue.SimpleQueue[Any] = queue.SimpleQueue()
    steps.at_first = lambda _run_id: stops.put(bench.proxy.stop(grace=0))
    run = submitted(bench)
    stops.get(timeout=PATIENCE).get(timeout=PATIENCE)
    assert any(getattr(entry, "task", "") == "first" for entry in entries_of(sqlite_url, run))
    before = len(steps.units)
    again = start_bench(store=sqlite_url)
    outcome = outcome_of(again.proxy.handle(run.id).get(timeout=PATIENCE))
    assert outcome.status == "succeeded"
    assert DONE == ["first"]
    assert len(steps.units) - before > 10, "the replay pauses, too"
