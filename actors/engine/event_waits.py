"""Events that other engines of the store have accepted, for the items of this engine that wait for them."""

from collections import deque
from typing import Any, Final

import pykka

from stretto.actors.dispatch import handles
from stretto.actors.journal import Peers, Reader
from stretto.actors.runs import EventsLookedAt, EventsUnread, LookForEvents, Services

LOOK_SECONDS: Final = 1.0
"""How often the store is read for events of other engines."""
LATE_SECONDS: Final = 10.0
"""How long after an event has got its number its commit may come: events with lower numbers than the last one."""
MAX_LOOKED_AT: Final = 1_000
"""Events that are read at once. Further ones are read as soon as these are passed on."""


class SharedEvents:
    """Reads the newest events again and again, once another engine can accept some.

    The numbers of the last seconds are read each time: an event that was committed late has a lower one than others.
    """

    def __init__(self, services: Services, engine: pykka.ActorRef[Any], peers: Peers | None) -> None:
        self._services = services
        self._engine = engine
        self._seen: deque[tuple[float, int]] = deque()
        """The last number of each look of the last seconds, with its time on the monotonic clock."""
        self._known: frozenset[int] = frozenset()
        """The numbers of the events of these seconds that were found."""
        if peers is not None:
            engine.tell(LookForEvents())

    @handles(LookForEvents)
    def _look(self, _message: LookForEvents) -> None:
        waits = self._services.events.waits
        types = waits.types()
        after = self._seen[0][1] if self._seen else None

        known = self._known

        def read(reader: Reader) -> EventsLookedAt:
            return EventsLookedAt(reader.events.newest(types, after, MAX_LOOKED_AT, known))

        self._services.readers.tell(self._engine, read, lambda _error: EventsUnread())

    @handles(EventsLookedAt)
    def _found(self, message: EventsLookedAt) -> None:
        new = message.new
        self._services.events.waits.take(new.events)
        self._known |= new.numbers
        if new.more:  # what is left is read before the bound moves on, and at once: more comes in meanwhile
            self._engine.tell(LookForEvents())
            return
        now = self._services.timers.monotonic()
        self._seen.append((now, new.last))
        while len(self._seen) > 1 and self._seen[1][0] <= now - LATE_SECONDS:
            self._seen.popleft()
        bound = self._seen[0][1]
        self._known = frozenset(each for each in self._known if each > bound)
        self._again()

    @handles(EventsUnread)
    def _unread(self, _message: EventsUnread) -> None:
        self._again()

    def _again(self) -> None:
        self._services.timers.remind_after(LOOK_SECONDS, self._engine, LookForEvents())
