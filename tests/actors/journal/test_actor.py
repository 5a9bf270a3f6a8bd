"""The journal's actor: the contents of a transaction, the order of notifications, and failures of the store."""

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pykka
import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Deferred, Dispatcher, RightOfWay, Timers
from stretto.actors.dispatch.clock import Clock
from stretto.actors.journal.access import AccessChange, EndSession, PruneAudit
from stretto.actors.journal.actor import PRUNE_PORTION, JournalActor
from stretto.actors.journal.audit import AuditEntries, Requester
from stretto.actors.journal.backlog import PORTION_ENTRIES
from stretto.actors.journal.claims import NOTHING_CLAIMED, Claimed
from stretto.actors.journal.kv import KeyChange, KeyPlace, RemoveKey, StoredKey, UnknownKey
from stretto.actors.journal.link import JournalLink
from stretto.actors.journal.messages import (
    ClaimRuns,
    EngineStarted,
    PruneRuns,
    RetryCommit,
    RunExists,
    RunsClaimed,
    RunUnrecordable,
    StoreGone,
)
from stretto.actors.journal.records import Audited, Ending, Happened, RunAccepted, Write, run_of
from stretto.actors.journal.schedules_memory import MemorySchedules
from stretto.actors.journal.store import AlreadyAccepted, Prune, StoreLost, StoreUnavailable, Unfinished, Unrecordable
from stretto.actors.runners import Runners
from stretto.actors.runs.messages import RunRecorded
from stretto.actors.runs.services import Services
from stretto.definitions.data.composing import list_of
from stretto.metrics import Instruments
from tests.support.waiting import PATIENCE, Inbox, messages_of


class Portions:
    """Runs that are deleted, so many in each portion; an error comes instead of one."""

    def __init__(self, *portions: int | Exception) -> None:
        self._left = list(portions)

    @property
    def finished(self) -> bool:
        return not self._left

    def prune_some(self, limit: int) -> int:
        assert limit == PRUNE_PORTION
        portion = self._left.pop(0)
        if isinstance(portion, Exception):
            raise portion
        return portion


class Book:
    """Takes transactions as a store does; a gate holds one up, and errors to come are raised in its place.

    The stores themselves are tested elsewhere: here it matters what the actor does with what they say.
    """

    def __init__(self) -> None:
        self.transactions: list[list[Write]] = []
        self.errors: list[Exception] = []
        self.existing: list[AlreadyAccepted] = []
        self.unrecordable: set[str] = set()
        self.broken: dict[str, list[Exception]] = {}
        self.prunings: list[Portions] = []
        self.changes: list[tuple[AccessChange, AuditEntries]] = []
        self.access_errors: list[Exception] = []
        self.closed = False
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(1_000)

    def hold_up(self) -> None:
        """Let no transaction be written until the gate is released."""
        while self.gate.acquire(blocking=False):
            pass

    def write(self, writes: Sequence[Write], more: Iterable[Sequence[Write]] = ()) -> list[AlreadyAccepted]:
        self.begun.release()
        assert self.gate.acquire(timeout=PATIENCE)
        if self.errors:
            raise self.errors.pop(0)
        for write in writes:
            if not isinstance(write, RunAccepted | Happened):
                continue
            if write.run_id in self.unrecordable:
                raise Unrecordable(f"{write.run_id} is odd")
            if self.broken.get(write.run_id):
                raise self.broken[write.run_id].pop()
        self.transactions.append([*writes, *chain.from_iterable(more)])
        return self.existing

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> bool:
        if self.access_errors:
            raise self.access_errors.pop(0)
        self.changes.append((change, audit))
        return True

    def pruning(self, _prune: Prune | PruneAudit) -> "Portions":
        return self.prunings.pop(0)

    def close(self) -> None:
        self.closed = True


class ClaimBook:
    """Runs that are claimed in portions, or errors that come instead. Then nothing is left."""

    def __init__(self) -> None:
        self.portions: list[Claimed | Exception] = []
        self.renewals = threading.Semaphore(0)
        self.looks_at: Callable[[], str | None] = lambda: None
        self.seen: list[str | None] = []

    def claim(self) -> Claimed:
        self.seen.append(self.looks_at())
        portion = self.portions.pop(0) if self.portions else NOTHING_CLAIMED
        if isinstance(portion, Exception):
            raise portion
        return portion

    def renew(self) -> Claimed:
        self.renewals.release()
        return NOTHING_CLAIMED


