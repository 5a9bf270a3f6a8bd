"""The link to the journal: pending entries are counted, and waiters are notified of room."""

from typing import TYPE_CHECKING

import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.link import MAX_PENDING, ROOM_AGAIN, JournalLink, notify
from stretto.actors.journal.messages import JournalHasRoom, Record
from stretto.actors.journal.no_journal import NoJournal
from stretto.actors.journal.records import Happened, ItemStarted
from stretto.actors.runs.messages import RunRecorded
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pykka


@pytest.fixture
def journal() -> "Iterator[pykka.ActorRef[Inbox]]":
    reference = Inbox.start()
    yield reference
    reference.stop()


@pytest.fixture
def waiter() -> "Iterator[pykka.ActorRef[Inbox]]":
    reference = Inbox.start()
    yield reference
    reference.stop()


def happened(entries: int) -> Happened:
    started = tuple(ItemStarted("a", 1, index, 1, 0.0) for index in range(entries))
    return Happened(run_id="r", first=0, entries=started, secret=False)


def linked(journal: "pykka.ActorRef[Inbox]") -> JournalLink:
    link = JournalLink()
    link.connect(journal)
    return link


def test_entries_are_counted_until_they_are_durable(journal: "pykka.ActorRef[Inbox]") -> None:
    """Each entry counts, and what has none counts as one: it takes room, too."""
    link = linked(journal)
    link.record(happened(3))
    link.record(None)
    assert link.pending == 4
    records = [messages_of(journal).get(timeout=PATIENCE) for _ in range(2)]
    assert [record.entries for record in records] == [3, 1]
    link.committed(4)
    assert link.pending == 0


def test_waiters_are_notified_once_the_journal_has_room(
    journal: "pykka.ActorRef[Inbox]", waiter: "pykka.ActorRef[Inbox]"
) -> None:
    """Beyond the bound nothing starts; it starts again far below it, and not one by one."""
    link = linked(journal)
    assert link.has_room(waiter)
    link.record(happened(MAX_PENDING))
    assert not link.has_room(waiter)
    assert not link.has_room(waiter)
    link.committed(MAX_PENDING - ROOM_AGAIN - 1)
    assert messages_of(waiter).empty()
    link.committed(1)
    assert messages_of(waiter).get(timeout=PATIENCE) == JournalHasRoom()
    assert messages_of(waiter).empty()
    assert link.has_room(waiter)


def test_nothing_starts_while_the_store_cannot_be_written(
    journal: "pykka.ActorRef[Inbox]", waiter: "pykka.ActorRef[Inbox]"
) -> None:
    """However little is under way; the first commit ends that."""
    link = linked(journal)
    link.record(happened(1))
    link.failed("the disk is full")
    assert not link.has_room(waiter)
    assert (link.unavailable or "") == "the disk is full"
    link.committed(1)
    assert not link.unavailable
    assert messages_of(waiter).get(timeout=PATIENCE) == JournalHasRoom()


def test_without_a_journal_everything_is_as_durable_as_it_will_ever_be(waiter: "pykka.ActorRef[Inbox]") -> None:
    """Answers are resolved at once, and there is always room."""
    link, answer = NoJournal(), Deferred()
    link.record(happened(5), ((waiter, RunRecorded()),), ((answer, 7),))
    assert messages_of(waiter).get(timeout=PATIENCE) == RunRecorded()
    assert not answer.resolve(8), "it has been answered"
    assert link.has_room(waiter)
    assert link.pending == 0


def test_a_record_that_nobody_takes_is_no_error(journal: "pykka.ActorRef[Inbox]") -> None:
    """A journal that ends stops the engine, which fails everything that waits."""
    link = linked(journal)
    journal.stop()
    link.record(happened(1))


def test_who_is_gone_wants_no_news(waiter: "pykka.ActorRef[Inbox]") -> None:
    """The other receivers still get their messages."""
    gone, answer = Inbox.start(), Deferred()
    gone.stop()
    notify(((gone, RunRecorded()), (waiter, RunRecorded())), ((answer, 1),))
    assert messages_of(waiter).get(timeout=PATIENCE) == RunRecorded()
    assert isinstance(Record(None, 1).notifications, tuple)


def test_nothing_starts_once_the_lease_is_over() -> None:
    """Another engine may have taken over. The renewal that is answered lets items start."""
    now = 0.0
    lease = Lease(15.0, lambda: now)
    link = JournalLink(lease=lease)
    waiter = Inbox.start()
    assert not link.has_room(waiter)
    lease.renewed(sent=0.0)
    link.committed(0)
    assert messages_of(waiter).get(timeout=PATIENCE) == JournalHasRoom()
    assert link.has_room(waiter)
    now = 15.0
    assert not link.has_room(waiter)
    waiter.stop()
