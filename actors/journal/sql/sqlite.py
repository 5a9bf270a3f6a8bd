"""A store in SQLite: a local file, or this process's memory.

Exactly one connection writes, and only it checkpoints: builds before 3.51.3 can damage a file if two do. Readers see
the data that was committed before they began, and block no other connection.
"""

import errno
import glob
import os
import secrets
import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from stretto.actors.journal.store import CannotOpenStore, StoreInUse, StoreLost
from stretto.actors.process import FileLock, LockTaken

APPLICATION_ID: Final = 0x53545254
"""The application id that marks an SQLite database as a store: "STRT"."""

_OLDEST: Final = (3, 37, 0)
"""The first version with STRICT tables."""

_WITHOUT_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EMLINK}
"""Errors of a file system that cannot give a file a second name."""
_BUSY_MILLISECONDS: Final = 10_000
"""How long to wait for another program's lock on the file before reporting it."""

_WAL_BYTES: Final = 64 * 1024 * 1024
"""The size that a large write-ahead log is truncated to after a checkpoint."""

_PART: Final = ".part-"
"""Follows the name of a copy that is not complete."""


class SqliteMemory:
    """A store in this process's memory, which ends with its guard."""

    store = "sqlite://"

    def __init__(self) -> None:
        """Create an empty database. Raises CannotOpenStore or a database error."""
        _check_version(self.store)
        # Each database has a name of its own: connections of a process with the same name share one.
        self._uri = f"file:/stretto-{secrets.token_hex(8)}?vfs=memdb"
        self._anchor: sqlite3.Connection | None = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
        self._engine = _engine(self._connect, writing=True)

    def connect(self) -> Connection:
        """Return a new connection for writing."""
        return self._engine.connect()

    def claim(self, connection: Connection) -> None:
        """Do nothing: no other process can open it."""

    def check(self) -> None:
        """Do nothing: no other process can change it."""

    def back_up(self, version: str) -> str:
        """Return that there is no copy: the database was just created."""
        return f"none of version {version}"

    def release(self) -> None:
        """Free the memory once the last connection has ended; idempotent."""
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def readers(self) -> Engine:
        """Return an engine for read-only connections."""
        return _engine(lambda: _reading(self._uri))

    def _connect(self) -> sqlite3.Connection:
        connection = _open(self._uri)
        _set(connection, foreign_keys="ON", busy_timeout=_BUSY_MILLISECONDS)
        return connection


class SqliteFile:
    """A store in a file, locked by a lock file next to it."""

    def __init__(self, path: Path) -> None:
        """Take the lock, and create the file if it is missing. Raises StoreInUse, CannotOpenStore or OSError."""
        self.store = file_url(path)
        # A file has one lock, whichever of its names it is opened by.
        self._path = Path(os.path.realpath(path))
        _check_version(self.store)
        _check_place(self._path, self.store)
        self._lock = self._take_lock()
        try:
            self._identity = _create(self._path)
        except OSError:
            self.release()
            raise
        self._engine = _engine(self._connect, writing=True)

    def connect(self) -> Connection:
        """Return a new connection for writing. Raises CannotOpenStore or a database error."""
        return self._engine.connect()

    def claim(self, connection: Connection) -> None:
        """Do nothing: the lock is already taken."""

    def check(self) -> None:
        """Raise StoreLost if the file was removed or replaced: further writes would be lost."""
        try:
            found = _identity(self._path.stat())
        except OSError:
            found = None
        if found != self._identity:
            raise StoreLost(
                f"the file of the store {self.store} was removed or replaced while in use: "
                "this process can no longer write it; restore the file, and start again"
            )

    def back_up(self, version: str) -> str:
        """Copy the file to a new one in the same folder. Raises OSError or a database error."""
        for left in self._path.parent.glob(f"{glob.escape(self._path.name)}.version-*.backup{_PART}*"):
            left.unlink()  # of a process that was killed: the lock shows that no other process copies now
        moment = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        target = self._path.with_name(f"{self._path.name}.version-{version}.{moment}.backup")
        copy_database(self._path, target)
        return str(target)

    def release(self) -> None:
        """Release the lock; idempotent."""
        self._lock.release()

    def readers(self) -> Engine:
        """Return an engine for read-only connections."""
        return file_readers(self._path)

    def _take_lock(self) -> FileLock:
        try:
            return FileLock(lock_of(self._path))
        except LockTaken as taken:
            raise StoreInUse(
                f"the store {self.store} is in use by {taken.holder}: stop that process first; "
                "commands that only read can be used meanwhile"
            ) from None

    def _connect(self) -> sqlite3.Connection:
        connection = _open(_uri(self._path, "rw"))
        try:
            _set(connection, foreign_keys="ON", busy_timeout=_BUSY_MILLISECONDS)
            if _pragma(connection, "page_count") == 0:
                # Both are written with the first page, by the second pragma.
                _set(connection, auto_vacuum="INCREMENTAL", application_id=APPLICATION_ID)
            check_mark(connection, self.store)
            _check_log(_pragma(connection, "journal_mode=WAL"), self.store)
            _set(connection, synchronous="FULL", journal_size_limit=_WAL_BYTES)
        except BaseException:
            connection.close()
            raise
        return connection


