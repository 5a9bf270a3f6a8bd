"""The waits for events: what came before a wait was known, and what comes later."""

from typing import Any

import pykka

from stretto.actors.events import EventFound, EventWait, EventWaits, LookBackFailed, LookedBack, PortionSent
from stretto.actors.journal import EventCame, EventsSince
from stretto.actors.journal.store import StoreUnavailable
from stretto.definitions.data import object_of
from tests.support.events import event


class Item:
    """Keeps what an item is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.has_ended = False

    def tell(self, message: Any) -> None:
        if self.has_ended:
            raise pykka.ActorDeadError
        self.told.append(message)


class Store:
    """Reads when the test says so."""

    def __init__(self) -> None:
        self.reads: list[tuple[Any, Any, Any]] = []
        self.asked: list[tuple[str, float, int | None, int]] = []
        self.events = self

    def read(self, read: Any, then: Any, failed: Any) -> None:
        self.reads.append((read, then, failed))

    def since(self, event_type: str, at: float, after: int | None, most: int) -> EventsSince:
        self.asked.append((event_type, at, after, most))
        return EventsSince(())

    def answer(self, *found: Any, last: int | None = None) -> None:
        read, then, _failed = self.reads.pop(0)
        read(self)
        then(EventsSince(found, last))

    def fail(self) -> None:
        _read, _then, failed = self.reads.pop(0)
        failed(StoreUnavailable("gone"))


def wait(since: float = 1000.0, **match: Any) -> tuple[Item, EventWait]:
    item = Item()
    return item, EventWait(item, "alert", object_of({f"payload.{name}": value for name, value in match.items()}), since)


def test_a_new_wait_finds_what_came_since_its_begin() -> None:
    """In portions, in order. An event of before does not count, nor one of another value."""
    store = Store()
    waits = EventWaits(None, store)
    item, new = wait(x=1)
    waits.add(new)
    early, first, other, second = (
        event({"x": 1}, at=999.0), event({"x": 1}, at=1000.0), event({"x": 2}, at=1001.0), event({"x": 1}, at=1002.0),
    )  # fmt: skip
    store.answer(early, first, other, last=7)
    assert item.told == [EventFound(first), PortionSent()]
    waits.handled(new)
    store.answer(second)
    assert item.told == [EventFound(first), PortionSent(), EventFound(second), LookedBack()]
    assert store.asked == [("alert", 1000.0, None, 500), ("alert", 1000.0, 7, 500)]
    assert not store.reads


def test_the_next_portion_is_read_when_all_items_have_handled_the_last_one() -> None:
    """Else a million events could gather before items that evaluate a condition. One that has ended counts."""
    store = Store()
    waits = EventWaits(None, store)
    (one, first), (two, second), (three, third), (gone, fourth) = wait(x=1), wait(x=1), wait(x=1), wait(x=1)
    waits.add(first)
    for each in (second, third, fourth):
        waits.add(each)
    store.answer()
    gone.has_ended = True
    found = event({"x": 1})
    store.answer(found, last=7)
    assert [each.told for each in (two, three)] == [[EventFound(found), PortionSent()]] * 2
    assert not store.reads
    waits.handled(first)  # it does not look back any more
    waits.handled(second)
    waits.handled(second)
    assert not store.reads
    waits.remove(third)
    assert behind(store) is None
    store.answer()
    assert behind(store) == 7
    assert two.told == [EventFound(found), PortionSent(), LookedBack()]
    assert one.told == [LookedBack()]
    waits.remove(second)
    assert not store.reads


def behind(store: Store) -> int | None:
    """Return the number behind which events were looked for last."""
    return store.asked[-1][2]


def test_a_look_ends_with_the_last_wait_that_it_is_for() -> None:
    store = Store()
    waits = EventWaits(None, store)
    item, only = wait()
    waits.add(only)
    waits.remove(only)
    store.answer(event(None), last=7)
    assert (item.told, store.reads) == ([], [])
    again, new = wait()
    waits.add(new)
    store.answer()
    assert again.told == [LookedBack()]


def test_waits_that_come_while_the_store_is_read_share_the_next_read() -> None:
    """A thousand recovered runs read the events once more, not a thousand times."""
    store = Store()
    waits = EventWaits(None, store)
    (one, first), (two, second), (three, third) = wait(1000.0), wait(1005.0), wait(1003.0)
    waits.add(first)
    waits.add(second)
    waits.add(third)
    found = event(None, at=1004.0)
    store.answer(found)
    assert (one.told, two.told, three.told) == ([EventFound(found), LookedBack()], [], [])
    store.answer(found)
    assert (two.told, three.told) == ([LookedBack()], [EventFound(found), LookedBack()])
    assert [at for _type, at, _after, _most in store.asked] == [1000.0, 1003.0]
    assert not store.reads


def test_an_event_reaches_the_waits_that_are_there_when_it_is_durable() -> None:
    """Also those that look back still."""
    waits = EventWaits(None, Store())
    (one, first), (two, second) = wait(x=1), wait(x=2)
    waits.add(first)
    waits.add(second)
    came = EventCame(event({"x": 1}))
    waits.tell(came)
    waits.remove(first)
    waits.tell(came)
    assert (one.told, two.told) == ([came], [])
    assert "alert" in waits.by_type
    waits.remove(second)
    assert "alert" not in waits.by_type


def test_an_item_hears_that_the_store_cannot_be_read_and_asks_again() -> None:
    """Those that came meanwhile are read for at once."""
    store = Store()
    waits = EventWaits(None, store)
    (one, first), (two, second) = wait(), wait()
    waits.add(first)
    waits.add(second)
    store.fail()
    assert (one.told, two.told) == ([LookBackFailed()], [])
    waits.look_back(first)
    store.answer()
    store.answer()
    assert (one.told, two.told) == ([LookBackFailed(), LookedBack()], [LookedBack()])


class Remembered:
    """The events of an engine without a store. A further wait comes during each look, as from another thread."""

    def __init__(self, more: int) -> None:
        self.events = self
        self.waits = EventWaits(self)  # type: ignore[arg-type]
        self.more = [wait(x=number) for number in range(more)]
        self.items = [item for item, _wait in self.more]

    def since(self, _type: str, _at: float) -> EventsSince:
        if self.more:
            self.waits.add(self.more.pop()[1])
        return EventsSince(())


def test_any_number_of_waits_may_come_while_one_looks_back() -> None:
    """Each look follows the one before, and is not a call in it."""
    remembered = Remembered(2_000)
    item, first = wait()
    remembered.waits.add(first)
    assert [each.told for each in (item, *remembered.items)] == [[LookedBack()]] * 2_001