class AllSensors:
    """Claims all sensors."""

    def claim(self, refs: Collection[str]) -> frozenset[str]:
        return frozenset(refs)


class KeyBook:
    """Takes changes of keys, of which each is refused."""

    def apply(self, change: KeyChange, audit: AuditEntries = ()) -> StoredKey:
        raise UnknownKey(f"{change} {audit}")


class Desk:
    """A journal's actor with its book, its clock, and an engine that records its messages."""

    def __init__(self) -> None:
        self.book = Book()
        self.claims = ClaimBook()
        self.schedules = MemorySchedules()
        self.sensors = AllSensors()
        self._waiters: list[pykka.ActorRef[Inbox]] = []
        self.engine = Inbox.start()
        self.engine_is_made = True
        self.right_of_way = RightOfWay()
        self.link = JournalLink(self.right_of_way)
        self._clock = Clock.start()
        self._dispatcher = Dispatcher(1)
        services = Services(
            self._dispatcher,
            Timers(self._clock),
            Runners(threads=1),
            ActionRegistry.registered("refuse"),
            Instruments(),
        )
        services.engine = self.engine
        self.services = services
        self.actor = JournalActor.start(
            self.book,
            self.book.pruning,
            self.link,
            access=self.book,
            keys=KeyBook(),
            claims=self.claims,
            schedules=self.schedules,
            sensors=self.sensors,
            timers=services.timers,
            instruments=services.instruments,
            engine=lambda: self.engine if self.engine_is_made else None,
        )
        self.link.connect(self.actor)

    def received(self) -> Any:
        """Wait for the engine's next message."""
        return messages_of(self.engine).get(timeout=PATIENCE)

    def record(self, run_id: str, *more: Any) -> "pykka.ActorRef[Inbox]":
        """Record something of a run; return an actor that is notified when it is durable."""
        waiter = Inbox.start()
        self.link.record(happened(run_id), ((waiter, RunRecorded()),), *more)
        self._waiters.append(waiter)
        return waiter

    def close(self) -> None:
        self.book.gate.release(1_000)
        actors: list[pykka.ActorRef[Any]] = [self.actor, self.engine, self._clock, *self._waiters]
        for each in actors:
            if each.is_alive():
                each.stop()
        self.services.runners.stop()
        self._dispatcher.stop()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def happened(run_id: str) -> Happened:
    return Happened(run_id=run_id, first=0, entries=(), secret=False, status="paused")


def wait_for(waiter: "pykka.ActorRef[Inbox]") -> None:
    assert messages_of(waiter).get(timeout=PATIENCE) == RunRecorded()


def runs_of(transactions: list[list[Write]]) -> list[list[str]]:
    return [[run_id for write in each if (run_id := run_of(write)) is not None] for each in transactions]


def test_a_refused_change_of_a_key_harms_no_one(desk: Desk) -> None:
    """Its sender gets the error, and the journal continues."""
    change = RemoveKey(KeyPlace("system", "", "gone"), None, 0.0)
    with pytest.raises(UnknownKey):
        get(desk.link.change_key(change))
    wait_for(desk.record("a"))


def test_what_comes_during_a_transaction_is_the_next_one(desk: Desk) -> None:
    """Group commit: the busier, the larger; in the order in which it came."""
    desk.book.hold_up()
    first = desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    others = [desk.record(run_id) for run_id in "bcd"]
    desk.book.gate.release(2)
    for waiter in (first, *others):
        wait_for(waiter)
    assert runs_of(desk.book.transactions) == [["a"], ["b", "c", "d"]]
    assert desk.link.pending == 0


def test_no_message_is_sent_before_the_commit(desk: Desk) -> None:
    """Neither messages nor answers."""
    desk.book.hold_up()
    answer = Deferred()
    waiter = desk.record("a", ((answer, "durable"),))
    assert desk.book.begun.acquire(timeout=PATIENCE)
    assert messages_of(waiter).empty()
    reply: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    answer.subscribe(reply, set())
    with pytest.raises(pykka.Timeout):
        reply.get(timeout=0)
    desk.book.gate.release()
    wait_for(waiter)
    assert reply.get(timeout=PATIENCE) == "durable"


def test_a_transaction_that_failed_is_written_once_and_whole_when_the_store_is_back(desk: Desk) -> None:
    """Records that arrive meanwhile are written after it; the link has the reason."""
    desk.book.errors = [StoreUnavailable("the disk is full"), StoreUnavailable("the disk is full")]
    first = desk.record("a")
    wait_for(first)
    second = desk.record("b")
    wait_for(second)
    assert runs_of(desk.book.transactions) == [["a"], ["b"]]
    assert desk.link.unavailable is None
    assert desk.services.instruments.journal_failures.value == 2


