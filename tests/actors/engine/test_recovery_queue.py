"""Runs that wait to be rebuilt: so many at a time, children after their parents, and what each is rebuilt from."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.crashes import STEPS
from stretto.actors.engine.recovery_queue import RECOVERED_AT_ONCE, RecoveryQueue
from stretto.actors.engine.suspects import NOTED_AT_ONCE, Suspects
from stretto.actors.history.loading import RunLoaded, RunNotLoaded, load, not_loaded, stored_handle
from stretto.actors.journal.encryption import StoreKeyMissing, WrongStoreKey
from stretto.actors.journal.no_journal import NoJournal
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.readers import NoReaders, Readers
from stretto.actors.journal.records import Rerun, Suspicion, UnreadableRecord
from stretto.actors.journal.replay_trace import ReplayTrace
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Reader, StoreUnavailable, Unfinished, Unrecordable
from stretto.actors.outcome import UnknownRun
from stretto.actors.runs.recovery_messages import PauseElapsed, RecoveryNoted, RunSettled, TrialsAged, TrialStepped
from tests.support.conducted import Conducted
from tests.support.noting import NotedAtOnce
from tests.support.recording import acceptance, new_id
from tests.support.stores import KEYRING, unfinished
from tests.support.waiting import PATIENCE, Inbox, messages_of

FAN = """
ref: tests.fan
tasks:
  - {name: before, action: core.noop, next: [{do: [fan]}]}
  - {name: fan, action: core.noop, with_items: [a, b, c], concurrency: 3}
output_map: {all: "{{ task.fan.result }}"}
"""


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store("sqlite://", KEYRING) as opened:
        yield opened


def no_pause(_seconds: float, engine: "pykka.ActorRef[Inbox]", message: Any) -> None:
    """Have a pause be over at once."""
    engine.tell(message)


class Desk:
    """The line of runs, with an engine that notes its messages."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.engine = Inbox.start()
        self.readers = Readers(store.reader)
        self.link = NotedAtOnce(store)
        self.steps: list[TrialStepped] = []
        """The next steps of trials, which come when a test says so."""
        self.suspects = Suspects(self.link, self.engine, ReplayTrace(None), lambda: 1000.0, self._remind_after)
        self.queue = RecoveryQueue(self.engine, self.readers, self.suspects)

    def _remind_after(self, seconds: float, engine: "pykka.ActorRef[Inbox]", message: Any) -> None:
        if isinstance(message, TrialStepped):
            self.steps.append(message)
        elif not isinstance(message, TrialsAged):
            no_pause(seconds, engine, message)

    def take_steps(self, count: int) -> None:
        """Let so many steps of the only trial come."""
        for _ in range(count):
            (step,) = self.steps
            self.steps.clear()
            self.queue.trial_stepped(step)

    def accepted(self, count: int) -> list[str]:
        """Accept runs; return their ids."""
        ids = [new_id() for _ in range(count)]
        self.store.writer.write([acceptance(run_id) for run_id in ids])
        return ids

    def left(self) -> list[Unfinished]:
        return unfinished(self.store.reader)

    def loaded(self) -> set[str]:
        """Return the runs whose messages the engine has, when all that is noted, and then read, has been."""
        inbox = messages_of(self.engine)
        loaded: set[str] = set()
        while True:
            free = threading.Barrier(3)
            for _ in range(2):
                self.readers.ask_deferred(partial(_wait, free))
            free.wait(PATIENCE)
            messages_of(self.engine)  # the inbox has what was sent before
            if inbox.empty():
                return loaded
            message = inbox.get()
            if isinstance(message, RecoveryNoted):
                self.queue.noted(message)
            elif isinstance(message, PauseElapsed):
                self.queue.pause_elapsed(message)
            else:
                assert isinstance(message, RunLoaded)
                loaded.add(message.accepted.run_id)

    def close(self) -> None:
        self.readers.stop()
        self.engine.stop()


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    made = Desk(store)
    yield made
    made.close()


def _wait(free: threading.Barrier, _reader: Reader) -> None:
    free.wait(PATIENCE)


def is_settled(later: Deferred) -> bool:
    reply: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    later.subscribe(reply, set())
    try:
        reply.get(timeout=0)
    except pykka.Timeout:
        return False
    return True


