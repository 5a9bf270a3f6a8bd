"""Real database failures: a clear message, a rolled-back transaction, and recovery once the cause is gone."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from stretto.actors.journal.location import locate
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.records import Happened, RunAccepted
from stretto.actors.journal.sql.store import Store, readers
from stretto.actors.journal.store import CannotOpenStore, StoreUnavailable
from tests.support.databases import started_server
from tests.support.recording import acceptance, completed, happening

PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{path}", None) as opened:
        yield opened


def large(run: RunAccepted) -> Happened:
    """Return much that happened to a run: a megabyte."""
    return happening(run.run_id, *(completed(index, "x" * 10_000) for index in range(100)))


def entries(store: Store, run: RunAccepted) -> int:
    return len(store.reader.entries(run.run_id, 0, 1000))


def assert_writes_again(store: Store, run: RunAccepted) -> None:
    """Give again what could not be written: it is, once, and what was there before still is."""
    assert entries(store, run) == 0
    assert store.writer.write([large(run)]) == []
    assert entries(store, run) == 100


def connection_of(store: Store) -> Connection:
    connection = store._ownership._connection
    assert connection is not None
    return connection


# ---- SQLite


def test_a_full_database(store: Store) -> None:
    """Nothing is written to a full disk, and the message has the remedy."""
    run = acceptance()
    store.writer.write([run])
    driver: Any = connection_of(store).connection.driver_connection
    driver.execute("PRAGMA max_page_count = 1").fetchall()
    with pytest.raises(StoreUnavailable, match=r"the disk is full: free some space \(.*full, SQLITE_FULL\)"):
        store.writer.write([large(run)])
    assert_writes_again(store, run)


def test_a_file_that_may_not_grow(store: Store, path: Path) -> None:
    """A limit of the process is an error like any other of the disk's."""
    run = acceptance()
    store.writer.write([run])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("store.db-wal").stat().st_size + 50_000, hard))
    try:
        with pytest.raises(StoreUnavailable, match="its file cannot be read or written: check the disk and"):
            store.writer.write([large(run)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_writes_again(store, run)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Return a folder on a file system with two megabytes of room."""
    folder = Path(tempfile.mkdtemp(prefix="stretto-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"this user may not mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


def test_a_full_disk(small_disk: Path) -> None:
    """Whatever cannot be written, the next attempt cannot either, until there is room again."""
    run = acceptance()
    with open_store(f"sqlite:///{small_disk}/store.db", None) as store:
        store.writer.write([run])
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match=r"SQLITE_(FULL|IOERR)"):
                store.writer.write([large(run)])
        filler.unlink()
        assert_writes_again(store, run)


def test_a_disk_that_is_full_when_a_store_is_made(small_disk: Path) -> None:
    """A store that cannot be made is not left half made: there is one once there is room."""
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (2 * 1024 * 1024 - 6 * PAGE_BYTES))
    url = f"sqlite:///{small_disk}/store.db"
    with pytest.raises(CannotOpenStore, match=r"the disk is full|cannot be read or written"):
        open_store(url, None)
    filler.unlink()
    with open_store(url, None) as store:
        store.writer.write([acceptance()])


def test_a_database_that_is_read_only(store: Store) -> None:
    """A store that may be read only says so, and can be read meanwhile."""
    run = acceptance()
    store.writer.write([run])
    driver: Any = connection_of(store).connection.driver_connection
    driver.execute("PRAGMA query_only = ON").fetchall()
    with pytest.raises(StoreUnavailable, match="its file, its folder or their file system is"):
        store.writer.write([large(run)])
    assert store.reader.counts() == {"running": 1}
    assert_writes_again(store, run)


@contextlib.contextmanager
def without_privileges(folder: Path) -> Iterator[None]:
    """Act as a user whom rights bind; root is bound by none."""
    if os.geteuid() != 0:
        yield
        return
    user = 65534  # any user without rights
    for each in (folder, *folder.iterdir()):
        os.chown(each, user, -1)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """Return a folder that other users can reach, too."""
    folder = Path(tempfile.mkdtemp(prefix="stretto-rights-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("of_folder", "of_file", "of_lock", "expected"),
    [
        (0o500, None, None, r"Permission denied: .*store\.db\.lock$"),
        (0o700, 0o400, 0o600, r"its file, its folder or their file system is read-only"),
        (0o700, 0o000, 0o600, r"its file cannot be opened: check its folder, and the permissions of both"),
        (0o700, 0o600, 0o000, r"Permission denied: .*store\.db\.lock$"),
    ],
)
def test_rights_that_are_missing(
    reachable: Path, of_folder: int, of_file: int | None, of_lock: int | None, expected: str
) -> None:
    """Opening needs write permission for the folder, the file and the lock; the message names the missing one."""
    url = f"sqlite:///{reachable}/store.db"
    if of_file is not None and of_lock is not None:
        open_store(url, None).close()
        (reachable / "store.db").chmod(of_file)
        (reachable / "store.db.lock").chmod(of_lock)
    reachable.chmod(of_folder)
    with without_privileges(reachable), pytest.raises(CannotOpenStore, match=expected):
        open_store(url, None)
    reachable.chmod(0o700)


def test_a_folder_that_may_not_be_entered(reachable: Path) -> None:
    """Not even whether there is a file can be said, neither to owners nor to readers."""
    inner = reachable / "inner"
    inner.mkdir(mode=0o000)
    with without_privileges(reachable):
        for opened in (open_store, open_reader):
            with pytest.raises(CannotOpenStore, match=r"Permission denied: .*/inner/store\.db"):
                opened(f"sqlite:///{inner}/store.db", None)
    inner.chmod(0o700)


def test_a_store_that_may_be_read_only_is_read(reachable: Path) -> None:
    """Reading takes no more than the right to read, to what is at rest."""
    url = f"sqlite:///{reachable}/store.db"
    with open_store(url, None) as store:
        store.writer.write([acceptance()])
    (reachable / "store.db").chmod(0o400)
    with without_privileges(reachable):
        reader = open_reader(url, None)
        assert reader.counts() == {"running": 1}
        reader.close()


def overwrite(path: Path, page: int) -> Callable[[], None]:
    """Overwrite a page of a file with rubbish; return what puts it back."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        before = file.read(PAGE_BYTES)
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"rubbish " * (PAGE_BYTES // 8))

    def put_back() -> None:
        with path.open("r+b") as file:
            file.seek((page - 1) * PAGE_BYTES)
            file.write(before)

    return put_back


def root_page(url: str, table: str) -> int:
    _, engine = readers(locate(url))
    with engine.connect() as connection:
        page: int = connection.execute(
            text("SELECT rootpage FROM sqlite_schema WHERE name = :table"), {"table": table}
        ).scalar_one()
    engine.dispose()
    return page


def test_a_damaged_page(path: Path) -> None:
    """Damage is reported by each operation that meets it; the data is readable again after a repair."""
    url = f"sqlite:///{path}"
    run = acceptance()
    with open_store(url, None) as store:
        store.writer.write([run, happening(run.run_id, completed())])
    put_back = overwrite(path, root_page(url, "entries"))
    following = happening(run.run_id, completed(1), first=1)
    with open_store(url, None) as store:
        for act in (lambda: store.writer.write([following]), lambda: store.reader.entries(run.run_id, 0, 10)):
            with pytest.raises(StoreUnavailable, match="its file is damaged: stop, and restore a backup"):
                act()
        assert store.reader.counts() == {"running": 1}
        put_back()
        store.writer.write([following])
        assert entries(store, run) == 2


@pytest.mark.parametrize("damaged", ["header", "schema"])
def test_a_damaged_file_is_not_opened(path: Path, damaged: str) -> None:
    """Damage that opening can see is reported to owners and readers."""
    url = f"sqlite:///{path}"
    open_store(url, None).close()
    if damaged == "header":
        overwrite(path, 1)
    else:
        content = bytearray(path.read_bytes())
        content[100:PAGE_BYTES] = b"\xff" * (PAGE_BYTES - 100)
        path.write_bytes(content)
    for opened in (open_store, open_reader):
        with pytest.raises(CannotOpenStore, match=r"damaged.* (restore a backup|lists the damage)"):
            opened(url, None)


def test_a_file_that_another_program_keeps_locked(store: Store, path: Path) -> None:
    """The writer waits for another program's transaction, and reports it if it takes too long."""
    run = acceptance()
    store.writer.write([run])
    driver: Any = connection_of(store).connection.driver_connection
    driver.execute("PRAGMA busy_timeout = 0").fetchall()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another program keeps it locked: find and stop that program"):
        store.writer.write([large(run)])
    other.close()
    assert_writes_again(store, run)


# ---- PostgreSQL


def test_a_server_that_is_stopped_and_started_again() -> None:
    """While it is down nothing is written or read or opened; afterwards all of it works on, without a restart here."""
    server = started_server()
    try:
        run = acceptance()
        with open_store(server.url(), None) as store:
            store.writer.write([run])
            server.halt()
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="cannot be used now: "):
                    store.writer.write([large(run)])
                with pytest.raises(StoreUnavailable, match="cannot be used now: "):
                    store.reader.counts()
            for opened in (open_store, open_reader):
                with pytest.raises(CannotOpenStore, match=r"the store postgresql://.*Is the server running"):
                    opened(server.url(), None)
            server.resume()
            assert store.reader.counts() == {"running": 1}
            assert_writes_again(store, run)
    finally:
        server.remove()


def test_a_postgresql_database_that_is_read_only(postgres_url: str) -> None:
    """A server that has become a standby, or was set so, says what it is."""
    run = acceptance()
    with open_store(postgres_url, None) as store:
        store.writer.write([run])
        with connection_of(store).begin():
            connection_of(store).execute(text("SET default_transaction_read_only = on"))
        with pytest.raises(StoreUnavailable, match="cannot execute INSERT in a read-only transaction"):
            store.writer.write([large(run)])
        assert_writes_again(store, run)
