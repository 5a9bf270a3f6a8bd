"""Events that other engines of the store have accepted, for the items of this engine that wait for them."""

from collections import deque
from typing import Any, Final

import pykka

from stretto.actors.dispatch import handles
from stretto.actors.journal import EventsElsewhere, Peers, Reader
from stretto.actors.runs import AnnounceEvents, EventsLookedAt, EventsUnread, LookForEvents, Services

LOOK_SECONDS: Final = 0.2
"""The least time between two looks at the store for events of other engines."""
ANNOUNCE_SECONDS: Final = 0.1
"""The least time between two notifications that this engine has accepted events."""
RETRY_SECONDS: Final = 1.0
"""After so long the store is read again that could not be read."""
LATE_SECONDS: Final = 10.0
"""How long after an event has got its number its commit may come: events with lower numbers than the last one."""
MAX_LOOKED_AT: Final = 1_000
"""Events that are read at once. Further ones are read as soon as these are passed on."""


class SharedEvents:
    """Reads the newest events when another engine says that it has accepted some.

    The numbers of the last seconds are read each time: an event that was committed late has a lower one than others.
    """

    def __init__(self, services: Services, engine: pykka.ActorRef[Any], peers: Peers | None) -> None:
        self._services = services
        self._engine = engine
        self._seen: deque[tuple[float, int]] = deque()
        """The last number of each look of the last seconds, with its time on the monotonic clock."""
        self._known: frozenset[int] = frozenset()
        """The numbers of the events of these seconds that were found."""
        self._looked = 0.0
        self._looks = peers is not None
        """Whether a look is under way, or due."""
        self._again = False
        self._announcer = None if peers is None else _Announcer(services, engine, peers)
        if self._announcer is not None:
            services.events.announce_to(self._announcer)
            engine.tell(LookForEvents())  # before items wait: they read what was there before

    @handles(EventsElsewhere)
    def _heard(self, _message: EventsElsewhere) -> None:
        if self._looks:
            self._again = True
            return
        self._looks = True
        rest = self._looked + LOOK_SECONDS - self._services.timers.monotonic()
        if rest > 0:
            self._services.timers.remind_after(rest, self._engine, LookForEvents())
        else:
            self._look(LookForEvents())

    @handles(AnnounceEvents)
    def _announce(self, _message: AnnounceEvents) -> None:
        if self._announcer is not None:
            self._announcer.announce()

    @handles(LookForEvents)
    def _look(self, _message: LookForEvents) -> None:
        self._again = False
        types = self._services.events.waits.types()
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
        self._looks, self._looked = False, now
        if self._again:
            self._heard(EventsElsewhere())

    @handles(EventsUnread)
    def _unread(self, _message: EventsUnread) -> None:
        self._services.timers.remind_after(RETRY_SECONDS, self._engine, LookForEvents())


class _Announcer:
    """Hears of each event that this engine accepts, and notifies the others, a few times a second at most."""

    def __init__(self, services: Services, engine: pykka.ActorRef[Any], peers: Peers) -> None:
        self._timers = services.timers
        self._engine = engine
        self._peers = peers
        self._announced = 0.0
        self._is_due = False

    def tell(self, _came: object) -> None:
        """Announce an event, at once or a little later with others. Called on the thread that has recorded it."""
        if self._is_due:
            return
        self._is_due = True
        rest = self._announced + ANNOUNCE_SECONDS - self._timers.monotonic()
        if rest > 0:
            self._timers.remind_after(rest, self._engine, AnnounceEvents())
        else:
            self.announce()

    def announce(self) -> None:
        """Notify the other engines. Events that come from now on are announced again."""
        self._announced = self._timers.monotonic()
        self._is_due = False
        self._peers.events_accepted()
