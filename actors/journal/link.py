"""The link to the journal: supervisors and the engine send records through it, and ask whether it has room.

Entries are counted where they are sent, so that senders notice a full journal at once.
"""

import contextlib
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import pykka

from stretto.actors.dispatch import Deferred, Recipient, RightOfWay, ask_deferred
from stretto.actors.journal.access import AccessChange
from stretto.actors.journal.audit import AuditEntries
from stretto.actors.journal.kv import KeyChange, StoredKey
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.messages import (
    ChangeAccess,
    ChangeKey,
    ClaimSchedules,
    ClaimSensors,
    JournalHasRoom,
    Record,
    Records,
)
from stretto.actors.journal.records import Happened, Write, run_of
from stretto.actors.journal.store import StoreClosed

MAX_PENDING = 8192
"""Pending entries above which no item starts."""
ROOM_AGAIN = 1024
"""Pending entries at which items start again."""

Notifications: TypeAlias = Sequence[tuple[Recipient, Any]]
Answers: TypeAlias = Sequence[tuple[Deferred, Any]]
RecordEntry: TypeAlias = tuple[Write | None, Notifications, Answers, str | None]
"""The arguments of `Link.record`."""


class Link(Protocol):
    """The journal as supervisors and the engine see it."""

    durable: bool
    """Whether there is a store."""

    @property
    def pending(self) -> int:
        """Entries that were sent and are not yet durable."""

    @property
    def unavailable(self) -> str | None:
        """Why the store cannot be written now, or None if it can."""

    def record(
        self,
        write: Write | None,
        notifications: Notifications = (),
        answers: Answers = (),
        family: str | None = None,
    ) -> None:
        """Send a record to the journal.

        Args:
            write: The data to write, or None to wait for earlier records.
            notifications: Messages to send when the record is durable, each with its receiver.
            answers: Answers to resolve when the record is durable, each with its value.
            family: The id of the run at the top of the record's run. The records of a family become durable in their
                order. By default it is the run of `write`. A record of no run follows all earlier ones.
        """

    def has_room(self, waiter: Recipient) -> bool:
        """Return whether items may start; if not, `waiter` receives JournalHasRoom once they may."""


class EventLink(Link, Protocol):
    """The journal as the intake of events sees it."""

    def record_together(self, entries: Iterable[RecordEntry]) -> None:
        """Send records to the journal that are written in one transaction, each as by `record`."""


class KeyLink(Protocol):
    """The journal as the engine's key-value store sees it."""

    durable: bool
    """Whether there is a store."""

    def change_key(self, change: KeyChange, audit: AuditEntries = ()) -> StoredKey | Deferred:
        """Make a change of the key-value store together with its audit.

        Returns:
            The key, once it is durable: see `KeyWriter.apply`, whose errors this raises or fails with.
        """


class ScheduleLink(Protocol):
    """The journal as schedules see it."""

    durable: bool
    """Whether there is a store."""

    @property
    def claim_seconds(self) -> float | None:
        """The seconds between two claims, or None if no other engine can leave anything."""

    def record(
        self, write: Write | None, notifications: Notifications = (), answers: Answers = (), family: str | None = None
    ) -> None:
        """Send a record to the journal; see `Link.record`."""

    def claim_schedules(self, timings: Mapping[str, str], at: int) -> Deferred:
        """Claim schedules. Answered as `ScheduleClaims.claim`, whose errors this fails with."""


class SensorLink(Protocol):
    """The journal as sensors see it."""

    @property
    def claim_seconds(self) -> float | None:
        """The seconds between two claims, or None if no other engine can leave anything."""

    def claim_sensors(self, refs: Collection[str]) -> Deferred:
        """Claim sensors. Answered as `SensorClaims.claim`, whose errors this fails with."""


class EngineLink(KeyLink, ScheduleLink, SensorLink, Protocol):
    """The journal as the engine sees it."""

    engine: int | None
    """The number of this engine in its store, or None without one."""

    def stop_claiming(self) -> None:
        """Claim no more runs: the engine is being stopped."""


