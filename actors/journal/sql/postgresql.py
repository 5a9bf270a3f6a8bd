"""A store in PostgreSQL, locked by an advisory lock of the writing connection.

The server releases the lock when the connection ends, and the connection ends with its process.
"""

import os
import socket
from typing import Any, Final, cast

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from stretto.actors.journal.store import CannotOpenStore, StoreInUse
from stretto.actors.process import HasDescriptor, give_back, withhold

LOCK: Final = 0x53545254
"""The first key of a store's advisory lock; the second key is the hash of the schema's name."""

_CONNECTING: Final = {
    # Without these, a vanished host is noticed only after 15 minutes or more.
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Options for libpq that the URL can override."""

_SETTINGS: Final = (
    # The same for the server, so that it releases the lock of a vanished host.
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    "SET client_encoding = 'UTF8';"
    # PostgreSQL takes 0.4 seconds to compile one of these statements, and 0.01 to execute it without that.
    "SET jit = off;"
)
_SETTINGS_OF_READERS: Final = f"{_SETTINGS} SET default_transaction_read_only = on"
_SETTINGS_OF_WRITERS: Final = (
    f"{_SETTINGS} SET lock_timeout = '30s';"
    # A server may be configured not to wait for the disk, but acknowledged data must be durable.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)

_APPLICATION_NAME_BYTES: Final = 63

# The server may need a moment to notice that a process has died.
_WAIT_FOR_LOCK: Final = text("SET LOCAL lock_timeout = '500ms'")
_NOT_AVAILABLE: Final = "55P03"
_FIND_HOLDER: Final = text(
    "SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = :lock"
    " AND l.objid::bigint = hashtext(coalesce(current_schema(), ''))::bigint & 4294967295"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Postgres:
    """A store in a PostgreSQL database, in the first schema of its user's search path."""

    def __init__(self, url: str, more_settings: str = "") -> None:
        """Parse the URL and load the driver.

        Args:
            url: The URL.
            more_settings: Statements for each writing connection.

        Raises CannotOpenStore.
        """
        parsed = _parse(url)
        self.store = _without_passwords(parsed)
        self._url = parsed.set(drivername="postgresql+psycopg")
        self._writers = self._engine(f"{more_settings}{_SETTINGS_OF_WRITERS}", poolclass=NullPool)

    def without_password(self) -> str:
        """Return the URL for PostgreSQL's programs, without any password."""
        hidden = [name for name in self._url.query if _is_password(name)]
        url = self._url._replace(drivername="postgresql", password=None).difference_update_query(hidden)
        return url.render_as_string(hide_password=False)

    def connect(self) -> Connection:
        """Return a new connection for writing. Raises a database error."""
        return self._writers.connect()

    def claim(self, connection: Connection) -> None:
        """Take the store's lock for the lifetime of the connection.

        Raises StoreInUse, CannotOpenStore or a database error.
        """
        self.check_encoding(connection)
        self.take_lock(connection, "pg_advisory_lock")

    def take_lock(self, connection: Connection, function: str) -> None:
        """Take the store's lock by a function of the server. Raises StoreInUse or a database error."""
        take = text(f"SELECT {function}(:lock, hashtext(coalesce(current_schema(), '')))")
        try:
            with connection.begin():
                connection.execute(_WAIT_FOR_LOCK)
                connection.execute(take, {"lock": LOCK})
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
                raise
        else:
            return
        with connection.begin():
            holder = connection.execute(_FIND_HOLDER, {"lock": LOCK}).first()
        whom = f"{holder.application_name!r} (server process {holder.pid})" if holder else "another process"
        raise StoreInUse(f"the store {self.store} is in use by {whom}: stop that process first")

    def is_claimed(self) -> bool:
        """Return whether a connection has the store's lock. Raises a database error."""
        engine = self.readers()
        try:
            with engine.connect() as connection:
                return connection.execute(_FIND_HOLDER, {"lock": LOCK}).first() is not None
        finally:
            engine.dispose()

    def check(self) -> None:
        """Do nothing: a commit succeeds only while its engine is not fenced."""

    def back_up(self, version: str) -> str:
        """Return that there is no copy: PostgreSQL has programs of its own for that."""
        return f"none of version {version}: use pg_dump to make one"

    def release(self) -> None:
        """Do nothing: the lock ends with its connection."""

    def readers(self) -> Engine:
        """Return an engine for read-only connections, which replaces lost ones."""
        # A read is one statement: a transaction around it would cost two more round trips.
        return self._engine(_SETTINGS_OF_READERS, pool_pre_ping=True, isolation_level="AUTOCOMMIT")

    def check_encoding(self, connection: Connection) -> None:
        """Check that the database can store all texts. Raises CannotOpenStore or a database error."""
        with connection.begin():
            encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise CannotOpenStore(
                f"cannot open the store {self.store}: the encoding of its database must be UTF8, got {encoding}; "
                "create one with `createdb --encoding=UTF8 --template=template0 NAME`"
            )

    def _engine(self, settings: str, **options: Any) -> Engine:
        libpq_options = {name: value for name, value in _CONNECTING.items() if name not in self._url.query}
        libpq_options["application_name"] = _application_name()
        try:
            engine = create_engine(self._url, connect_args=libpq_options, hide_parameters=True, **options)
        except ImportError as error:
            raise CannotOpenStore(
                f"cannot open the store {self.store}: PostgreSQL's driver cannot be loaded ({error}); "
                "install it with `pip install 'psycopg[binary]'`"
            ) from error

        @event.listens_for(engine, "connect")
        def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            cursor = connection.cursor()
            cursor.execute(settings)
            cursor.close()
            connection.commit()
            # The server holds the lock for as long as any process has the connection.
            withhold(cast("HasDescriptor", connection))

        @event.listens_for(engine, "close")
        def _give_back(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            give_back(cast("HasDescriptor", connection))

        return engine


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or not parsed.database or "@" in (parsed.host or ""):
        # An invalid URL may contain a password anywhere; a second @ is most likely part of a password.
        raise CannotOpenStore(
            "cannot open the store: its postgresql: URL is invalid; expected "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as %XX"
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