def test_only_so_many_are_rebuilt_at_a_time(desk: Desk) -> None:
    """The first ones first; for each that is done the next one is read."""
    ids = desk.accepted(3 * RECOVERED_AT_ONCE)
    assert desk.queue.enqueue_unfinished(desk.left()) == []
    assert desk.loaded() == set(ids[:RECOVERED_AT_ONCE])
    for done in range(RECOVERED_AT_ONCE):
        desk.queue.finished_one(ids[done])
        assert desk.loaded() == {ids[RECOVERED_AT_ONCE + done]}
    assert not is_settled(desk.queue.finished)
    for run_id in ids[RECOVERED_AT_ONCE:]:
        desk.queue.finished_one(run_id)
    assert is_settled(desk.queue.finished)


def test_where_nothing_was_left_it_is_over_at_once() -> None:
    """Also without a store."""
    engine = Inbox.start()
    queue = RecoveryQueue(
        engine, NoReaders(), Suspects(NoJournal(), engine, ReplayTrace(None), lambda: 1000.0, no_pause)
    )
    assert queue.enqueue_unfinished([]) == []
    assert is_settled(queue.finished)
    engine.stop()


def test_what_will_be_tried_again_is_still_waited_for(desk: Desk) -> None:
    """It makes room for others meanwhile."""
    ids = desk.accepted(RECOVERED_AT_ONCE + 1)
    desk.queue.enqueue_unfinished(desk.left())
    desk.loaded()
    desk.queue.postpone(ids[0])
    assert desk.loaded() == {ids[-1]}
    for run_id in ids[1:]:
        desk.queue.finished_one(run_id)
    assert not is_settled(desk.queue.finished)
    desk.queue.enqueue([ids[0]])
    assert desk.loaded() == {ids[0]}
    desk.queue.finished_one(ids[0])
    assert is_settled(desk.queue.finished)


def test_suspects_come_after_all_others_and_one_at_a_time(desk: Desk) -> None:
    """The one with the most crashes is the last."""
    ids = desk.accepted(RECOVERED_AT_ONCE + 4)
    first, second, third = ids[1], ids[0], ids[5]
    noted = [Suspicion(run_id=run_id, noted_at=1.0, crashes=n) for n, run_id in enumerate((first, second, third))]
    assert desk.suspects.review(noted, ids) == []
    desk.queue.enqueue_unfinished(desk.left())
    others = [run_id for run_id in ids if run_id not in {first, second, third}]
    assert desk.loaded() == set(others[:RECOVERED_AT_ONCE])
    desk.queue.finished_one(others[0])
    assert desk.loaded() == set(others[RECOVERED_AT_ONCE:])
    desk.suspects.clear(others[0])
    for run_id in others[1:]:
        assert desk.loaded() == set(), "no suspect is tried while another run is being recovered"
        desk.suspects.clear(run_id)
        desk.queue.finished_one(run_id)
    for run_id in (first, second, third):
        assert desk.loaded() == {run_id}
        (child,) = desk.accepted(1)
        desk.queue.enqueue([child])
        assert desk.loaded() == set(), "a run that comes meanwhile waits until the suspect is recovered"
        desk.suspects.clear(run_id)
        desk.queue.finished_one(run_id)
        assert desk.loaded() == {child}
        desk.suspects.clear(child)
        desk.queue.finished_one(child)
    assert desk.loaded() == set()
    assert is_settled(desk.queue.finished)
    assert desk.store.reader.suspects() == []


def test_a_commit_notes_many_runs(desk: Desk) -> None:
    """Recovery of N runs takes N / 64 commits, and one that clears the last notes; each run's row is written once."""
    ids = desk.accepted(10 * NOTED_AT_ONCE)
    rows = desk.store.writer.rows_written
    desk.queue.enqueue_unfinished(desk.left())
    done = 0
    while loaded := desk.loaded():
        for run_id in loaded:
            done += 1
            desk.suspects.clear(run_id)
            desk.queue.finished_one(run_id)
    assert done == len(ids)
    assert is_settled(desk.queue.finished)
    assert desk.link.commits == 10 + 1
    assert desk.store.writer.rows_written - rows == 2 * len(ids), "a row is inserted, and deleted"
    assert desk.store.reader.suspects() == []


