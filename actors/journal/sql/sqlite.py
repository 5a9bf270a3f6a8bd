"""A store in SQLite: a file of this machine, or this process's memory.

Exactly one connection writes, and it alone checkpoints: builds before 3.51.3 can damage a file in which two do. Readers
see what was committed before they began, and hold up nobody.
"""

import errno
import os
import secrets
import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from stretto.actors.journal.sql.file_lock import FileLock, LockTaken
from stretto.actors.journal.store import CannotOpenStore, StoreInUse, StoreLost

APPLICATION_ID: Final = 0x53545254
"""What marks a SQLite database as a store: "STRT"."""

_OLDEST: Final = (3, 37, 0)
"""The first version with STRICT tables."""

_BUSY_MILLISECONDS: Final = 10_000
"""How long another program may keep the file locked before that is told."""

_WAL_BYTES: Final = 64 * 1024 * 1024
"""What of the write-ahead log stays on the disk once a large one has been used up."""


class SqliteMemory:
    """A store in this process's memory: gone with its guard."""

    store = "sqlite://"

    def __init__(self) -> None:
        """Make an empty database. Raises `CannotOpenStore`, and errors of the database."""
        _check_version(self.store)
        # Each has a name of its own: connections of one process with the same name share the database.
        self._uri = f"file:/stretto-{secrets.token_hex(8)}?vfs=memdb"
        self._anchor: sqlite3.Connection | None = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
        self._engine = _engine(self._connect, writing=True)

    def connect(self) -> Connection:
        """Return a new connection for writing."""
        return self._engine.connect()

    def claim(self, connection: Connection) -> None:
        """Nobody else can reach it."""

    def check(self) -> None:
        """Nobody else can change it."""

    def back_up(self, version: str) -> str:
        """There is nothing to copy: it begins empty."""
        return f"none of version {version}"

    def release(self) -> None:
        """Give the memory back when the last connection has ended; idempotent."""
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def readers(self) -> Engine:
        """Return an engine for connections that cannot write."""
        return _engine(lambda: _reading(self._uri))

    def _connect(self) -> sqlite3.Connection:
        connection = _open(self._uri)
        _set(connection, foreign_keys="ON", busy_timeout=_BUSY_MILLISECONDS)
        return connection


class SqliteFile:
    """A store in a file, which is this process's as long as this lives: there is a lock beside it."""

    def __init__(self, path: Path) -> None:
        """Take the lock, and make the file if there is none. Raises `StoreInUse`, `CannotOpenStore`, and OSErrors."""
        self.store = file_url(path)
        # One file has one lock, by whichever of its names it is opened.
        self._path = Path(os.path.realpath(path))
        _check_version(self.store)
        _check_place(self._path, self.store)
        self._lock = self._take_lock()
        try:
            self._identity = _make(self._path)
        except OSError:
            self.release()
            raise
        self._engine = _engine(self._connect, writing=True)

    def connect(self) -> Connection:
        """Return a new connection for writing. Raises `CannotOpenStore`, and errors of the database."""
        return self._engine.connect()

    def claim(self, connection: Connection) -> None:
        """The lock is taken, and stays."""

    def check(self) -> None:
        """Raise `StoreLost` if the file has been removed or replaced: what is written now would be gone."""
        try:
            found = _identity(self._path.stat())
        except OSError:
            found = None
        if found != self._identity:
            raise StoreLost(
                f"the file of the store {self.store} has been removed or replaced while it was in use: "
                "this process writes it no more; put it in order, and start again"
            )

    def back_up(self, version: str) -> str:
        """Copy the file to one beside it. Raises OSErrors, and errors of the database."""
        moment = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ")
        target = self._path.with_name(f"{self._path.name}.version-{version}.{moment}.backup")
        copy_database(self._path, target)
        return str(target)

    def release(self) -> None:
        """Give the lock back; idempotent."""
        self._lock.release()

    def readers(self) -> Engine:
        """Return an engine for connections that cannot write."""
        return file_readers(self._path)

    def _take_lock(self) -> FileLock:
        try:
            return FileLock(self._path.with_name(f"{self._path.name}.lock"))
        except LockTaken as taken:
            raise StoreInUse(
                f"the store {self.store} is in use by process {taken.owner}: it can be opened once that has ended; "
                "to read it meanwhile, use commands that only read"
            ) from None

    def _connect(self) -> sqlite3.Connection:
        connection = _open(_uri(self._path, "rw"))
        try:
            _set(connection, foreign_keys="ON", busy_timeout=_BUSY_MILLISECONDS)
            if _pragma(connection, "page_count") == 0:
                # Both stand in the file from its first page on, which is written once, by the second.
                _set(connection, auto_vacuum="INCREMENTAL", application_id=APPLICATION_ID)
            check_mark(connection, self.store)
            _check_log(_pragma(connection, "journal_mode=WAL"), self.store)
            _set(connection, synchronous="FULL", journal_size_limit=_WAL_BYTES)
        except BaseException:
            connection.close()
            raise
        return connection


