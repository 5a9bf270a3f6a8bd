"""A store in PostgreSQL: a lock of the server's keeps it for the connection that writes.

Such a lock ends with its connection, and a connection ends with its process.
"""

import os
import socket
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from stretto.actors.journal.store import CannotOpenStore, StoreInUse

LOCK: Final = 0x53545254
"""The number of a store's lock among all locks of the database's users; a second one is its schema's."""

_CONNECTING: Final = {
    # Without these, a host that has vanished is noticed after a quarter of an hour or more.
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""What libpq is told, unless the URL tells it otherwise."""

_SETTINGS: Final = (
    # The same for the server, so that it gives the lock of a host that has vanished to another.
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    "SET client_encoding = 'UTF8';"
    # Translating a statement into machine code takes longer than any of ours: 0.4 seconds were seen, against 0.01.
    "SET jit = off;"
)
_SETTINGS_OF_READERS: Final = f"{_SETTINGS} SET default_transaction_read_only = on"
_SETTINGS_OF_WRITERS: Final = (
    f"{_SETTINGS} SET lock_timeout = '30s';"
    # A server may be told not to wait for the disk; what is acknowledged has to be there.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)

_APPLICATION_NAME_BYTES: Final = 63

# The server may need a moment to see that a process has died.
_WAIT_FOR_LOCK: Final = text("SET LOCAL lock_timeout = '500ms'")
_TAKE_LOCK: Final = text("SELECT pg_advisory_lock(:lock, hashtext(coalesce(current_schema(), '')))")
_NOT_AVAILABLE: Final = "55P03"
_FIND_HOLDER: Final = text(
    "SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = :lock"
    " AND l.objid::bigint = hashtext(coalesce(current_schema(), ''))::bigint & 4294967295"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Postgres:
    """A store in a PostgreSQL database, in the schema that its user finds first."""

    def __init__(self, url: str) -> None:
        """Read the URL and find the driver. Raises `CannotOpenStore`."""
        parsed = _parse(url)
        self.store = _without_passwords(parsed)
        self._url = parsed.set(drivername="postgresql+psycopg")
        self._writers = self._engine(_SETTINGS_OF_WRITERS, poolclass=NullPool)

    def without_password(self) -> str:
        """Return the URL as PostgreSQL's programs take it, without any password."""
        hidden = [name for name in self._url.query if _is_password(name)]
        url = self._url._replace(drivername="postgresql", password=None).difference_update_query(hidden)
        return url.render_as_string(hide_password=False)

    def connect(self) -> Connection:
        """Return a new connection for writing. Raises errors of the database."""
        return self._writers.connect()

    def claim(self, connection: Connection) -> None:
        """Take the store's lock for as long as the connection lasts.

        Raises `StoreInUse`, `CannotOpenStore`, and errors of the database.
        """
        with connection.begin():
            self._check_encoding(connection)
        try:
            with connection.begin():
                connection.execute(_WAIT_FOR_LOCK)
                connection.execute(_TAKE_LOCK, {"lock": LOCK})
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
                raise
        else:
            return
        with connection.begin():
            holder = connection.execute(_FIND_HOLDER, {"lock": LOCK}).first()
        whom = f"{holder.application_name!r} (server process {holder.pid})" if holder else "another process"
        raise StoreInUse(f"the store {self.store} is in use by {whom}: it can be opened once that has ended")

    def check(self) -> None:
        """A commit tells: it counts only in the epoch that is its writer's."""

    def back_up(self, version: str) -> str:
        """A copy is made by PostgreSQL's own programs."""
        return f"none of version {version}: pg_dump makes one"

    def release(self) -> None:
        """The lock has ended with its connection."""

    def readers(self) -> Engine:
        """Return an engine for connections that cannot write; one that was lost is replaced by another."""
        # An answer is one statement: a transaction around it would be two more ways to the server and back.
        return self._engine(_SETTINGS_OF_READERS, pool_pre_ping=True, isolation_level="AUTOCOMMIT")

    def _check_encoding(self, connection: Connection) -> None:
        encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise CannotOpenStore(
                f"cannot open the store {self.store}: its database has the encoding {encoding}, and cannot hold every "
                "text: create one with `createdb --encoding=UTF8 --template=template0 NAME`"
            )

    def _engine(self, settings: str, **options: Any) -> Engine:
        told = {name: value for name, value in _CONNECTING.items() if name not in self._url.query}
        told["application_name"] = _application_name()
        try:
            engine = create_engine(self._url, connect_args=told, hide_parameters=True, **options)
        except ImportError as error:
            raise CannotOpenStore(
                f"cannot open the store {self.store}: PostgreSQL's driver is not installed ({error}); "
                "`pip install 'stretto[postgres]'` installs it"
            ) from error

        @event.listens_for(engine, "connect")
        def _settle(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            cursor = connection.cursor()
            cursor.execute(settings)
            cursor.close()
            connection.commit()

        return engine


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or not parsed.database or "@" in (parsed.host or ""):
        # What cannot be read may hold a password anywhere; a second @ is most likely one of a password's.
        raise CannotOpenStore(
            "cannot open the store: its URL begins with postgresql: and cannot be read; expected "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters in it written as %XX"
        )
    return parsed


def _without_passwords(url: URL) -> str:
    hidden = {name: "hidden" for name in url.query if _is_password(name)}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def _is_password(option: str) -> bool:
    return "password" in option.lower()


def _application_name() -> str:
    name = f"stretto {os.getpid()}@{socket.gethostname()}"
    return name.encode(errors="replace")[:_APPLICATION_NAME_BYTES].decode(errors="ignore")