def test_while_the_store_cannot_be_written_the_link_says_why(desk: Desk) -> None:
    """And new records wait behind those that failed."""
    desk.book.hold_up()
    desk.book.errors = [StoreUnavailable("the disk is full")]
    first = desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    desk.book.gate.release()
    assert desk.book.begun.acquire(timeout=PATIENCE), "it tries again"
    assert desk.link.unavailable == "the disk is full"
    second = desk.record("b")
    desk.book.gate.release(2)
    wait_for(first)
    wait_for(second)


def test_what_can_never_be_written_harms_no_other_run(desk: Desk) -> None:
    """Its run is reported, and nothing more of it is written; other runs are written."""
    desk.book.unrecordable = {"odd"}
    desk.book.hold_up()
    first = desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    odd, good, odd_again = desk.record("odd"), desk.record("b"), desk.record("odd")
    desk.book.gate.release(10)
    wait_for(first)
    wait_for(good)
    assert desk.received() == RunUnrecordable("odd", "odd is odd")
    assert messages_of(odd).empty()
    assert messages_of(odd_again).empty()
    later = desk.record("odd")
    wait_for(desk.record("c"))
    assert messages_of(later).empty()


def test_that_a_run_has_ended_of_what_could_not_be_written_is_written(desk: Desk) -> None:
    """If even that is refused, the message is sent anyway, so that no one waits for ever."""
    desk.book.unrecordable = {"odd"}
    desk.record("odd")
    assert desk.received() == RunUnrecordable("odd", "odd is odd")
    ending = Happened(run_id="odd", first=0, entries=(), secret=False, ending=Ending("failed", None, list_of([]), 0.0))
    waiter = Inbox.start()
    desk.link.record(ending, ((waiter, RunRecorded()),))
    wait_for(waiter)
    desk.book.unrecordable = set()
    desk.link.record(ending, ((waiter, RunRecorded()),))
    wait_for(waiter)
    assert desk.book.transactions[-1] == [ending]
    assert desk.link.pending == 0
    waiter.stop()


def test_what_is_dropped_says_nothing_of_the_store(desk: Desk) -> None:
    """As long as it cannot be written, a run that could not be recorded lets no other one start."""
    desk.book.unrecordable = {"odd"}
    desk.record("odd")
    assert desk.received() == RunUnrecordable("odd", "odd is odd")
    desk.book.begun = threading.Semaphore(0)
    desk.book.errors = [StoreUnavailable("the disk is full")]
    desk.book.hold_up()
    waiter = desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    desk.book.gate.release()
    # Written again after a while: the store has not been there before that is done.
    assert desk.book.begun.acquire(timeout=PATIENCE)
    assert desk.link.unavailable == "the disk is full"
    desk.book.gate.release(10)
    wait_for(waiter)
    assert [desk.link.unavailable] == [None]
    assert desk.link.pending == 0


@pytest.mark.parametrize("lost", [False, True])
def test_a_store_may_fail_while_it_is_looked_for_what_can_never_be_written(desk: Desk, lost: bool) -> None:
    """Later records are written when the store is back; if it is lost, no message is sent."""
    desk.book.unrecordable = {"odd"}
    desk.book.broken = {"c": [StoreLost("it is another's") if lost else StoreUnavailable("the disk is full")]}
    desk.book.hold_up()
    first = desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    odd, good, later = desk.record("odd"), desk.record("b"), desk.record("c")
    desk.book.gate.release(20)
    wait_for(first)
    wait_for(good)
    assert desk.received() == RunUnrecordable("odd", "odd is odd")
    if lost:
        assert desk.received() == StoreGone("it is another's")
        assert messages_of(later).empty()
    else:
        wait_for(later)
        assert runs_of(desk.book.transactions) == [["a"], ["b"], ["c"]]
        assert desk.link.pending == 0
    assert messages_of(odd).empty()


def test_a_run_whose_key_is_taken_is_reported_to_the_engine(desk: Desk) -> None:
    """Its acceptance is not reported."""
    desk.book.existing = [AlreadyAccepted("new", "old", same_request=True)]
    waiter = desk.record("new")
    assert desk.received() == RunExists("new", "old", same_request=True)
    assert messages_of(waiter).empty()