def file_url(path: Path) -> str:
    """Return the URL of the store in a file."""
    return f"sqlite:///{path}"


def file_readers(path: Path) -> Engine:
    """Return an engine for connections to a file that cannot write; the file must be there."""
    uri = _uri(path, "ro")
    return _engine(lambda: _reading(uri))


def check_file(path: Path) -> None:
    """See to it that a file holds a store. Raises `CannotOpenStore`, and errors of the database."""
    store = file_url(path)
    if not path.exists():
        raise _cannot_open(store, "there is no such file")
    _check_place(path, store)
    connection = _reading(_uri(path, "ro"))
    try:
        check_mark(connection, store)
    finally:
        connection.close()


def check_mark(connection: sqlite3.Connection, store: str) -> None:
    """See to it that a database is a store. Raises `CannotOpenStore`, and errors of the database."""
    mark = _pragma(connection, "application_id")
    if mark != APPLICATION_ID:
        what = "an empty SQLite database" if _pragma(connection, "page_count") == 0 else "another program's database"
        raise _cannot_open(store, f"its file is {what}, and no store (application_id {mark}, not {APPLICATION_ID})")


def copy_database(source: Path, target: Path) -> None:
    """Copy a database while others use it; the copy is complete or not there.

    Raises FileExistsError if there is a target, other OSErrors, and errors of the database.
    """
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    part = target.with_name(f"{target.name}.part-{secrets.token_hex(4)}")
    _make_new(part)
    try:
        connection = _open(_uri(source, "ro"))
        try:
            connection.execute("VACUUM INTO ?", (os.fspath(part),))
        finally:
            connection.close()
        _sync(part)
        # A rename replaces what is there, so let that be nobody's: an empty file of our own.
        _make_new(target)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)


def _engine(creator: Callable[[], sqlite3.Connection], *, writing: bool = False) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://", creator=creator, poolclass=NullPool if writing else QueuePool, hide_parameters=True
    )
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

    # The driver begins no transaction itself (isolation_level None): the moment and the kind are ours.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _reading(uri: str) -> sqlite3.Connection:
    connection = _open(uri)
    _set(connection, query_only="ON", wal_autocheckpoint=0, busy_timeout=_BUSY_MILLISECONDS)
    return connection


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(os.fspath(path.absolute()))}?mode={mode}"


def _set(connection: sqlite3.Connection, **pragmas: str | int) -> None:
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name}={value}").fetchall()


def _pragma(connection: sqlite3.Connection, pragma: str) -> str | int:
    value: str | int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value


def _make(path: Path) -> tuple[int, int]:
    """Make an empty file if there is none, for its owner alone; return which file it is."""
    try:
        _make_new(path)
        _sync(path.parent)
    except FileExistsError:
        # Never opened here: closing it would end the locks that SQLite has on it elsewhere in this process.
        pass
    return _identity(path.stat())


def _make_new(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _check_version(store: str) -> None:
    if sqlite3.sqlite_version_info < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise _cannot_open(store, f"this Python has SQLite {sqlite3.sqlite_version}: {oldest} or later is needed")


def _check_place(path: Path, store: str) -> None:
    if not path.parent.is_dir():
        raise _cannot_open(store, f"there is no folder {path.parent}: make it")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise _cannot_open(store, "that is no file" if not path.is_dir() else "that is a folder: name a file in it")


def _check_log(mode: str | int, store: str) -> None:
    if mode != "wal":
        raise _cannot_open(store, f"its file system cannot hold it (journal mode {mode}): choose a local disk")


def _cannot_open(store: str, why: str) -> CannotOpenStore:
    return CannotOpenStore(f"cannot open the store {store}: {why}")
