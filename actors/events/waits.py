"""The items that wait for events, and what came between the begin of a wait and the present.

    accepted event, durable --EventCame--> EventWaits --index of values--> EventCame to each item that it may end
    new wait --reads the store since its begin--> EventFound ..., LookedBack

All events pass here when they are durable, not when they are accepted: no wait is missed in between.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import msgspec
import pykka

from stretto.actors.dispatch import Recipient
from stretto.actors.journal import EventCame, EventReader, EventsSince, NoJournal, Reader
from stretto.definitions.data import Data, FrozenDict, freeze
from stretto.definitions.expressions import Moment
from stretto.definitions.rules import MAX_UNMATCHED_WAITS, Event, WaitIndex

LOOKED_AT_ONCE: Final = 500
"""Events that are read at once for new waits."""


class EventWait(msgspec.Struct, frozen=True, eq=False):
    """A wait of an item for an event."""

    item: Recipient
    """Gets `EventCame`, `EventFound`, `PortionSent`, and `LookedBack` or `LookBackFailed`."""
    type: str
    match: FrozenDict
    since: float
    """When the wait began, in seconds since the epoch."""


class EventFound(msgspec.Struct, frozen=True):
    """An event has come since the begin of the wait. They are found in the order of their acceptance."""

    event: Event


class PortionSent(msgspec.Struct, frozen=True):
    """A portion of the events since the begin of the wait was sent. The next one follows `EventWaits.handled`."""


class LookedBack(msgspec.Struct, frozen=True):
    """All events were found that came before the wait was known."""


class LookBackFailed(msgspec.Struct, frozen=True):
    """The store could not be read. The item asks again later."""


class ReadsLater(Protocol):
    """Reads from the store on another thread."""

    def read(
        self,
        read: Callable[[Reader], EventsSince],
        then: Callable[[EventsSince], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Call `then` with the result of `read`, or `failed` with its exception."""


