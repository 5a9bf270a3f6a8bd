"""Requests to a run as its engine ended, and its sub-workflows have not heard of: they follow it later."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import RunHandle, action
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Entry, Happened
from stretto.actors.outcome import RunWasParked
from stretto.definitions.conductor import (
    CancelRequested,
    Failure,
    ItemCompleted,
    ItemPaused,
    PauseRequested,
    ResumeRequested,
)
from stretto.definitions.conductor.propagation import was_missed
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

LATER = 4e9
"""Seconds since the epoch: later than whatever a test does."""

PARENT = """
ref: test.parent
tasks: [{name: call, action: test.child}]
output_map: {said: "{{ task.call.result }}"}
"""
CHILD = """
version: "1.0.0"
ref: test.child
tasks:
  - {name: one, action: missed.work, input: {value: 1}, next: [{do: [two]}]}
  - {name: two, action: missed.work, input: {value: 2}}
output_map: {said: "{{ task.two.result }}"}
"""


class Work:
    """Notes of the work, and a gate that holds it up."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()


WORK = Work()


@action("missed.work")
def work(value: int) -> int:
    """Note a value, and wait at the gate."""
    WORK.done.append(value)
    WORK.begun.release()
    WORK.gate.wait(PATIENCE)
    return value


@pytest.fixture(autouse=True)
def fresh_work() -> Iterator[None]:
    """Nothing has been done yet; at the end, nothing waits any more."""
    WORK.__init__()  # type: ignore[misc]  # the action knows the object
    yield
    WORK.gate.set()


class Family:
    """A run and its sub-workflow's, left by an engine in the middle of the child's first item."""

    def __init__(self, start_bench: Callable[..., Bench], folder: Path) -> None:
        self._start_bench = start_bench
        self._url = f"sqlite:///{folder / 'runs.db'}"
        self._definitions = folder / "definitions"
        self._definitions.mkdir()
        (self._definitions / "child.yaml").write_text(CHILD)
        self.engine = self.start()
        self.parent = self.engine.submit(PARENT)
        assert WORK.begun.acquire(timeout=PATIENCE)
        (self.child,) = set(self.engine.proxy.run_ids().get(timeout=PATIENCE)) - {self.parent.id}

    def start(self) -> Bench:
        """Start an engine."""
        return self._start_bench(store=self._url, definitions=self._definitions)

    def leave(self) -> None:
        """End the engine; items in flight end without it."""
        child = self.handle(self.child)
        stop = self.engine.proxy.stop(grace=0)
        for run in (self.parent, child):
            with pytest.raises(RunWasParked):
                outcome_of(run)
        WORK.gate.set()
        stop.get(timeout=PATIENCE)
        WORK.done.clear()

    def has_happened(self, entry: Entry) -> None:
        """Continue the parent's record, as if the engine had ended before it sent anything."""
        with open_store(self._url, keyring_for(self._url, None)) as store:
            first = len(store.reader.entries(self.parent.id, 0, 1000))
            store.writer.write([Happened(run_id=self.parent.id, first=first, entries=(entry,), secret=False)])

    def go_on(self) -> Bench:
        """Start the next engine, and wait until it has rebuilt both runs."""
        self.engine = self.start()
        self.engine.proxy.host.recovered().get(timeout=PATIENCE)
        return self.engine

    def handle(self, run: str) -> RunHandle:
        """Return the handle of a run at the engine that is there."""
        handle: RunHandle = self.engine.proxy.handle(run).get(timeout=PATIENCE)
        return handle

    def status(self, run: str) -> Any:
        """Return the status of a run."""
        return self.engine.proxy.status(run).get(timeout=PATIENCE)["status"]


@pytest.fixture
def family(start_bench: Callable[..., Bench], tmp_path: Path) -> Family:
    """A run and its child in the middle."""
    return Family(start_bench, tmp_path)


