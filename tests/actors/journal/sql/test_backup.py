"""Stores are backed up while they are written."""

import errno
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.sql import sqlite
from stretto.actors.journal.sql.backup import CannotBackUp, backup, check
from stretto.actors.journal.store import CannotOpenStore
from tests.support.databases import database
from tests.support.postgres_server import find_programs
from tests.support.recording import acceptance


def test_a_backup_is_the_store_as_it_was_when_it_began(tmp_path: Path) -> None:
    """A store in use is copied without hindering its owner, and the copy is a store of its own."""
    url, copy = f"sqlite:///{tmp_path}/store.db", tmp_path / "copy.db"
    with open_store(url, None) as store:
        store.writer.write([acceptance()])
        with store._ownership.transaction():
            backup(url, copy)
        store.writer.write([acceptance()])
    assert check(f"sqlite:///{copy}", None) == []
    with open_store(f"sqlite:///{copy}", None) as copied:
        assert copied.reader.counts() == {"running": 1}


def test_a_backup_replaces_nothing(tmp_path: Path) -> None:
    """An existing target stays unchanged: a file, a folder, or the store itself."""
    path = tmp_path / "store.db"
    open_store(f"sqlite:///{path}", None).close()
    before = path.read_bytes()
    (tmp_path / "theirs").write_text("theirs")
    for target in (tmp_path / "theirs", tmp_path, path):
        with pytest.raises(CannotBackUp, match=f"cannot back up to {target}: the file exists"):
            backup(f"sqlite:///{path}", target)
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert path.read_bytes() == before
    with pytest.raises(CannotBackUp, match=r"absent/copy\.db: No such file or directory"):
        backup(f"sqlite:///{path}", tmp_path / "absent" / "copy.db")


KILLED: Final = """
import os, signal, sys
from pathlib import Path
from stretto.actors.journal.sql.backup import backup

url, folder = sys.argv[1], Path(sys.argv[2])
backup(url, folder / "0")  # all that is imported is imported
for number in range(1, 1000):
    target = folder / str(number)
    child = os.fork()
    if child == 0:
        left = number
        def count(event, _arguments):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        backup(url, target)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(number)
"""
"""Kills a backup before each of its calls that Python reports to audit hooks, until one gets through."""


def test_a_backup_that_is_killed_leaves_a_whole_file_or_none(tmp_path: Path) -> None:
    """The file has its name only once it is complete, whenever the process dies."""
    url, copies = f"sqlite:///{tmp_path}/store.db", tmp_path / "copies"
    copies.mkdir()
    with open_store(url, None) as store:
        store.writer.write([acceptance()])
    killing = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(copies)], capture_output=True, text=True, check=True
    )
    kills = int(killing.stdout)
    found = [copies / str(number) for number in range(kills + 1) if (copies / str(number)).exists()]
    assert kills > 10
    assert {copies / "0", copies / str(kills)} <= set(found)
    for copy in found:
        with open_store(f"sqlite:///{copy}", None) as copied:
            assert copied.reader.counts() == {"running": 1}, copy


def test_a_file_system_without_links_gets_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is then renamed, and replaces nothing all the same."""

    def refuse(_target: Path, _source: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    url, copy = f"sqlite:///{tmp_path}/store.db", tmp_path / "copy.db"
    open_store(url, None).close()
    backup(url, copy)
    assert check(f"sqlite:///{copy}", None) == []
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith("copy")) == ["copy.db"]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 3] = bytes(4096)
    path.write_bytes(content)


def _lose_a_run(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM runs WHERE number = 1")
    connection.close()


def _lose_all(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM sqlite_sequence")
    connection.close()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 3])


@pytest.mark.parametrize("damage", [_flip, _lose_a_run, _lose_all, _truncate])
def test_a_damaged_backup_is_removed(
    damage: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is read before it gets its name: a bad one would be found out when it is needed."""
    url, copy = f"sqlite:///{tmp_path}/store.db", tmp_path / "copy.db"
    with open_store(url, None) as store:
        store.writer.write([acceptance(), acceptance()])
    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "_sync", damage)
        with pytest.raises(CannotBackUp, match=f"cannot back up to {copy}: the copy is damaged and was removed: "):
            backup(url, copy)
    assert not list(tmp_path.glob("copy.db*"))
    backup(url, copy)
    assert check(f"sqlite:///{copy}", None) == []


def test_what_is_no_store_is_not_backed_up(tmp_path: Path) -> None:
    """A backup of nothing, or of another program's file, would be found out when it is needed."""
    (tmp_path / "store.db").write_text("no database " * 1000)
    for name in ("absent.db", "store.db"):
        with pytest.raises(CannotOpenStore):
            backup(f"sqlite:///{tmp_path}/{name}", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    with pytest.raises(CannotBackUp, match="only its own process can read it"):
        backup("sqlite://", tmp_path / "copy.db")


def test_postgresql_is_backed_up_by_its_own_program(postgres_url: str, postgres_server: str, tmp_path: Path) -> None:
    """The error gives the command, which makes a backup that can be restored."""
    with open_store(postgres_url, None) as store:
        store.writer.write([acceptance()])
    with pytest.raises(CannotBackUp) as refused:
        backup(postgres_url, tmp_path / "a copy")
    message, _, command = str(refused.value).partition(": ")
    assert message == "a store in PostgreSQL must be backed up with pg_dump"
    program, *arguments = shlex.split(command)
    subprocess.run([find_programs() / program, *arguments], check=True)
    with database(postgres_server, "template0") as restored:
        subprocess.run([find_programs() / "pg_restore", f"--dbname={restored}", tmp_path / "a copy"], check=True)
        reader = open_reader(restored, None)
        assert reader.counts() == {"running": 1}
        reader.close()


def test_a_backup_can_be_checked_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A copy needs no log beside it."""
    url, copy = f"sqlite:///{tmp_path}/store.db", tmp_path / "archive" / "copy.db"
    copy.parent.mkdir()
    open_store(url, None).close()
    backup(url, copy)
    assert check(f"sqlite:///{copy}", None) == []
    assert [each.name for each in copy.parent.iterdir()] == ["copy.db"]


def test_the_command_for_postgresql_holds_no_password(tmp_path: Path) -> None:
    """Commands stand in a shell's history, and are shown to all users while they run."""
    with pytest.raises(CannotBackUp) as refused:
        backup("postgresql://stretto:sesame@host/stretto?sslpassword=sesame", Path("a copy"))
    assert str(refused.value).endswith(
        ": pg_dump --format=custom '--file=a copy' --dbname=postgresql://stretto@host/stretto"
    )
