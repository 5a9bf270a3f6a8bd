"""How an engine belongs to a store: alone behind a lock, or as a member of several, each with a lease."""

from typing import Final, Protocol

from sqlalchemy import Connection

from stretto.actors.journal.lease import Lease
from stretto.actors.journal.sql.engines import (
    count_commit,
    fence_all_others,
    fence_disconnected,
    fence_expired,
    forget_fenced,
    leave,
    name_of,
    name_of_newest,
    register,
    renew,
    seconds_to_next_expiry,
    state_of,
)
from stretto.actors.journal.store_clock import StoreClock
from stretto.metrics import get_logger

_LEAST_WAIT_SECONDS: Final = 0.05
"""The least wait for the end of another engine's lease, which is measured by another clock."""

_log = get_logger("stretto.store")


class Membership(Protocol):
    """The row of an engine. For the writer's thread, on connections in transactions.

    Attributes:
        number: The number of the engine.
        just_fenced: How many engines the last `take_over` has fenced.
    """

    number: int
    just_fenced: int

    def count_commit(self, connection: Connection) -> bool:
        """Count the commit of the transaction; return whether the engine may write."""

    def committed(self) -> None:
        """Note that the commit that was counted last has taken effect."""

    def reconnected(self) -> None:
        """Note that a lost connection was replaced."""

    def take_over(self, connection: Connection) -> float | None:
        """Fence the engines that may be taken over. Return the seconds after which to look again, or None for never."""

    def leave(self, connection: Connection) -> None:
        """Give up the runs that others may claim, on a connection without a transaction that is closed next."""

    def reason_of_loss(self, connection: Connection) -> str:
        """Return why the engine may not write, as a clause without the store."""


class Alone:
    """The only engine of a store: a lock of the store decides. Implements `Membership`."""

    just_fenced = 0

    def __init__(self, connection: Connection, knows: str) -> None:
        """Take over the store.

        Args:
            connection: The connection that has claimed the store, without a transaction.
            knows: The newest version of the tables that this process knows.

        Raises a database error.
        """
        with connection.begin():
            self.number = register(connection, knows, None)
            fence_all_others(connection, self.number)

    def count_commit(self, connection: Connection) -> bool:
        """Count the commit; return whether no other process has opened the store."""
        return count_commit(connection, self.number)

    def committed(self) -> None:
        """Do nothing: there is no lease."""

    def reconnected(self) -> None:
        """Do nothing: the lock decides who may write."""

    def take_over(self, connection: Connection) -> None:
        """Do nothing: all others were fenced as the store was opened."""

    def leave(self, connection: Connection) -> None:
        """Do nothing: the next engine that opens the store claims all runs."""

    def reason_of_loss(self, connection: Connection) -> str:
        """Return who has opened the store."""
        return f"was opened by {name_of_newest(connection) or 'another process'}"


class Member:
    """One of several engines that share a store. Implements `Membership`.

    Its lease is renewed by each commit. Another engine takes over once it is over.
    """

    def __init__(self, connection: Connection, knows: str, lease: Lease, clock: StoreClock, *, is_first: bool) -> None:
        """Join the engines of a store.

        Args:
            connection: The connection that has joined, without a transaction.
            knows: The newest version of the tables that this process knows.
            lease: The lease of this engine.
            clock: The clock of the store, which each commit corrects.
            is_first: Whether no other engine is connected: those that were are dead, unless the server was restarted.

        Raises a database error.
        """
        self.just_fenced = 0
        self._lease = lease
        self._clock = clock
        self._sent = lease.monotonic()
        with connection.begin():
            self.number = register(connection, knows, lease.seconds)
            is_alone = is_first and fence_disconnected(connection, self.number)
        lease.renewed(self._sent)
        # Others may be about to connect again, if the server has just been restarted.
        self._fences_from = self._sent if is_alone else self._sent + lease.seconds

    def count_commit(self, connection: Connection) -> bool:
        """Count the commit and renew the lease; return whether no other engine has taken over."""
        self._sent, asked = self._lease.monotonic(), self._clock.monotonic()
        server_time = renew(connection, self.number, self._lease.seconds)
        if server_time is None:
            self._lease.end()
            return False
        self._clock.measured(server_time, asked, self._clock.monotonic())
        return True

    def committed(self) -> None:
        """Extend the lease from when its renewal was sent."""
        self._lease.renewed(self._sent)

    def reconnected(self) -> None:
        """Fence no engine for the time of a lease: the others may have lost their connections, too."""
        self._fences_from = self._lease.monotonic() + self._lease.seconds

    def take_over(self, connection: Connection) -> float:
        """Fence the engines whose lease is over, and forget those that own no run any more."""
        forget_fenced(connection)
        self.just_fenced = 0
        now, renewal = self._lease.monotonic(), self._lease.renewal_seconds
        if now < self._fences_from:
            return min(renewal, self._fences_from - now)
        for fenced in fence_expired(connection, self.number):
            self.just_fenced += 1
            _log.warning("engine_fenced", engine=fenced.number, name=fenced.name, overdue=round(fenced.overdue, 3))
        expiry = seconds_to_next_expiry(connection, self.number)
        return renewal if expiry is None else min(renewal, max(expiry, 0.0) + _LEAST_WAIT_SECONDS)

    def leave(self, connection: Connection) -> None:
        """Give up all runs. Others claim them."""
        self._lease.end()
        with connection.begin():
            leave(connection, self.number)

    def reason_of_loss(self, connection: Connection) -> str:
        """Return who has taken over the runs of this engine."""
        state = state_of(connection, self.number)
        by = None if state is None or state.fenced_by is None else name_of(connection, state.fenced_by)
        return f"was not written by this process for longer than its lease, and {by or 'another engine'} took over"
