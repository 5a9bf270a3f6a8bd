"""SQLite files: how they are set up, and what is no store."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.sql.sqlite import APPLICATION_ID, SqliteFile, SqliteMemory, copy_database, file_readers
from stretto.actors.journal.store import CannotOpenStore, StoreInUse, StoreLost
from tests.support.recording import acceptance


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def pragmas(connection: Any, *names: str) -> list[Any]:
    return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]


def test_the_writer_is_durable_and_readers_cannot_write(path: Path) -> None:
    """WAL, synchronous FULL and foreign keys for the one that writes; query_only, and no checkpoint, for the others."""
    file = SqliteFile(path)
    with file.connect() as writer:
        assert pragmas(writer, "journal_mode", "synchronous", "foreign_keys") == ["wal", 2, 1]
        assert pragmas(writer, "busy_timeout", "application_id", "auto_vacuum") == [10_000, APPLICATION_ID, 2]
    readers = file.readers()
    with readers.connect() as reader:
        assert pragmas(reader, "query_only", "wal_autocheckpoint", "busy_timeout") == [1, 0, 10_000]
        with pytest.raises(OperationalError, match="readonly"):
            reader.exec_driver_sql("CREATE TABLE t (x)")
    readers.dispose()
    file.release()


def test_a_writing_transaction_has_the_file_from_its_beginning(path: Path) -> None:
    """A transaction that has read cannot fail to write afterwards because somebody else has written meanwhile."""
    file = SqliteFile(path)
    with file.connect() as writer, writer.begin():
        other = sqlite3.connect(path, isolation_level=None, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    file.release()


def test_files_are_their_owners_alone(path: Path) -> None:
    """Whatever the umask: what is stored is read by the daemon's user only."""
    before = os.umask(0)
    try:
        with open_store(f"sqlite:///{path}", None) as store:
            store.writer.write([acceptance()])
            modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["store.db", "store.db-shm", "store.db-wal", "store.db.lock"], 0o600)


def test_a_file_has_one_owner_whatever_it_is_called(path: Path) -> None:
    """A link's target is not opened a second time, and the message names the owner's process."""
    link = path.with_name("link.db")
    with open_store(f"sqlite:///{path}", None):
        link.symlink_to(path)
        with pytest.raises(StoreInUse, match=rf"link\.db is in use by process {os.getpid()} \(.*\): "):
            open_store(f"sqlite:///{link}", None)
    open_store(f"sqlite:///{link}", None).close()


def test_a_relative_path_stays_the_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is one from where the process was when the store was opened."""
    monkeypatch.chdir(path.parent)
    with open_store("sqlite:///store.db", None) as store:
        monkeypatch.chdir("/")
        store.writer.write([acceptance()])
        assert store.reader.counts() == {"running": 1}
    assert path.exists()


def test_a_path_may_have_any_character(tmp_path: Path) -> None:
    """Characters with a meaning in a URI may be part of a file's name."""
    url = f"sqlite:///{tmp_path}/100%41 #1&mode=ro;ä.db"
    with open_store(url, None) as store:
        store.writer.write([acceptance()])
    reader = open_reader(url, None)
    assert reader.counts() == {"running": 1}
    reader.close()
    assert (tmp_path / "100%41 #1&mode=ro;ä.db").exists()


def another_database(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (x)")
    other.close()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Path.mkdir, "the path is a folder; name a file in it"),
        (os.mkfifo, "the path is not a regular file"),
        (lambda path: path.write_text("no database " * 1000), "its file is damaged or not an SQLite database"),
        (another_database, "its file must be a store, got another program's database (application_id 0, not"),
    ],
)
def test_another_file_is_refused(path: Path, make: Any, expected: str) -> None:
    """A file that holds something else is left as it is, by owners and readers."""
    make(path)
    for opened in (open_store, open_reader):
        with pytest.raises(CannotOpenStore) as refused:
            opened(f"sqlite:///{path}", None)
        assert str(refused.value).startswith(f"cannot open the store sqlite:///{path}: ")
        assert expected in str(refused.value)


def test_a_folder_is_not_made(tmp_path: Path) -> None:
    """A mistyped path is reported, and not created."""
    with pytest.raises(CannotOpenStore, match=f"the folder {tmp_path}/data does not exist; create it"):
        open_store(f"sqlite:///{tmp_path}/data/store.db", None)


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    """A file that holds nothing yet, as after a crash at the first start, is no obstacle, but holds nothing to read."""
    path.touch()
    with pytest.raises(CannotOpenStore, match="its file must be a store, got an empty SQLite database"):
        open_reader(f"sqlite:///{path}", None)
    open_store(f"sqlite:///{path}", None).close()


def test_an_old_sqlite_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version without STRICT tables is refused, and the one that is needed is named."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    for make in (SqliteMemory, lambda: SqliteFile(path)):
        with pytest.raises(CannotOpenStore, match=r"must be version 3\.37\.0 or later, got"):
            make()


def test_a_file_that_is_gone_is_written_no_more(path: Path) -> None:
    """Writes to a removed or replaced file would be lost, so they are refused permanently."""
    run = acceptance()
    with open_store(f"sqlite:///{path}", None) as store:
        path.rename(path.with_name("moved.db"))
        for _ in range(2):
            with pytest.raises(StoreLost, match="was removed or replaced"):
                store.writer.write([run])
        path.with_name("moved.db").rename(path)
        with pytest.raises(StoreLost):
            store.writer.write([run])


def test_a_copy_is_whole_or_not_there(path: Path) -> None:
    """A copy has all that was committed, is its owner's alone, and replaces nothing."""
    with open_store(f"sqlite:///{path}", None) as store:
        store.writer.write([acceptance()])
        target = path.with_name("copy.db")
        copy_database(path, target)
        store.writer.write([acceptance()])
        with pytest.raises(FileExistsError):
            copy_database(path, target)
    assert target.stat().st_mode & 0o777 == 0o600
    reader = open_reader(f"sqlite:///{target}", None)
    assert reader.counts() == {"running": 1}
    reader.close()
    assert [each.name for each in path.parent.glob("*part*")] == []


def test_backups_before_an_upgrade_have_names_of_their_own(path: Path) -> None:
    """Two in the same second are two files, and the parts that a killed process has left are removed."""
    open_store(f"sqlite:///{path}", None).close()
    left = path.with_name("store.db.version-0001.20261128T034144Z.backup.part-0badf00d")
    other = path.with_name("other.db.version-0001.20261128T034144Z.backup.part-0badf00d")
    for each in (left, other):
        each.write_text("half")
    file = SqliteFile(path)
    backups = {file.back_up("0001") for _ in range(3)}
    file.release()
    assert len(backups) == 3
    assert (left.exists(), other.exists()) == (False, True)


def test_readers_of_a_file_find_what_a_crash_has_left(path: Path) -> None:
    """Committed data that is only in the write-ahead log is read, although its writer is dead."""
    with open_store(f"sqlite:///{path}", None) as store:
        store.writer.write([acceptance()])
        dead = path.with_name("dead.db")
        for suffix in ("", "-wal"):
            path.with_name(f"dead.db{suffix}").write_bytes(path.with_name(f"store.db{suffix}").read_bytes())
    engine = file_readers(dead)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 1
    engine.dispose()
