"""Reused results are settled in the old order, and their waits are over at once."""

import pytest

from stretto.actors.runs.messages import SettleReused
from stretto.actors.runs.reused_items import SETTLED_AT_ONCE, ReusedItems
from stretto.definitions.conductor import DelayElapsed, ItemCompleted, RetryDue, ReusePlan, StartItem, plan_reuse
from tests.support.driving import Drive, waits
from tests.support.recording import completed
from tests.support.writing import then, workflow

NOW = 5000.0
TEXT = workflow(
    {"name": "kept", "with_items": ["a", "b", "c"], "concurrency": 3, "retry": {"count": 1, "delay": 9}},
    {"name": "late", "delay": 7},
    {"name": "fan", "with_items": [1, 2, 3], "concurrency": 3, "next": [then("after", when="{{ succeeded() }}")]},
    {"name": "after"},
)


class Sent(list[object]):
    """A supervisor's mailbox."""

    def tell(self, message: object) -> None:
        self.append(message)


def kept_of_old() -> ReusePlan:
    """Return what is kept of a run whose fan-out failed at its second item."""
    old = Drive(TEXT)
    for timer in waits(old.commands):
        old.due(timer)
    for index in (2, 0):
        old.completes("kept", f"old {index}", index)
    old.completes("late", "late")
    old.completes("fan", "one", 0)
    old.completes("fan", "three", 2)
    old.completes("kept", "old 1", 1)
    old.fails("fan", 1)
    return plan_reuse(old.conductor, [each for each in old.events if isinstance(each, ItemCompleted)], "failed_items")


@pytest.fixture
def kept() -> ReusedItems:
    return ReusedItems(kept_of_old(), lambda: NOW, Sent())


def new_starts() -> dict[tuple[str, int], StartItem]:
    """Return what a new run starts at its begin."""
    starts = [each for each in Drive(TEXT).commands if isinstance(each, StartItem)]
    return {(each.task, each.index): each for each in starts}


def test_items_are_settled_in_the_order_in_which_they_had_ended(kept: ReusedItems) -> None:
    """Whatever the order of their starts; at the time of now, and with what came of them."""
    starts = new_starts()
    taken = {key: kept.take(start) for key, start in starts.items()}
    assert {key for key, is_kept in taken.items() if not is_kept} == {("fan", 1)}
    settled = []
    while kept:
        event = kept.next()
        assert isinstance(event, ItemCompleted)
        assert event.at == NOW
        settled.append((event.task, event.index, event.result))
    assert settled == [
        ("kept", 2, "old 2"), ("kept", 0, "old 0"), ("fan", 0, "one"), ("fan", 2, "three"), ("kept", 1, "old 1"),
    ]  # fmt: skip


def test_waits_come_before_items_in_their_order(kept: ReusedItems) -> None:
    """Items that start after them had ended before."""
    assert kept.take(new_starts()["kept", 0])
    first, second = DelayElapsed("late", 1, 9000.0), RetryDue("kept", 1, 1, 2, 8000.0)
    assert kept.take_wait(first)
    assert kept.take_wait(second)
    assert kept.next() == DelayElapsed("late", 1, NOW)
    assert kept.next() == RetryDue("kept", 1, 1, 2, NOW)
    last = kept.next()
    assert isinstance(last, ItemCompleted)
    assert (last.task, last.index) == ("kept", 0)
    assert not kept
    with pytest.raises(IndexError):
        kept.next()


def test_what_is_done_again_waits_as_ever(kept: ReusedItems) -> None:
    """A failed task, and what follows on it."""
    assert not kept.take_wait(RetryDue("fan", 1, 1, 2, 8000.0))
    assert not kept.take_wait(DelayElapsed("after", 1, 8000.0))
    assert not kept


def test_a_run_that_does_nothing_again_keeps_nothing() -> None:
    """All of it is performed."""
    nothing = ReusedItems(None, lambda: NOW, Sent())
    assert not nothing.take(new_starts()["kept", 0])
    assert not nothing.take_wait(DelayElapsed("late", 1, 9000.0))
    assert not nothing


def test_items_that_were_skipped_without_having_begun_are_settled_first() -> None:
    """In the order in which they are taken: nothing of the old run came before them."""
    ids = {("kept", 1, index): (-1, completed(index, task="kept", outcome="skipped")) for index in range(3)}
    ids["late", 1, 0] = (0, completed(0, task="late"))
    kept = ReusedItems(ReusePlan(frozenset({"kept", "late"}), ids, {}), lambda: NOW, Sent())
    starts = new_starts()
    for index in (1, 0, 2):
        assert kept.take(starts["kept", index])
    order = [kept.next() for _ in range(3)]
    assert [each.index for each in order if isinstance(each, ItemCompleted)] == [1, 0, 2]


def test_portions_are_settled_in_turns_of_their_own() -> None:
    """Of each portion the supervisor gets one message, and none once all are settled."""
    count = SETTLED_AT_ONCE + 1
    plan = ReusePlan(frozenset({"fan"}), {("fan", 1, index): (index, completed(index)) for index in range(count)}, {})
    sent = Sent()
    reused = ReusedItems(plan, lambda: NOW, sent)
    for index in range(count):
        start = StartItem("fan", 1, index, 1, new_starts()["fan", 0].scope, None, 0.0)
        assert reused.take(start)
    assert sent == [SettleReused()]
    assert len(list(reused.portion())) == SETTLED_AT_ONCE
    assert sent == [SettleReused()] * 2
    assert len(list(reused.portion())) == 1
    assert sent == [SettleReused()] * 2
    assert not reused


def test_a_pause_ends_with_the_next_schedule() -> None:
    """The journal has room again."""
    sent = Sent()
    reused = ReusedItems(kept_of_old(), lambda: NOW, sent)
    assert reused.take(new_starts()["kept", 0])
    reused.pause()
    reused.schedule()
    reused.schedule()
    assert sent == [SettleReused()] * 2
