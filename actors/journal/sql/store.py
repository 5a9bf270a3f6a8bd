"""An SQL store, composed of its guard, its tables, its writer and its readers."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from stretto.actors.journal import store as protocols
from stretto.actors.journal.access import PruneAudit
from stretto.actors.journal.deletion import DeleteRun
from stretto.actors.journal.encryption import Keyring
from stretto.actors.journal.events import PruneEvents
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.location import InFile, InMemory, InPostgres, Location
from stretto.actors.journal.peers import Peers
from stretto.actors.journal.sql.access import SqlAccessWriter
from stretto.actors.journal.sql.audit import AuditPruning
from stretto.actors.journal.sql.claims import RunClaims
from stretto.actors.journal.sql.damage import damage_reason
from stretto.actors.journal.sql.deletion import RunDeletion
from stretto.actors.journal.sql.engines import versions_known
from stretto.actors.journal.sql.errors import reason
from stretto.actors.journal.sql.event_pruning import EventPruning
from stretto.actors.journal.sql.kv import SqlKeyWriter
from stretto.actors.journal.sql.membership import Alone, Member
from stretto.actors.journal.sql.ownership import Guard, Ownership
from stretto.actors.journal.sql.postgresql import Postgres
from stretto.actors.journal.sql.pruning import Pruning
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.schedules import SqlScheduleClaims
from stretto.actors.journal.sql.schema import SCHEMA, Schema
from stretto.actors.journal.sql.sensors import SqlSensorClaims
from stretto.actors.journal.sql.shared_postgresql import SharedPostgres
from stretto.actors.journal.sql.sqlite import SqliteFile, SqliteMemory, check_file, file_readers, file_url, lock_of
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.journal.store import CannotOpenStore, Prune, StoreInUse
from stretto.actors.journal.store_clock import StoreClock
from stretto.actors.process import is_locked
from stretto.definitions.errors import StrettoError

FINISH_SECONDS: Final = 60.0
"""The server ends the transaction of a process that is frozen for so long as it finishes an upgrade."""


class Store:
    """A store that this process has opened for writing. `url` has no password."""

    def __init__(self, guard: Guard, ownership: Ownership, keyring: Keyring | None, peers: Peers | None = None) -> None:
        self.peers = peers
        self.url = guard.store
        self.engine = ownership.number
        self.writer = SqlWriter(ownership, keyring)
        self.access = SqlAccessWriter(ownership)
        self.keys = SqlKeyWriter(ownership, keyring)
        self.claims = RunClaims(ownership, keyring)
        self.schedules = SqlScheduleClaims(ownership)
        self.sensors = SqlSensorClaims(ownership)
        self.reader = SqlReader(guard.readers(), keyring, guard.store)
        self._ownership = ownership

    def pruning(self, prune: Prune) -> Pruning:
        """Return a pass that deletes runs. Use it on the writer's thread, as it uses the writer's connection."""
        return Pruning(self._ownership, prune)

    def deletion(self, wanted: Prune | PruneAudit | PruneEvents | DeleteRun) -> protocols.Pruning:
        """Return a pass that deletes runs, entries of the audit or events. Use it on the writer's thread, too."""
        if isinstance(wanted, DeleteRun):
            return self.run_deletion(wanted)
        if isinstance(wanted, PruneEvents):
            return EventPruning(self._ownership, wanted)
        return AuditPruning(self._ownership, wanted) if isinstance(wanted, PruneAudit) else self.pruning(wanted)

    def run_deletion(self, wanted: DeleteRun) -> RunDeletion:
        """Return what deletes one run."""
        return RunDeletion(self._ownership, wanted)

    def close(self) -> None:
        """Close all connections and release the store; idempotent."""
        self.reader.close()
        self.writer.close()
        if self.peers is not None:
            self.peers.released()
            self.peers.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def own(location: Location, keyring: Keyring | None, schema: Schema | None) -> Store:
    """Open a store for writing and reading. Raises StoreInUse or CannotOpenStore."""
    guard = _guard(location)
    with opening(guard.store):
        return Store(guard, _own(guard, schema or SCHEMA), keyring)


def share(
    location: Location, keyring: Keyring | None, lease: Lease, clock: StoreClock, schema: Schema | None = None
) -> Store:
    """Open a store that several engines share, for writing and reading.

    Args:
        location: The place of the store, in PostgreSQL.
        keyring: The keys of its secrets.
        lease: The lease of this engine, which each commit renews.
        clock: Follows the server's clock.
        schema: The version of the tables, by default this Stretto's.

    Raises:
        StoreInUse: A process has the store open for itself.
        CannotOpenStore: The store cannot be opened, or is not in PostgreSQL.
    """
    if not isinstance(location, InPostgres):
        raise CannotOpenStore(
            "only a store in PostgreSQL can be shared: unset engine.store_lease, or change engine.store"
        )
    from stretto.actors.journal.sql.peers import SqlPeers  # noqa: PLC0415 - only this loads psycopg

    guard = SharedPostgres(location.url, lease.seconds)
    with opening(guard.store):
        ownership = _join(guard, schema or SCHEMA, lease, clock)
        peers = SqlPeers(guard.store, guard.connect_beside, ownership.number, lease, clock.now)
        return Store(guard, ownership, keyring, peers)