def test_a_clean_stop_withdraws_the_notes(desk: Desk) -> None:
    """Suspects of an earlier crash stay suspects, but none was alone."""
    ids = desk.accepted(3)
    desk.suspects.review([Suspicion(run_id=ids[0], noted_at=1.0, crashes=1, places=(7,))], ids)
    desk.queue.enqueue_unfinished(desk.left())
    assert desk.loaded() == set(ids[1:])
    for run_id in ids[1:]:
        desk.suspects.clear(run_id)
        desk.queue.finished_one(run_id)
    assert desk.loaded() == {ids[0]}
    assert [each.alone for each in desk.store.reader.suspects()] == [True]
    desk.queue.clear()
    (left,) = desk.store.reader.suspects()
    assert left == Suspicion(run_id=ids[0], noted_at=1000.0, crashes=1, places=(7,))


def test_sub_workflows_wait_for_whose_items_they_perform(desk: Desk) -> None:
    """One whose parent is not there any more does not wait, and is returned."""
    parent = Conducted(desk.store, FAN)
    parent.succeed("before")
    children = [Conducted(desk.store, FAN, parent=parent, of_item=("fan", index)) for index in range(2)]
    orphan = Conducted(desk.store, FAN, parent=Conducted(desk.store, FAN), of_item=("before", 0))
    left = [each for each in desk.left() if each.run_id != orphan.accepted.parent.run_id]  # type: ignore[union-attr]
    assert desk.queue.enqueue_unfinished(left) == [orphan.id]
    assert desk.loaded() == {parent.id, orphan.id}
    waiting = desk.queue.take_children(parent.id)
    assert waiting == [each.id for each in children]
    assert desk.queue.take_children(parent.id) == [], "once is enough"
    desk.queue.enqueue(waiting)
    desk.queue.finished_one(parent.id)
    desk.queue.finished_one(orphan.id)
    assert desk.loaded() == set(waiting)
    assert not is_settled(desk.queue.finished)


def test_an_engine_that_ends_rebuilds_nothing_more(desk: Desk) -> None:
    """Reads in progress finish."""
    ids = desk.accepted(RECOVERED_AT_ONCE + 1)
    desk.queue.enqueue_unfinished(desk.left())
    assert desk.loaded() == set(ids[:RECOVERED_AT_ONCE])
    desk.queue.clear()
    for run_id in ids:
        desk.queue.finished_one(run_id)
    assert desk.loaded() == set()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StoreUnavailable("the disk is gone"), RunNotLoaded("r", "the disk is gone", "soon")),
        (StoreKeyMissing("no key"), RunNotLoaded("r", "no key", "with the key")),
        (WrongStoreKey("another key"), RunNotLoaded("r", "another key", "with the key")),
        (UnreadableRecord("damaged"), RunNotLoaded("r", "damaged", "never")),
        (KeyError("odd"), RunNotLoaded("r", "KeyError: 'odd'", "never")),
    ],
)
def test_an_unreadable_run_is_reported_with_when_it_can_be_read(error: Exception, expected: RunNotLoaded) -> None:
    """Only what another time may do is tried another time, and nothing is given up for want of a key."""
    assert not_loaded("r", error) == expected


def test_a_run_is_loaded_with_what_it_was_given_and_the_runs_of_its_items(store: Store) -> None:
    """Its entries are read by its supervisor."""
    parent = Conducted(store, FAN)
    parent.succeed("before")
    child = Conducted(store, FAN, parent=parent, of_item=("fan", 1))
    loaded = load(parent.id, store.reader)
    assert loaded.accepted == parent.accepted
    assert [(each.run_id, each.item.index, each.ended_at) for each in loaded.children] == [(child.id, 1, None)]
    assert loaded.reuse_plan is None
    with pytest.raises(UnknownRun, match="'no-such-run'"):
        load("no-such-run", store.reader)


def rerun_of(store: Store, old: str, scope: Any) -> str:
    accepted = acceptance(rerun=Rerun(old, scope))
    store.writer.write([accepted])
    return accepted.run_id


def test_a_rerun_is_loaded_with_what_it_keeps(store: Store) -> None:
    """Which the old run's entries tell."""
    old = Conducted(store, FAN)
    old.succeed("before")
    old.succeed("fan", 0, "A")
    old.fail("fan", 1)
    old.succeed("fan", 2, "C")
    assert load(rerun_of(store, old.id, "everything"), store.reader).reuse_plan is None
    kept = load(rerun_of(store, old.id, "failed_items"), store.reader).reuse_plan
    assert kept is not None
    assert kept.keeps("before")
    assert not kept.keeps("fan")


def test_only_a_rerun_that_keeps_something_needs_the_old_run(store: Store) -> None:
    """One that does everything again has all that it needs."""
    assert load(rerun_of(store, "gone", "everything"), store.reader).reuse_plan is None
    with pytest.raises(Unrecordable, match="the run gone that it reruns was deleted"):
        rerun_of(store, "gone", "failed_items")


