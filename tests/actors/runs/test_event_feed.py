"""Events that are handled in several turns: the inputs of many items are rendered, or many started, in portions."""

import queue
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from stretto.actors import RunHandle, action
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.outcome import RunWasParked
from stretto.actors.runs.in_flight import ItemsInFlight
from stretto.actors.runs.messages import AbandonRun
from stretto.actors.runs.supervisor import RunSupervisor
from stretto.definitions.conductor import Command, Conductor, ItemCompleted, PauseRequested, StartItem, visit
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


@pytest.fixture
def left_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first supervisor with an unfinished event leave its run, as when its engine stops."""
    left: list[RunSupervisor] = []
    end_turn = RunSupervisor.on_turn_end

    def ending(supervisor: RunSupervisor) -> None:
        end_turn(supervisor)
        if supervisor._run.unfinished is not None and not left:
            left.append(supervisor)
            supervisor.actor_ref.tell(AbandonRun())

    monkeypatch.setattr(RunSupervisor, "on_turn_end", ending)


def parked(bench: Bench, run: RunHandle) -> None:
    """Wait until a run is left, and stop its engine."""
    with pytest.raises(RunWasParked):
        run.outcome.get(timeout=PATIENCE)
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)


@pytest.mark.usefixtures("left_unfinished")
def test_a_stop_in_the_middle_loses_no_end_of_an_item(
    start_bench: Callable[..., Bench], steps: Steps, sqlite_url: str
) -> None:
    """The event is journaled without its end: the next engine renders the inputs again, and repeats no action."""
    bench = start_bench(store=sqlite_url)
    run = submitted(bench)
    parked(bench, run)
    assert any(getattr(entry, "task", "") == "first" for entry in entries_of(sqlite_url, run))
    before = len(steps.units)
    again = start_bench(store=sqlite_url)
    outcome = outcome_of(again.proxy.handle(run.id).get(timeout=PATIENCE))
    assert outcome.status == "succeeded"
    assert DONE == ["first"]
    assert len(steps.units) - before > 10, "the replay pauses, too"


WIDE = f"""
ref: feed.wide
tasks:
  - name: first
    action: core.noop
    next: [{{do: [fan]}}]
  - name: fan
    action: feed.note
    with_items: "{{{{ range({ITEMS}) }}}}"
    concurrency: {ITEMS}
    input: {{what: "{{{{ index ~ '' }}}}"}}
"""
BROKEN_BESIDE = (
    WIDE.replace("do: [fan]", "do: [fan, empty]")
    + """
  - name: empty
    action: core.noop
    with_items: []
    next: [{publish: [{x: "{{ 1 / 0 }}"}]}]
"""
)
STARTS = 50
"""Items that start in a portion here."""


class Turns:
    """Counts the items that are commanded in each turn of supervisors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commanded = [0]
        add, end_turn = ItemsInFlight.add, RunSupervisor.on_turn_end

        def counting(items: ItemsInFlight, start: StartItem, *given: Any) -> None:
            # A single task before the fan-out may end in the turn that starts it.
            self.commanded[-1] += start.task == "fan"
            add(items, start, *given)

        def ending(supervisor: RunSupervisor) -> None:
            end_turn(supervisor)
            self.commanded.append(0)

        monkeypatch.setattr(visit, "STARTS_A_PORTION", STARTS)
        monkeypatch.setattr(ItemsInFlight, "add", counting)
        monkeypatch.setattr(RunSupervisor, "on_turn_end", ending)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Start items in small portions, and count them."""
    DONE.clear()
    return Turns(monkeypatch)


def test_a_wide_window_is_filled_a_portion_a_turn(start_bench: Callable[..., Bench], turns: Turns) -> None:
    """So that other runs have turns between them. Each item runs once."""
    outcome = start_bench().run(WIDE)
    assert outcome.status == "succeeded"
    assert max(turns.commanded) == STARTS
    assert turns.commanded.count(STARTS) == ITEMS // STARTS
    assert sorted(map(int, DONE)) == list(range(ITEMS))


def test_items_of_an_earlier_portion_count_as_commanded_by_the_event(
    start_bench: Callable[..., Bench], turns: Turns
) -> None:
    """The event breaks its run. What it has commanded may start, as permits allow, whatever the portions were."""
    outcome = start_bench(max_items_in_flight=3 * STARTS).run(BROKEN_BESIDE)
    assert outcome.status == "failed"
    assert len(turns.commanded) > ITEMS // STARTS
    assert len(DONE) == 3 * STARTS


@pytest.mark.usefixtures("left_unfinished")
def test_no_item_starts_before_its_window_is_full(
    start_bench: Callable[..., Bench], turns: Turns, sqlite_url: str
) -> None:
    """The event is not journaled before: the next engine starts the whole fan-out of a run that is left meanwhile."""
    bench = start_bench(store=sqlite_url)
    run = bench.submit(WIDE)
    parked(bench, run)
    assert DONE == []
    again = start_bench(store=sqlite_url)
    assert outcome_of(again.proxy.handle(run.id).get(timeout=PATIENCE)).status == "succeeded"
    assert sorted(map(int, DONE)) == list(range(ITEMS))
