"""Who may write a store: one process at a time, and what it writes stands only as long as it is that one.

A guard keeps the store as long as its process lives; a row counts up with every opening (its epoch), and with every
commit. So a writer whose connection was lost knows afterwards whether it still has the store, and whether what it was
committing at that moment was committed.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, RootTransaction, bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from stretto.actors.journal.sql.errors import telling, telling_what_does_not_fit, told
from stretto.actors.journal.sql.tables import ownership
from stretto.actors.journal.store import CannotOpenStore, StoreLost, StoreUnavailable, Unrecordable

# Made once: making it takes as long as executing it, and every commit does.
_COUNT_COMMIT: Final = (
    update(ownership).where(ownership.c.epoch == bindparam("ours")).values(commits=ownership.c.commits + 1)
)


class Guard(Protocol):
    """What keeps a store for this process, however that ends, and connects to it. `store` is its URL, for people."""

    store: str

    def connect(self) -> Connection:
        """Return a new connection for writing. Raises `StoreInUse`, `CannotOpenStore`, and errors of the database."""

    def claim(self, connection: Connection) -> None:
        """See to it that no other process has the store. Raises `StoreInUse`, and errors of the database."""

    def check(self) -> None:
        """Raise `StoreLost` if what was opened is no more what others will open."""

    def back_up(self, version: str) -> str:
        """Copy a store with tables of that version before they are changed; return what is logged of the copy.

        Raises OSErrors, and errors of the database.
        """

    def readers(self) -> Engine:
        """Return an engine for connections that cannot write."""

    def release(self) -> None:
        """Let others have the store; idempotent."""


class CommitInDoubt(StoreUnavailable):
    """A commit failed in such a way that only the store itself can tell what has become of it: ask `settle`."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number
        self.committed: bool | None = None


class Ownership:
    """A store that belongs to this process, and the one connection that writes it; for one thread at a time.

    After a failure the connection is given up, and the next transaction begins with another one.
    """

    def __init__(self, guard: Guard, connection: Connection) -> None:
        """Count up the store's epoch: it is this process's from now on. Raises errors of the database."""
        self._guard = guard
        self._connection: Connection | None = connection
        self._lost: str | None = None
        self._doubt: CommitInDoubt | None = None
        self._epoch, self._commits = _count_opening(connection)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection for one transaction, committed when the block ends, rolled back when it raises.

        Raises `StoreUnavailable` (then nothing is written; `CommitInDoubt`: perhaps), `StoreLost`, `Unrecordable`.
        """
        connection = self._ready()
        try:
            with telling(self._guard.store), telling_what_does_not_fit(self._guard.store):
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
        """Tell whether a commit was done that was in doubt. Raises `StoreUnavailable`, `StoreLost`."""
        if doubt.committed is None:
            self._ready()
        return bool(doubt.committed)

    def close(self) -> None:
        """Give the store back; idempotent."""
        try:
            if self._connection is not None:
                self._connection.close()
        finally:
            self._connection = None
            self._guard.release()

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
            with telling(self._guard.store):
                connection = self._guard.connect()
                # Whoever has the lock may have had it for long: only the epoch tells one that has from one that may.
                self._compare(connection)
                self._guard.claim(connection)
                self._commits = self._compare(connection)
        except BaseException as error:
            if connection is not None:
                _give_up(connection)
            if isinstance(error, CannotOpenStore):
                raise StoreUnavailable(str(error)) from error
            raise
        if self._doubt is not None:
            self._doubt.committed = self._commits >= self._doubt.number
            self._doubt = None
        return connection

    def _compare(self, connection: Connection) -> int:
        """Return how many commits the store has had. Raises `StoreLost` if it has been opened since."""
        with connection.begin():
            row = connection.execute(select(ownership)).one_or_none()
        if row is None or row.epoch != self._epoch:
            whom = "another process" if row is None else row.owner
            raise StoreLost(f"the store {self._guard.store} has been opened by {whom}: this process writes it no more")
        return int(row.commits)

    def _roll_back(self, transaction: RootTransaction) -> None:
        try:
            with telling(self._guard.store):
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

    def _count_commit(self, connection: Connection) -> None:
        if connection.execute(_COUNT_COMMIT, {"ours": self._epoch}).rowcount != 1:
            self._lost = f"the store {self._guard.store} has been opened by another process: this one writes it no more"
            raise StoreLost(self._lost)

    def _doubtful(self, error: SQLAlchemyError) -> StoreUnavailable | Unrecordable:
        failure = told(error, self._guard.store)
        if isinstance(failure, Unrecordable):
            return failure
        self._doubt = CommitInDoubt(str(failure), self._commits + 1)
        return self._doubt

    def _disconnect(self) -> None:
        if self._connection is not None:
            _give_up(self._connection)
            self._connection = None


def this_process() -> str:
    """Return how this process is told to another that wants the same store."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _count_opening(connection: Connection) -> tuple[int, int]:
    """Count up the epoch; return it, and the number of commits so far."""
    with connection.begin():
        opening = {"epoch": ownership.c.epoch + 1, "opened_at": time.time(), "owner": this_process()}
        if connection.execute(update(ownership).values(opening)).rowcount == 0:
            connection.execute(insert(ownership).values({**opening, "id": 1, "epoch": 1, "commits": 0}))
        row = connection.execute(select(ownership.c.epoch, ownership.c.commits)).one()
    return row.epoch, row.commits


def _give_up(connection: Connection) -> None:
    """Close a connection that is not to be trusted, for good, whatever state it is in."""
    connection.invalidate()
    connection.close()