def finish(location: Location, schema: Schema | None) -> None:
    """Upgrade a store to the newest version that this Stretto knows. Raises StoreInUse or CannotOpenStore.

    Engines that share it go on if all of them know that version, too.
    """
    known = schema or SCHEMA
    if isinstance(location, InPostgres):
        _finish_shared(SharedPostgres(location.url, FINISH_SECONDS), known)
        return
    guard = _guard(location)
    with opening(guard.store), _claimed(guard) as connection, connection:
        known.finish(connection, guard.store, guard.back_up)
        guard.release()


def _finish_shared(guard: SharedPostgres, known: Schema) -> None:
    """Finish the upgrade of a store in PostgreSQL. No engine joins meanwhile."""
    with opening(guard.store), _connected(guard) as connection, connection, guard.joining(connection) as is_first:
        with connection.begin():
            others = [] if is_first else versions_known(connection)
        older = [name for name, knows in others if knows in known.revisions and knows != known.newest]
        if older:
            raise StoreInUse(
                f"cannot finish the upgrade of the store {guard.store}: it is in use by an older Stretto, "
                f"{', '.join(older)}: stop it first"
            )
        known.finish(connection, guard.store, guard.back_up)


def read(location: Location, keyring: Keyring | None, schema: Schema | None) -> SqlReader:
    """Open a store for reading. Raises CannotOpenStore."""
    store, engine = readers(location)
    try:
        with opening(store), engine.connect() as connection:
            (schema or SCHEMA).check(connection, store)
    except BaseException:
        engine.dispose()
        raise
    return SqlReader(engine, keyring, store)


def is_owned(location: Location) -> bool:
    """Return whether a process has a store open for writing. Raises CannotOpenStore."""
    match location:
        case InFile(path):
            return is_locked(lock_of(path))
        case InPostgres(url):
            postgres = Postgres(url)
            with opening(postgres.store):
                return postgres.is_claimed()
        case InMemory():
            return True


def readers(location: Location) -> tuple[str, Engine]:
    """Return a store's URL without its password, and an engine for reading it. Raises CannotOpenStore."""
    match location:
        case InFile(path):
            with opening(file_url(path)):
                check_file(path)
            return file_url(path), file_readers(path)
        case InPostgres(url):
            postgres = Postgres(url)
            return postgres.store, postgres.readers()
        case InMemory():
            raise CannotOpenStore("a store in memory (sqlite://) can be read only by its own process")


@contextmanager
def opening(store: str) -> Iterator[None]:
    """Convert database errors, OSErrors and errors of damaged tables in the block to CannotOpenStore."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise CannotOpenStore(f"cannot open the store {store}: {reason(error)}") from error
    except OSError as error:
        raise CannotOpenStore(f"cannot open the store {store}: {error.strerror}: {error.filename}") from error
    except StrettoError:
        raise
    except (UnicodeError, TypeError) as error:
        raise CannotOpenStore(
            f"cannot open the store {store}: it is damaged ({damage_reason(error)}): restore a backup"
        ) from error


def _guard(location: Location) -> Guard:
    match location:
        case InMemory():
            with opening(SqliteMemory.store):
                return SqliteMemory()
        case InFile(path):
            with opening(file_url(path)):
                return SqliteFile(path)
        case InPostgres(url):
            return Postgres(url)


def _own(guard: Guard, schema: Schema) -> Ownership:
    with _claimed(guard) as connection:
        schema.upgrade(connection, guard.store, guard.back_up)
        return Ownership(guard, connection, Alone(connection, schema.newest))


def _join(guard: SharedPostgres, schema: Schema, lease: Lease, clock: StoreClock) -> Ownership:
    with _connected(guard) as connection, guard.joining(connection) as is_first:
        schema.upgrade(connection, guard.store, guard.back_up)
        member = Member(connection, schema.newest, lease, clock, is_first=is_first)
        return Ownership(guard, connection, member)


@contextmanager
def _claimed(guard: Guard) -> Iterator[Connection]:
    """Yield a connection that has claimed the store. If the block fails, the store is released."""
    with _connected(guard) as connection:
        guard.claim(connection)
        yield connection


@contextmanager
def _connected(guard: Guard) -> Iterator[Connection]:
    """Yield a connection. If the block fails, it is closed, and the store is released."""
    connection: Connection | None = None
    try:
        connection = guard.connect()
        yield connection
    except BaseException:
        if connection is not None:
            connection.close()
        guard.release()
        raise