def lock_of(path: Path) -> Path:
    """Return the lock file of a store's file, whichever of its names is given."""
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}.lock")


def file_url(path: Path) -> str:
    """Return the URL of the store in a file."""
    return f"sqlite:///{path}"


def file_readers(path: Path) -> Engine:
    """Return an engine for read-only connections to an existing file."""
    uri = _uri(path, "ro")
    return _engine(lambda: _reading(uri))


def check_file(path: Path) -> None:
    """Check that a file is a store. Raises CannotOpenStore or a database error."""
    store = file_url(path)
    if not path.exists():
        raise _cannot_open(store, "the file does not exist")
    _check_place(path, store)
    connection = _reading(_uri(path, "ro"))
    try:
        check_mark(connection, store)
    finally:
        connection.close()


def check_mark(connection: sqlite3.Connection, store: str) -> None:
    """Check that a database is a store. Raises CannotOpenStore or a database error."""
    mark = _pragma(connection, "application_id")
    if mark != APPLICATION_ID:
        what = "an empty SQLite database" if _pragma(connection, "page_count") == 0 else "another program's database"
        raise _cannot_open(store, f"its file must be a store, got {what} (application_id {mark}, not {APPLICATION_ID})")


def copy_database(source: Path, target: Path) -> None:
    """Copy a database while others use it. The target appears only once it is complete and verified.

    Raises FileExistsError if the target exists, another OSError, or a database error.
    """
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    part = target.with_name(f"{target.name}{_PART}{secrets.token_hex(4)}")
    _create_new(part)
    try:
        connection = _open(_uri(source, "ro"))
        try:
            before = _RunCount.read(connection)
            connection.execute("VACUUM INTO ?", (os.fspath(part),))
            after = _RunCount.read(connection)
        finally:
            connection.close()
        _sync(part)
        _verify(part, before, after)
        _publish(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)


def _publish(part: Path, target: Path) -> None:
    """Give a complete file its name. Raises FileExistsError if another file has it, or another OSError."""
    try:
        target.hardlink_to(part)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        # A rename replaces an existing file, so create an empty one of our own to be replaced.
        _create_new(target)
        part.replace(target)


class _RunCount(NamedTuple):
    """The runs of a database at one moment.

    Attributes:
        version: Changes when another connection commits.
        runs: The number of runs.
        accepted: The number of the last accepted run. It never falls.
    """

    version: int
    runs: int
    accepted: int

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> "_RunCount":
        version = int(_pragma(connection, "data_version"))
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if "runs" not in tables:
            return cls(version, 0, 0)
        (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        accepted = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
        return cls(version, runs, accepted[0] if accepted else 0)


def _verify(copy: Path, before: _RunCount, after: _RunCount) -> None:
    """Read a whole copy and compare its runs with those of its source. Raises OSError or a database error."""
    connection = _open(_uri(copy, "ro"))
    try:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        copied = _RunCount.read(connection)
    except sqlite3.DatabaseError as error:
        raise _bad_copy(copy, str(error)) from error
    finally:
        connection.close()
    if found != "ok":
        raise _bad_copy(copy, found)
    unchanged = before == after
    if (unchanged and copied.runs != before.runs) or not before.accepted <= copied.accepted <= after.accepted:
        raise _bad_copy(copy, f"it must have the {before.runs:,} runs of the store, got {copied.runs:,}")


def _bad_copy(copy: Path, why: str) -> OSError:
    return OSError(errno.EIO, f"the copy is damaged and was removed: {why}", os.fspath(copy))


def _engine(creator: Callable[[], sqlite3.Connection], *, writing: bool = False) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://", creator=creator, poolclass=NullPool if writing else QueuePool, hide_parameters=True
    )
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

    # The driver begins no transaction itself (isolation_level None), so this decides when and how.
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


def _create(path: Path) -> tuple[int, int]:
    """Create an empty file for its owner only, if it is missing; return the file's identity."""
    try:
        _create_new(path)
        _sync(path.parent)
    except FileExistsError:
        # Never open it here: closing it would release the locks that SQLite has on it in this process.
        pass
    return _identity(path.stat())


def _create_new(path: Path) -> None:
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
        raise _cannot_open(
            store, f"SQLite must be version {oldest} or later, got {sqlite3.sqlite_version} from this Python"
        )


def _check_place(path: Path, store: str) -> None:
    if not path.parent.is_dir():
        raise _cannot_open(store, f"the folder {path.parent} does not exist; create it")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise _cannot_open(
            store, "the path is not a regular file" if not path.is_dir() else "the path is a folder; name a file in it"
        )


def _check_log(mode: str | int, store: str) -> None:
    if mode != "wal":
        raise _cannot_open(store, f"its file system does not support journal mode wal, got {mode}; choose a local disk")


def _cannot_open(store: str, why: str) -> CannotOpenStore:
    return CannotOpenStore(f"cannot open the store {store}: {why}")
