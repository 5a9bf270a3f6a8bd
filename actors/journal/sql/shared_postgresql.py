"""A PostgreSQL store that several engines share: each has the store's lock in shared mode.

An engine of a version that wants the lock for itself, or an offline command, excludes all of them, and they exclude it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, text

from stretto.actors.journal.sql.postgresql import LOCK, Postgres

_JOINING: Final = LOCK + 1
"""The first key of the lock of an engine that joins: they come one after the other, as they may create tables."""
_MILLISECONDS: Final = 1000


class SharedPostgres(Postgres):
    """A store in a PostgreSQL database for one of several engines."""

    def __init__(self, url: str, lease: float) -> None:
        """Parse the URL and load the driver.

        Args:
            url: The URL.
            lease: The seconds of a lease. The server ends a transaction of an engine that is frozen for so long.

        Raises CannotOpenStore.
        """
        super().__init__(url, f"SET idle_in_transaction_session_timeout = {int(lease * _MILLISECONDS)};")

    def connect_beside(self) -> Connection:
        """Return a connection that commits each statement, has no lock, and can listen. Raises a database error."""
        return self.connect().execution_options(isolation_level="AUTOCOMMIT")

    def claim(self, connection: Connection) -> None:
        """Take the store's lock in shared mode for the lifetime of the connection. Raises as `Postgres.claim` does."""
        self.check_encoding(connection)
        self.take_lock(connection, "pg_advisory_lock_shared")

    @contextmanager
    def joining(self, connection: Connection) -> Iterator[bool]:
        """Claim the store, while no other engine joins it; yield whether no other engine is connected.

        Raises StoreInUse, CannotOpenStore or a database error.
        """
        self.check_encoding(connection)
        self._call(connection, "pg_advisory_lock", _JOINING)
        is_first = self._call(connection, "pg_try_advisory_lock", LOCK)
        if not is_first:
            self.claim(connection)
        yield is_first
        if is_first:
            self._call(connection, "pg_advisory_lock_shared", LOCK)
            self._call(connection, "pg_advisory_unlock", LOCK)
        self._call(connection, "pg_advisory_unlock", _JOINING)

    @staticmethod
    def _call(connection: Connection, function: str, lock: int) -> bool:
        with connection.begin():
            statement = text(f"SELECT {function}(:lock, hashtext(coalesce(current_schema(), '')))")
            return connection.scalar(statement, {"lock": lock}) is True