def test_the_handle_of_an_ended_run_has_its_outcome(store: Store) -> None:
    """A run that has not ended has none here: it is in progress, or waits to be."""
    run = Conducted(store, FAN)
    with pytest.raises(UnknownRun, match="there is no ended run"):
        stored_handle(run.id, store.reader)
    run.succeed("before")
    for index, result in enumerate("ABC"):
        run.succeed("fan", index, result)
    handle = stored_handle(run.id, store.reader)
    assert (handle.id, handle.workflow) == (run.id, "tests.fan")
    assert handle.outcome.get(timeout=0).output == {"all": ["A", "B", "C"]}
    with pytest.raises(UnknownRun):
        stored_handle("no-such-run", store.reader)


def test_a_run_stays_noted_while_its_restarted_items_are_in_flight(desk: Desk) -> None:
    """Recovery is finished meanwhile. The note goes when the items have ended."""
    first, second = desk.accepted(2)
    desk.queue.enqueue_unfinished(desk.left())
    assert desk.loaded() == {first, second}
    for run_id in (first, second):
        desk.queue.restarted(run_id)
    assert is_settled(desk.queue.finished)
    desk.queue.settled(RunSettled(first))
    assert {each.run_id for each in desk.store.reader.suspects()} == {first, second}, "one commit serves both"
    desk.queue.settled(RunSettled(second))
    assert desk.store.reader.suspects() == []


def test_a_clean_stop_withdraws_the_notes_of_restarted_items(desk: Desk) -> None:
    """Nothing has crashed."""
    desk.accepted(2)
    desk.queue.enqueue_unfinished(desk.left())
    for run_id in desk.loaded():
        desk.queue.restarted(run_id)
    desk.queue.clear()
    assert desk.store.reader.suspects() == []


def test_no_suspect_is_recovered_while_restarted_items_of_others_are_in_flight(desk: Desk) -> None:
    """Those of a group end first, then those of each suspect, or their time does."""
    other, first, second, third = ids = desk.accepted(4)
    noted = [Suspicion(run_id=run_id, noted_at=1.0) for run_id in (first, second)]
    noted.append(Suspicion(run_id=third, noted_at=1.0, crashes=1))
    desk.suspects.review(noted, ids)
    desk.queue.enqueue_unfinished(desk.left())
    assert desk.loaded() == {other}
    desk.queue.restarted(other)
    assert desk.loaded() == set()
    desk.queue.settled(RunSettled(other))
    assert desk.loaded() == {first}
    desk.queue.restarted(first)
    assert desk.loaded() == set()
    desk.take_steps(len(STEPS) - 1)
    assert desk.loaded() == set()
    desk.take_steps(1)
    assert desk.loaded() == {second}, "its time is over"
    desk.queue.restarted(second)
    assert desk.loaded() == set()
    desk.queue.settled(RunSettled(second))
    assert desk.loaded() == {third}
    (alone,) = [each for each in desk.store.reader.suspects() if each.alone]
    assert alone.run_id == third
    desk.queue.restarted(third)
    desk.queue.settled(RunSettled(third))
    assert is_settled(desk.queue.finished)
    assert desk.store.reader.suspects() == []


def test_many_suspects_share_the_time(desk: Desk) -> None:
    """Each next one is recovered beside restarted items of earlier ones, but for one that has crashed alone."""
    first, second, third, *others = ids = desk.accepted(8)
    noted = [Suspicion(run_id=run_id, noted_at=1.0, crashes=run_id == third) for run_id in ids]
    desk.suspects.review(noted, ids)
    desk.queue.enqueue_unfinished(desk.left())
    assert desk.loaded() == {first}
    desk.queue.restarted(first)
    desk.take_steps(len(STEPS) - 2)
    assert desk.loaded() == set()
    desk.take_steps(1)
    assert desk.loaded() == {second}
    states = {each.run_id: (each.alone, each.among) for each in desk.store.reader.suspects()}
    assert states == {first: (False, True), second: (True, False)}
    for run_id in (second, *others):
        desk.queue.restarted(run_id)
        desk.queue.settled(RunSettled(run_id))
        desk.loaded()
    assert desk.loaded() == set(), "items of the first one are in flight"
    desk.queue.settled(RunSettled(first))
    assert desk.loaded() == {third}