class EventWaits:
    """The waits for events of one engine. Thread-safe.

    Args:
        memory: The link of an engine without a store, or None.
        readers: Read the store.
        most_unmatched: The waits for a type of events that match no field.

    Attributes:
        by_type: Has an entry for each type of events that items wait for. Only to look a type up, by any thread.
    """

    def __init__(
        self,
        memory: NoJournal | None = None,
        readers: ReadsLater | None = None,
        most_unmatched: int = MAX_UNMATCHED_WAITS,
    ) -> None:
        self._memory = memory
        self._readers = readers
        self._index: WaitIndex[EventWait] = WaitIndex(most_unmatched)
        self.by_type: Mapping[str, object] = self._index.by_type
        self._lock = threading.Lock()
        self._new: dict[str, list[EventWait]] = {}
        """The waits by type that have not looked back. A type that is being looked at has an entry."""
        self._last: tuple[Event, Data] | None = None
        """The last event that has ended an item, with the item's result."""
        self._portions: dict[str, _Portion] = {}
        """The portions by type whose events are not handled yet."""

    def add(self, wait: EventWait) -> None:
        """Let an item wait, and look for what has come since its wait began. Raises LimitExceeded."""
        with self._lock:
            self._index.check_room(wait.type, wait.match)
            self._index.add(wait, wait.type, wait.match)
        self.look_back(wait)

    def add_again(self, wait: EventWait) -> None:
        """As `add`, for a wait of a recovered run: it had room before, perhaps in another engine."""
        with self._lock:
            self._index.add(wait, wait.type, wait.match)
        self.look_back(wait)

    def remove(self, wait: EventWait) -> None:
        """Let an item wait no longer."""
        with self._lock:
            self._index.remove(wait, wait.type, wait.match)
        self.handled(wait)

    def handled(self, wait: EventWait) -> None:
        """Note that an item has handled a portion. When all have, the next one is read: items set the pace."""
        with self._lock:
            portion = self._portions.get(wait.type)
            if portion is None or wait not in portion.left:
                return
            portion.left.discard(wait)
            if portion.left:
                return
            del self._portions[wait.type]
        self._look(wait.type, portion.waits, portion.last)

    def tell(self, message: EventCame) -> None:
        """Send an event to the items that it may end. Called once it is durable, in the order of the commits."""
        if message.event.type not in self._index:
            return
        with self._lock:
            found = self._index.find(message.event)
        for wait in found:
            _send(wait, message)

    def types(self) -> frozenset[str]:
        """Return the types of events that items wait for."""
        with self._lock:
            return self._index.types()

    def take(self, events: Iterable[Event]) -> None:
        """Send events that another engine has accepted to the items that they may end."""
        for event in events:
            with self._lock:
                found = self._index.find(event)
            for wait in found:
                if event.at >= wait.since:
                    _send(wait, EventCame(event))

    def result_of(self, event: Event) -> Data:
        """Return the result of the items that an event ends: one value, however many they are."""
        last = self._last
        if last is None or last[0] is not event:
            self._last = last = event, _result(event)
        return last[1]

    # ---- events of the past

    def look_back(self, wait: EventWait) -> None:
        """Look for what has come since a wait began. Waits that are added meanwhile share the next look."""
        with self._lock:
            others = self._new.get(wait.type)
            if others is not None:
                others.append(wait)
                return
            self._new[wait.type] = []
        self._look(wait.type, (wait,), None)

    def _look(self, event_type: str, waits: Sequence[EventWait], after: int | None) -> None:
        if self._readers is not None:
            self._readers.read(
                partial(_read, event_type, _begin_of(waits), after),
                partial(self._found, event_type, waits),
                partial(self._failed, event_type, waits),
            )
            return
        while waits:  # no call within a call: more waits may come as long as this goes on
            remembered = None if self._memory is None else self._memory.events.since(event_type, _begin_of(waits))
            self._pass_on(waits, () if remembered is None else remembered.events)
            _send_all(waits, LookedBack())
            waits = self._take_new(event_type)

    def _found(self, event_type: str, waits: Sequence[EventWait], found: EventsSince) -> None:
        if found.last is not None:
            with self._lock:
                waits = [each for each in waits if self._index.has(each, each.type, each.match)]
                if waits:
                    # Before the events are sent: an item may end with one of them at once.
                    self._portions[event_type] = _Portion(waits, set(waits), found.last)
        self._pass_on(waits, found.events)
        if waits and found.last is not None:
            for wait in waits:
                if not _send(wait, PortionSent()):
                    self.handled(wait)
            return
        _send_all(waits, LookedBack())
        self._look_for_new(event_type)

    def _failed(self, event_type: str, waits: Sequence[EventWait], _error: Exception) -> None:
        _send_all(waits, LookBackFailed())
        self._look_for_new(event_type)

    def _pass_on(self, waits: Sequence[EventWait], events: Iterable[Event]) -> None:
        """Send events to those of some waits that they may end."""
        asked = set(waits)
        for event in events:
            with self._lock:
                candidates = self._index.find(event)
            for wait in candidates:
                if wait in asked and event.at >= wait.since:
                    _send(wait, EventFound(event))

    def _look_for_new(self, event_type: str) -> None:
        waits = self._take_new(event_type)
        if waits:
            self._look(event_type, waits, None)

    def _take_new(self, event_type: str) -> list[EventWait]:
        """Return the waits that have come while a type was looked at. Without any, it is not looked at any more."""
        with self._lock:
            waits = self._new.pop(event_type, [])
            if waits:
                self._new[event_type] = []
            return waits


class _Portion:
    """Events that were sent to waits.

    Attributes:
        waits: The waits that look back.
        left: Those that have not handled the events.
        last: Where the next portion begins.
    """

    __slots__ = ("last", "left", "waits")

    def __init__(self, waits: Sequence[EventWait], left: set[EventWait], last: int) -> None:
        self.waits = waits
        self.left = left
        self.last = last


def _result(event: Event) -> Data:
    return freeze({
        "event": event.id, "type": event.type, "at": Moment(event.at).now(), "source": event.source,
        "payload": event.payload, "headers": event.headers,
    })  # fmt: skip


def _begin_of(waits: Sequence[EventWait]) -> float:
    return min(wait.since for wait in waits)


def _read(event_type: str, since: float, after: int | None, reader: Reader) -> EventsSince:
    events: EventReader = reader.events
    return events.since(event_type, since, after, LOOKED_AT_ONCE)


def _send_all(waits: Iterable[EventWait], message: object) -> None:
    for wait in waits:
        _send(wait, message)


def _send(wait: EventWait, message: object) -> bool:
    """Send a message to an item. Return whether the item is there to handle it."""
    try:
        wait.item.tell(message)
    except pykka.ActorDeadError:  # the item has just ended, and removes its wait
        return False
    return True
