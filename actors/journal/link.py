"""The way to the journal: what supervisors and the engine send there, and whether there is room for more.

What is under way is counted where it is sent, so that nobody outruns the journal by a mailbox's length.
"""

import contextlib
import threading
from typing import Any, Protocol, TypeAlias

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.messages import JournalHasRoom, Record
from stretto.actors.journal.records import Happened, Write

MAX_PENDING = 8192
"""Entries under way, beyond which no item starts."""
ROOM_AGAIN = 1024
"""Entries under way, at which items start again."""

Tells: TypeAlias = tuple[tuple[pykka.ActorRef[Any], Any], ...]
Answers: TypeAlias = tuple[tuple[Deferred, Any], ...]


class Link(Protocol):
    """What supervisors and the engine know of a journal. `durable`: there is one."""

    durable: bool

    @property
    def pending(self) -> int:
        """Entries that are under way, and not durable yet."""

    @property
    def unavailable(self) -> str | None:
        """Why the store cannot be written now; None: it can."""

    def record(self, write: Write | None, tells: Tells = (), answers: Answers = ()) -> None:
        """Have something written; tell and answer when it is durable (without a write: when all earlier ones are)."""

    def has_room(self, waiter: pykka.ActorRef[Any]) -> bool:
        """Tell whether items may start; if not, the waiter is told `JournalHasRoom` when they may."""


class NoJournal:
    """Stands where there is no store: whatever is written is as durable as it will ever be."""

    durable = False
    pending = 0
    unavailable: str | None = None

    def record(self, write: Write | None, tells: Tells = (), answers: Answers = ()) -> None:  # noqa: ARG002 - nothing is kept
        """Tell and answer at once."""
        notify(tells, answers)

    def has_room(self, waiter: pykka.ActorRef[Any]) -> bool:  # noqa: ARG002 - nobody ever waits
        """There always is."""
        return True


class JournalLink:
    """Counts what is under way to the journal's actor. Used on any thread."""

    durable = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._journal: pykka.ActorRef[Any] | None = None
        self._pending = 0
        self._unavailable: str | None = None
        self._waiting: dict[str, pykka.ActorRef[Any]] = {}

    def connect(self, journal: pykka.ActorRef[Any]) -> None:
        """Have what is recorded go to this actor."""
        self._journal = journal

    @property
    def pending(self) -> int:
        return self._pending

    @property
    def unavailable(self) -> str | None:
        return self._unavailable

    def record(self, write: Write | None, tells: Tells = (), answers: Answers = ()) -> None:
        if self._journal is None:
            raise RuntimeError("the journal's actor has not been made yet")
        entries = max(len(write.entries), 1) if isinstance(write, Happened) else 1
        with self._lock:
            self._pending += entries
        # A journal that has ended takes the engine with it, which tells whoever waits.
        with contextlib.suppress(pykka.ActorDeadError):
            self._journal.tell(Record(write, entries, tells, answers))

    def has_room(self, waiter: pykka.ActorRef[Any]) -> bool:
        if self._unavailable is None and self._pending < MAX_PENDING:
            return True
        with self._lock:
            if self._unavailable is None and self._pending <= ROOM_AGAIN:
                return True
            self._waiting[waiter.actor_urn] = waiter
        return False

    # ---- the journal's actor tells

    def committed(self, entries: int) -> None:
        """So many entries have become durable: the store can be written."""
        with self._lock:
            self._pending -= entries
            self._unavailable = None
            if self._pending > ROOM_AGAIN:
                return
            waiting, self._waiting = self._waiting, {}
        for waiter in waiting.values():
            with contextlib.suppress(pykka.ActorDeadError):  # its run has ended meanwhile
                waiter.tell(JournalHasRoom())

    def dropped(self, entries: int) -> None:
        """So many entries will never be written; that says nothing of the store."""
        with self._lock:
            self._pending -= entries

    def failed(self, reason: str) -> None:
        """The store cannot be written now."""
        self._unavailable = reason


def notify(tells: Tells, answers: Answers) -> None:
    """Resolve and tell; who is gone wants no news."""
    for later, value in answers:
        later.resolve(value)
    for reference, message in tells:
        with contextlib.suppress(pykka.ActorDeadError):
            reference.tell(message)