def test_a_store_that_is_anothers_now_ends_the_engine(desk: Desk) -> None:
    """Nothing is written any more, and no message is sent."""
    desk.book.errors = [StoreLost("another daemon has opened it")]
    waiter = desk.record("a")
    assert desk.received() == StoreGone("another daemon has opened it")
    assert messages_of(waiter).empty()


def test_a_journal_that_crashes_takes_the_engine_with_it(desk: Desk) -> None:
    """Whatever the cause: unwritten records must not be acknowledged."""
    desk.book.errors = [ZeroDivisionError("a bug")]
    desk.record("a")
    assert desk.received() == StoreGone("the journal crashed: ZeroDivisionError: a bug")
    assert desk.book.closed


def test_what_is_left_is_written_at_the_end(desk: Desk) -> None:
    """Stopping is no reason to lose anything."""
    desk.book.hold_up()
    desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    desk.record("b")
    stopped = desk.actor.stop
    thread = threading.Thread(target=stopped)
    thread.start()
    desk.book.gate.release(10)
    thread.join(PATIENCE)
    assert runs_of(desk.book.transactions) == [["a"], ["b"]]
    assert desk.book.closed


def test_runs_are_deleted_a_portion_at_a_time(desk: Desk) -> None:
    """Records are written in between, and the answer is the number of deleted runs."""
    desk.book.prunings = [Portions(5, 3)]
    answer = Deferred()
    desk.actor.tell(PruneRuns(Prune(keep=0), answer))
    reply: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    answer.subscribe(reply, set())
    assert reply.get(timeout=PATIENCE) == 5 + 3


def test_who_has_runs_deleted_is_answered_also_if_the_end_comes_first(desk: Desk) -> None:
    """While the store cannot be written nothing is deleted."""
    desk.book.errors = [StoreUnavailable("the disk is full")] * 3
    desk.book.prunings = [Portions(5, 3)]
    desk.book.hold_up()
    desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    answer = Deferred()
    reply: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    answer.subscribe(reply, set())
    desk.actor.tell(PruneRuns(Prune(keep=0), answer))
    desk.book.gate.release(10)
    desk.actor.stop()
    with pytest.raises(StoreUnavailable, match="stopped"):
        reply.get(timeout=PATIENCE)


def test_whoever_asks_while_others_are_deleted_is_answered_too(desk: Desk) -> None:
    """Also when the first one comes to its end, or fails, and nothing else happens."""
    desk.book.prunings = [Portions(5, StoreUnavailable("the disk is away")), Portions(1, 2, 4), Portions(8)]
    desk.book.hold_up()
    desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    replies: list[pykka.ThreadingFuture[int]] = [pykka.ThreadingFuture() for _ in range(3)]
    for reply in replies:
        answer = Deferred()
        answer.subscribe(reply, set())
        desk.actor.tell(PruneRuns(Prune(keep=0), answer))
    desk.book.gate.release()
    assert [reply.get(timeout=PATIENCE) for reply in replies[1:]] == [1 + 2 + 4, 8]
    with pytest.raises(StoreUnavailable):
        replies[0].get(timeout=PATIENCE)


def test_a_question_for_what_is_durable_so_far_is_answered_without_a_transaction(desk: Desk) -> None:
    """There is nothing to write."""
    waiter = Inbox.start()
    desk.link.record(None, ((waiter, RunRecorded()),))
    wait_for(waiter)
    waiter.stop()
    assert desk.book.transactions == []


def fill(desk: Desk, run_id: str, records: int) -> None:
    """Record entries of a run, as a large fan-out does."""
    for _ in range(records):
        desk.link.record(Happened(run_id=run_id, first=0, entries=ENTRIES, secret=False))


ENTRIES: Any = (None,) * 64


def test_a_request_overtakes_the_records_of_a_large_run(desk: Desk) -> None:
    """It is in the transaction after the one that is being written."""
    desk.book.hold_up()
    fill(desk, "large", 1)
    assert desk.book.begun.acquire(timeout=PATIENCE)
    fill(desk, "large", 100)
    waiter = desk.record("small")
    desk.book.gate.release(1_000)
    wait_for(waiter)
    assert runs_of(desk.book.transactions)[:2] == [["large"], ["small"]]
    all_written = Deferred()
    reply: pykka.ThreadingFuture[None] = pykka.ThreadingFuture()
    all_written.subscribe(reply, set())
    desk.link.record(None, (), ((all_written, None),))
    reply.get(timeout=PATIENCE)
    assert list(chain.from_iterable(runs_of(desk.book.transactions))).count("large") == 101
    assert desk.link.pending == 0