class JournalLink:
    """Sends records to the journal's actor and counts the pending entries. Thread-safe.

    Attributes:
        engine: The number of the engine in the store.
    """

    durable = True

    def __init__(
        self, right_of_way: RightOfWay | None = None, lease: Lease | None = None, engine: int | None = None
    ) -> None:
        """Make a link.

        Args:
            right_of_way: What is taken while someone waits for a commit.
            lease: The lease of an engine that shares its store. Nothing starts once it is over.
            engine: The number of the engine in the store.
        """
        self._claims_begun = lease is None
        self._claims_stopped = False
        self.engine = engine
        self._lease = lease
        self._right_of_way = right_of_way or RightOfWay()
        self._awaited = 0
        self._lock = threading.Lock()
        self._journal: pykka.ActorRef[Any] | None = None
        self._pending = 0
        self._unavailable: str | None = None
        self._waiting: dict[Recipient, None] = {}

    def connect(self, journal: pykka.ActorRef[Any]) -> None:
        """Set the journal's actor; called once, before the first record."""
        self._journal = journal

    @property
    def pending(self) -> int:
        """Entries that were sent and are not yet durable."""
        return self._pending

    @property
    def unavailable(self) -> str | None:
        """Why the store cannot be written now, or None if it can."""
        return self._unavailable

    def record(
        self,
        write: Write | None,
        notifications: Notifications = (),
        answers: Answers = (),
        family: str | None = None,
    ) -> None:
        """Send a record to the journal's actor; see `Link.record`."""
        entries = max(len(write.entries), 1) if isinstance(write, Happened) else 1
        record = Record(write, entries, tuple(notifications), tuple(answers), family or run_of(write))
        self._send(record, entries, int(record.is_awaited))

    def record_together(self, entries: Iterable[RecordEntry]) -> None:
        """Send records to the journal's actor in one message; see `EventLink.record_together`."""
        records = tuple(
            Record(write, 1, tuple(tell), tuple(answers), family) for write, tell, answers, family in entries
        )
        self._send(Records(records), len(records), sum(each.is_awaited for each in records))

    def _send(self, message: Record | Records, entries: int, awaited: int) -> None:
        if self._journal is None:
            raise RuntimeError("the journal's actor has not been started yet")
        with self._lock:
            self._pending += entries
            if awaited:
                self._awaited += awaited
                self._right_of_way.take()
        # A journal that ends stops the engine, which fails everything that waits.
        with contextlib.suppress(pykka.ActorDeadError):
            self._journal.tell(message)

    def has_room(self, waiter: Recipient) -> bool:
        """Return whether items may start; if not, `waiter` receives JournalHasRoom once they may."""
        if self._unavailable is None and self._pending < MAX_PENDING and not self._is_over:
            return True
        with self._lock:
            if self._unavailable is None and self._pending <= ROOM_AGAIN and not self._is_over:
                return True
            self._waiting[waiter] = None
        return False

    @property
    def claims(self) -> bool:
        """Whether the journal claims runs that others have left. An engine that shares its store has to start first."""
        return self._claims_begun and not self._claims_stopped

    def begin_claiming(self) -> None:
        """Claim runs from now on: the engine has started."""
        self._claims_begun = True

    def stop_claiming(self) -> None:
        """Claim no more runs: the engine is being stopped."""
        self._claims_stopped = True

    @property
    def is_shared(self) -> bool:
        """Whether other engines write the same store."""
        return self._lease is not None

    @property
    def claim_seconds(self) -> float | None:
        """The seconds between two claims of what other engines have left, or None if there are none."""
        return None if self._lease is None else self._lease.renewal_seconds

    @property
    def _is_over(self) -> bool:
        return self._lease is not None and self._lease.is_over

    def change_access(self, change: AccessChange, audit: AuditEntries = ()) -> Deferred:
        """Write a change of tokens, sessions or codes with its audit, in a transaction of its own.

        Returns:
            Whether the change was made, once that is durable. Fails with `StoreUnavailable`, also as `StoreClosed`, or
            with `StoreLost`.
        """
        return self._ask(ChangeAccess(change, audit))

    def change_key(self, change: KeyChange, audit: AuditEntries = ()) -> Deferred:
        """Write a change of the key-value store with its audit, in a transaction of its own; see `KeyLink`."""
        return self._ask(ChangeKey(change, audit))

    def claim_schedules(self, timings: Mapping[str, str], at: int) -> Deferred:
        """Claim schedules in a transaction of its own; see `ScheduleLink`."""
        return self._ask(ClaimSchedules(timings, at))

    def claim_sensors(self, refs: Collection[str]) -> Deferred:
        """Claim sensors in a transaction of its own; see `SensorLink`."""
        return self._ask(ClaimSensors(frozenset(refs)))

    def _ask(self, message: ChangeAccess | ChangeKey | ClaimSchedules | ClaimSensors) -> Deferred:
        stopping = StoreClosed("the store cannot be written: the engine is being stopped")
        if self._journal is None or not self._journal.is_alive():
            answer = Deferred()
            answer.fail(stopping)
            return answer
        return ask_deferred(self._journal.actor_inbox, message, stopping)

    # ---- called by the journal's actor

    @property
    def awaited(self) -> int:
        """How many records were sent since the beginning that someone waits for."""
        return self._awaited

    def answered(self, awaited: int) -> None:
        """Let the dispatcher continue if no one waits for more than so many of the records sent."""
        with self._lock:
            if self._awaited == awaited:
                self._right_of_way.give_back()

    def committed(self, entries: int) -> None:
        """Count entries as durable; the store is available."""
        with self._lock:
            self._pending -= entries
            self._unavailable = None
            if self._pending > ROOM_AGAIN:
                return
            waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            with contextlib.suppress(pykka.ActorDeadError):  # its run has ended
                waiter.tell(JournalHasRoom())

    def dropped(self, entries: int) -> None:
        """Count out entries that will never be written; the store's state is unchanged."""
        with self._lock:
            self._pending -= entries

    def failed(self, reason: str) -> None:
        """Mark the store as unavailable."""
        self._unavailable = reason


def notify(notifications: Notifications, answers: Answers) -> None:
    """Resolve answers, then send messages. Receivers that have ended are skipped."""
    for answer, value in answers:
        answer.resolve(value)
    for reference, message in notifications:
        try:
            reference.tell(message)
        except pykka.ActorDeadError:
            continue
