"""Ownership of a store: one process writes at a time, and loses the right to write once another has opened it.

A guard locks the store while its process lives. The row of an engine (`engines`) counts its commits. So a writer that
lost its connection can find out whether it may still write, and whether its last commit succeeded.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import SQLAlchemyError

from stretto.actors.journal.sql.engines import state_of
from stretto.actors.journal.sql.errors import converting_errors, converting_value_errors, store_error
from stretto.actors.journal.sql.membership import Membership
from stretto.actors.journal.store import CannotOpenStore, StoreLost, StoreUnavailable, Unrecordable


class Guard(Protocol):
    """Locks a store for this process, and connects to it."""

    store: str
    """The store's URL without its password."""

    def connect(self) -> Connection:
        """Return a new connection for writing. Raises StoreInUse, CannotOpenStore or a database error."""

    def claim(self, connection: Connection) -> None:
        """Exclude other processes from the store. Raises StoreInUse or a database error."""

    def check(self) -> None:
        """Raise StoreLost if the opened database is no longer the one at the store's URL."""

    def back_up(self, version: str) -> str:
        """Copy a store before its tables of that version are changed; return the copy's description for the log.

        Raises OSError or a database error.
        """

    def readers(self) -> Engine:
        """Return an engine for read-only connections."""

    def release(self) -> None:
        """Release the store for other processes; idempotent."""


class CommitInDoubt(StoreUnavailable):
    """A commit failed, and only the store knows whether it took effect: ask `settle`."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number
        self.committed: bool | None = None


class Ownership:
    """The one connection that writes a store; for one thread at a time.

    After a failure the connection is closed, and the next transaction opens another one.

    Attributes:
        number: The number of this engine.
    """

    def __init__(self, guard: Guard, connection: Connection, membership: Membership) -> None:
        """Write a store over a connection that has claimed it.

        Args:
            guard: The lock of the store.
            connection: The connection.
            membership: The row of this engine.
        """
        self.number = membership.number
        self._guard = guard
        self._connection: Connection | None = connection
        self._membership = membership
        self._lost: str | None = None
        self._doubt: CommitInDoubt | None = None
        self._commits = 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a block in a transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StoreUnavailable: Nothing was written.
            CommitInDoubt: The commit failed and may have taken effect.
            StoreLost: Another process has taken over the store.
            Unrecordable: The database refuses the data permanently.
        """
        connection = self._ready()
        try:
            with converting_errors(self._guard.store), converting_value_errors(self._guard.store):
                transaction = connection.begin()
                yield connection
                self._count_commit(connection)
        except Unrecordable:
            self._roll_back(transaction)
            raise
        except BaseException:
            self._disconnect()
            raise
        self._commit(transaction)

    def settle(self, doubt: CommitInDoubt) -> bool:
        """Return whether a commit in doubt took effect. Raises StoreUnavailable or StoreLost."""
        if doubt.committed is None:
            self._ready()
        return bool(doubt.committed)

    def take_over(self, connection: Connection) -> float | None:
        """Fence engines that may be taken over, in a transaction of this ownership; see `Membership.take_over`."""
        return self._membership.take_over(connection)

    @property
    def just_fenced(self) -> int:
        """How many engines the last `take_over` has fenced."""
        return self._membership.just_fenced

    def close(self) -> None:
        """Give up what others may claim, close the connection and release the store; idempotent."""
        try:
            if self._connection is not None:
                self._leave(self._connection)
                self._connection.close()
        finally:
            self._connection = None
            self._guard.release()

    def _leave(self, connection: Connection) -> None:
        """Give up the runs. If that fails, others claim them at the end of the lease."""
        if self._lost is None:
            with contextlib.suppress(SQLAlchemyError):
                self._membership.leave(connection)

    def _ready(self) -> Connection:
        if self._lost is not None:
            raise StoreLost(self._lost)
        try:
            self._guard.check()
            if self._connection is None:
                self._connection = self._reconnect()
        except StoreLost as lost:
            self._lost = str(lost)
            self._disconnect()
            raise
        return self._connection

    def _reconnect(self) -> Connection:
        connection = None
        try:
            with converting_errors(self._guard.store):
                connection = self._guard.connect()
                # The lock may belong to a new owner or to our lost connection: only our row distinguishes the two.
                self._compare(connection)
                self._guard.claim(connection)
                self._commits = self._compare(connection)
        except BaseException as error:
            if connection is not None:
                _discard(connection)
            if isinstance(error, CannotOpenStore):
                raise StoreUnavailable(str(error)) from error
            raise
        if self._doubt is not None:
            self._doubt.committed = self._commits >= self._doubt.number
            self._doubt = None
        self._membership.reconnected()
        return connection

    def _compare(self, connection: Connection) -> int:
        """Return how many commits of this engine took effect. Raises StoreLost if it was fenced."""
        with connection.begin():
            state = state_of(connection, self.number)
            if state is not None and state.fenced_by is None:
                return state.commits
            reason = self._membership.reason_of_loss(connection)
        raise StoreLost(f"the store {self._guard.store} {reason}: this process can no longer write it")

    def _roll_back(self, transaction: RootTransaction) -> None:
        try:
            with converting_errors(self._guard.store):
                transaction.rollback()
        except StoreUnavailable:
            self._disconnect()
            raise

    def _commit(self, transaction: RootTransaction) -> None:
        try:
            transaction.commit()
        except SQLAlchemyError as error:
            self._disconnect()
            raise self._doubtful(error) from error
        except BaseException:
            self._disconnect()
            raise
        self._commits += 1
        self._membership.committed()

    def _count_commit(self, connection: Connection) -> None:
        if not self._membership.count_commit(connection):
            reason = self._membership.reason_of_loss(connection)
            self._lost = f"the store {self._guard.store} {reason}: this process can no longer write it"
            raise StoreLost(self._lost)

    def _doubtful(self, error: SQLAlchemyError) -> StoreUnavailable | Unrecordable:
        failure = store_error(error, self._guard.store)
        if isinstance(failure, Unrecordable):
            return failure
        self._doubt = CommitInDoubt(str(failure), self._commits + 1)
        return self._doubt

    def _disconnect(self) -> None:
        if self._connection is not None:
            _discard(self._connection)
            self._connection = None


def _discard(connection: Connection) -> None:
    """Close a connection whose state is unknown."""
    connection.invalidate()
    connection.close()