def test_a_transaction_ends_with_what_someone_waits_for(desk: Desk) -> None:
    """A request that comes meanwhile is added to it, and no further portion."""
    waiters: queue.SimpleQueue[pykka.ActorRef[Inbox]] = queue.SimpleQueue()
    write_all = desk.book.write

    def write(writes: Sequence[Write], more: Iterable[Sequence[Write]] = ()) -> list[AlreadyAccepted]:
        def portions() -> Iterator[Sequence[Write]]:
            for number, portion in enumerate(more):
                if number == 1:
                    waiters.put(desk.record("small"))
                yield portion

        return write_all(writes, portions())

    desk.book.hold_up()
    fill(desk, "other", 1)
    assert desk.book.begun.acquire(timeout=PATIENCE)
    desk.book.write = write  # type: ignore[method-assign]
    portion = PORTION_ENTRIES // len(ENTRIES)
    fill(desk, "large", 10 * portion)
    desk.book.gate.release(1_000)
    wait_for(waiters.get(timeout=PATIENCE))
    assert runs_of(desk.book.transactions)[:2] == [["other"], ["large"] * 3 * portion + ["small"]]


def test_a_family_is_written_in_its_order(desk: Desk) -> None:
    """A child's records do not overtake its parent's, though someone waits for them."""
    desk.book.hold_up()
    fill(desk, "other", 1)
    assert desk.book.begun.acquire(timeout=PATIENCE)
    waiter = Inbox.start()
    desk.link.record(happened("parent"), family="top")
    desk.link.record(happened("child"), ((waiter, RunRecorded()),), family="top")
    desk.book.gate.release(1_000)
    wait_for(waiter)
    waiter.stop()
    assert runs_of(desk.book.transactions) == [["other"], ["parent", "child"]]


def test_the_right_of_way_is_kept_until_no_one_waits(desk: Desk) -> None:
    """It is taken with the record, before the journal knows of it."""
    taken: list[bool] = []
    desk.book.hold_up()
    desk.link.record(happened("a"))
    taken.append(desk.right_of_way.taken)
    waiter = desk.record("b")
    taken.append(desk.right_of_way.taken)
    desk.book.gate.release(1_000)
    wait_for(waiter)
    desk.actor.stop()
    taken.append(desk.right_of_way.taken)
    assert taken == [False, True, False]


AUDIT: AuditEntries = Requester(who="mira", via="cli", source="local").asks("change", "x", 1.0)


def get(answer: Deferred) -> Any:
    reply: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    answer.subscribe(reply, set())
    return reply.get(timeout=PATIENCE)


def test_a_change_of_access_is_answered_when_it_is_written(desk: Desk) -> None:
    """With its audit, in a transaction of its own."""
    assert get(desk.link.change_access(EndSession("a"), AUDIT)) is True
    assert desk.book.changes == [(EndSession("a"), AUDIT)]
    assert desk.book.transactions == []


def test_a_change_of_access_leaves_no_record_behind(desk: Desk) -> None:
    """Records that came before and after it are written, also if it fails."""
    desk.book.access_errors = [StoreUnavailable("the disk is full")]
    desk.book.hold_up()
    first = desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    second = desk.record("b")
    change = desk.link.change_access(EndSession("a"))
    desk.book.gate.release(10)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        get(change)
    for waiter in (first, second):
        wait_for(waiter)


def test_while_the_store_cannot_be_written_a_change_of_access_fails(desk: Desk) -> None:
    """Its sender may try again; nothing is written behind the batch that waits."""
    desk.book.errors = [StoreUnavailable("the disk is full")] * 1_000
    desk.book.hold_up()
    desk.record("a")
    assert desk.book.begun.acquire(timeout=PATIENCE)
    change = desk.link.change_access(EndSession("a"))  # handled behind the transaction, which fails
    desk.book.gate.release(1_000)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        get(change)
    assert desk.book.changes == []
    desk.book.errors = []


def test_a_change_of_access_in_a_lost_store_ends_the_engine(desk: Desk) -> None:
    """As a record does."""
    desk.book.access_errors = [StoreLost("another process has it")]
    with pytest.raises(StoreLost):
        get(desk.link.change_access(EndSession("a")))
    assert desk.received() == StoreGone("another process has it")


def test_a_change_of_access_after_the_end_fails(desk: Desk) -> None:
    """It is not left unanswered."""
    desk.actor.stop()
    with pytest.raises(StoreUnavailable, match="the engine is being stopped"):
        get(desk.link.change_access(EndSession("a")))