def test_a_child_that_has_not_heard_of_the_cancellation_performs_nothing(family: Family) -> None:
    """Items in flight are not performed again, and both end cancelled."""
    family.leave()
    family.has_happened(CancelRequested(LATER))
    family.go_on()
    assert outcome_of(family.handle(family.parent.id)).status == "cancelled"
    assert outcome_of(family.handle(family.child)).status == "cancelled"
    assert WORK.done == []


def test_a_child_that_has_not_heard_of_the_pause_stands_still(family: Family) -> None:
    """Until the run is resumed."""
    family.leave()
    family.has_happened(PauseRequested(LATER))
    engine = family.go_on()
    assert (family.status(family.parent.id), family.status(family.child)) == ("paused", "paused")
    assert WORK.done == []
    engine.proxy.resume(family.parent.id).get(timeout=PATIENCE)
    assert outcome_of(family.handle(family.parent.id)).output == {"said": {"said": 2}}
    assert WORK.done == [1, 2]


def test_a_child_that_has_not_heard_that_the_run_was_resumed_goes_on(family: Family) -> None:
    """It needs no resume."""
    family.engine.proxy.pause(family.parent.id).get(timeout=PATIENCE)
    family.leave()
    family.has_happened(ResumeRequested(LATER))
    family.go_on()
    assert outcome_of(family.handle(family.parent.id)).output == {"said": {"said": 2}}
    assert WORK.done == [1, 2]


def test_a_child_that_was_paused_itself_stays_paused(family: Family) -> None:
    """Its run has not been asked for anything since."""
    family.engine.proxy.pause(family.child).get(timeout=PATIENCE)
    family.leave()
    engine = family.go_on()
    assert family.status(family.child) == "paused"
    engine.proxy.resume(family.child).get(timeout=PATIENCE)
    assert outcome_of(family.handle(family.parent.id)).output == {"said": {"said": 2}}


def test_a_child_whose_item_has_ended_without_it_is_cancelled(family: Family) -> None:
    """As when the item has timed out: no item waits for its result."""
    family.leave()
    failure = Failure("timed_out", "it took longer than 1 s")
    family.has_happened(ItemCompleted("call", 1, 0, 1, "timed_out", None, failure, LATER))
    family.go_on()
    assert outcome_of(family.handle(family.parent.id)).status == "failed"
    assert outcome_of(family.handle(family.child)).status == "cancelled"
    assert WORK.done == []


@pytest.mark.parametrize(
    ("request_", "status", "last", "news"),
    [
        (PauseRequested(2), "running", None, True),
        (PauseRequested(2), "running", ResumeRequested(1), True),
        (PauseRequested(2), "running", ResumeRequested(3), False),
        (PauseRequested(2), "paused", PauseRequested(3), False),
        (PauseRequested(2), "failing", None, False),
        (ResumeRequested(2), "paused", PauseRequested(1), True),
        (ResumeRequested(2), "paused", PauseRequested(3), False),
        (ResumeRequested(2), "running", None, False),
        (CancelRequested(2), "running", ResumeRequested(3), True),
        (CancelRequested(2), "paused", PauseRequested(1), True),
        (CancelRequested(2), "failing", None, True),
        (CancelRequested(2), "cancelling", CancelRequested(3), False),
    ],
)
def test_what_is_news_to_a_child(request_: Any, status: str, last: Any, news: bool) -> None:
    """The later request stands, but a run that is cancelled takes its children along in any case."""
    assert was_missed(request_, status, last) is news


def test_a_parent_that_has_not_heard_that_its_child_goes_on_goes_on_itself(family: Family) -> None:
    """At once, and not only when the child has ended."""
    family.leave()
    family.has_happened(ItemPaused("call", 1, 0, LATER))
    WORK.gate.clear()
    engine, inbox = family.go_on(), Inbox.start()
    engine.proxy.watch(family.parent.id, inbox).get(timeout=PATIENCE)
    while messages_of(inbox).get(timeout=PATIENCE).status != "running":
        pass
    WORK.gate.set()
    assert outcome_of(family.handle(family.parent.id)).output == {"said": {"said": 2}}
    inbox.stop()