def test_who_asked_for_a_deletion_is_written_before_it(desk: Desk) -> None:
    """If that fails, nothing is deleted."""
    desk.book.prunings = [Portions(5, 3), Portions(7)]
    desk.book.errors = [StoreUnavailable("the disk is full")]
    refused, answer = Deferred(), Deferred()
    desk.actor.tell(PruneRuns(Prune(keep=0), refused, AUDIT))
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        get(refused)
    desk.actor.tell(PruneRuns(Prune(keep=0), answer, AUDIT))
    assert get(answer) == 7
    assert desk.book.transactions == [[Audited(AUDIT)]]


def test_old_entries_of_the_audit_are_deleted_a_portion_at_a_time(desk: Desk) -> None:
    """As runs are."""
    desk.book.prunings = [Portions(5, 3)]
    answer = Deferred()
    desk.actor.tell(PruneRuns(PruneAudit(9.0), answer))
    assert get(answer) == 5 + 3


def test_schedules_are_claimed_in_a_transaction_of_their_own(desk: Desk) -> None:
    [state] = get(desk.link.claim_schedules({"a.b": "every 60 s"}, 1000))
    assert (state.ref, state.after) == ("a.b", 1000)
    assert desk.book.transactions == []


# ---- claims


def claimed(*run_ids: str, **given: Any) -> Claimed:
    """Return that runs were claimed."""
    return Claimed(tuple(Unfinished(each, "tests.probe", 1.0, None) for each in run_ids), (), **given)


def test_the_engine_gets_what_is_claimed(desk: Desk) -> None:
    """One portion after the other, until nothing is left. No message comes of a portion without runs."""
    desk.claims.portions = [claimed("a", more=True), claimed(more=True), claimed("b")]
    desk.actor.tell(ClaimRuns())
    assert [desk.received(), desk.received()] == [RunsClaimed(claimed("a", more=True)), RunsClaimed(claimed("b"))]


def test_claims_are_repeated_after_the_time_that_the_store_says(desk: Desk) -> None:
    """It depends on when the next lease ends."""
    desk.claims.portions = [claimed("a", again=0.0), claimed("b")]
    desk.actor.tell(ClaimRuns())
    assert [desk.received().claimed.unfinished[0].run_id for _ in range(2)] == ["a", "b"]


def test_a_claim_that_fails_is_tried_again(desk: Desk) -> None:
    """Meanwhile the store counts as unavailable, and nothing starts."""
    desk.claims.portions = [StoreUnavailable("a lost server"), claimed("a")]
    desk.actor.tell(ClaimRuns())
    assert desk.received() == RunsClaimed(claimed("a"))
    assert desk.link.unavailable is None


def test_a_failed_claim_does_not_count_as_an_available_store(desk: Desk) -> None:
    """Only a transaction shows that it is. So waiting items start after the next claim, and not before it."""
    desk.claims.portions = [StoreUnavailable("a lost server"), StoreUnavailable("still lost"), claimed("a")]
    desk.claims.looks_at = lambda: desk.link.unavailable
    desk.actor.tell(ClaimRuns())
    assert desk.received() == RunsClaimed(claimed("a"))
    assert desk.claims.seen == [None, "a lost server", "still lost"]
    assert desk.link.unavailable is None


def test_the_engine_gets_what_happened_before_it_was_made(desk: Desk) -> None:
    """It ends then, as any other that was fenced."""
    desk.engine_is_made = False
    desk.claims.portions = [StoreLost("another one took over")]
    desk.actor.tell(ClaimRuns())
    desk.actor.ask(RetryCommit())  # the claim is over
    desk.engine_is_made = True
    desk.actor.tell(EngineStarted())
    assert desk.received() == StoreGone("another one took over")


def test_an_engine_that_was_fenced_ends(desk: Desk) -> None:
    """It finds that when it renews its lease, if it has nothing to write."""
    desk.claims.portions = [StoreLost("another one took over")]
    desk.actor.tell(ClaimRuns())
    assert desk.received() == StoreGone("another one took over")


def test_an_engine_that_is_being_stopped_renews_its_lease_and_claims_nothing(desk: Desk) -> None:
    """Others would wait for what it claims."""
    desk.link.stop_claiming()
    desk.claims.portions = [claimed("a")]
    desk.actor.tell(ClaimRuns())
    assert desk.claims.renewals.acquire(timeout=PATIENCE)
    assert desk.claims.portions == [claimed("a")]
