"""`stretto store`: keys, checks, backups, upgrades."""

import sqlite3
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.journal.encryption import Keyring, new_key
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.schema import SCHEMA
from tests.support.conducted import Conducted

SECRET = "ref: t.s\nparameters: {p: {secret: true}}\ntasks: [{name: only, action: core.noop}]\n"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a store that holds a run with a secret; its key is in the file `key`."""
    url = f"sqlite:///{tmp_path}/store.db"
    key = new_key()
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)
    with open_store(url, Keyring([key])) as store:
        Conducted(store, SECRET, {"p": "hunter2"}).succeed("only")
    return url


def store(*arguments: object) -> Result:
    """Run `stretto store`."""
    return CliRunner().invoke(main, ["store", *map(str, arguments)])


def test_a_key_can_be_used(tmp_path: Path) -> None:
    """Each is another one, and opens what it has sealed."""
    keys = {store("key").stdout.strip() for _ in range(2)}
    assert len(keys) == 2
    for key in keys:
        keyring = Keyring([key])
        assert keyring.decrypt(keyring.encrypt(b"x")) == b"x"


def test_a_store_that_is_well(tmp_path: Path, url: str) -> None:
    """Nothing is printed on standard output."""
    result = store("check", url, "--store-key", tmp_path / "key")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no problems found\n")


def test_a_store_with_problems(tmp_path: Path, url: str) -> None:
    """Each is a line, and the exit code is 1; what cannot be read without the key is one, too."""
    result = store("check", url)
    assert (result.exit_code, "key" in result.stdout) == (1, True)
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("DELETE FROM run_ends")
    connection.close()
    result = store("check", url, "--store-key", tmp_path / "key")
    assert (result.exit_code, "marked as ended, but the end record is missing" in result.stdout) == (1, True)


def test_a_store_is_copied(tmp_path: Path, url: str) -> None:
    """While a daemon has it; an existing file is left alone."""
    copy = tmp_path / "copy.db"
    with open_store(url, None):
        assert store("backup", url, copy).exit_code == 0
    assert store("check", f"sqlite:///{copy}", "--store-key", tmp_path / "key").exit_code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    result = store("backup", url, copy)
    assert (result.exit_code, "the file exists; choose another" in result.stderr) == (2, True)
    result = store("backup", "postgresql://me:hush@host/db", tmp_path / "other")
    assert (result.exit_code, "pg_dump" in result.stderr, "hush" in result.output) == (2, True, False)


def test_a_store_is_upgraded(tmp_path: Path, url: str) -> None:
    """One of this version stays as it is; one that a daemon has is refused, and none is made."""
    result = store("upgrade", url)
    assert (result.exit_code, result.stderr) == (0, f"the tables have version {SCHEMA.newest}\n")
    with open_store(url, None):
        result = store("upgrade", url)
        assert (result.exit_code, "in use" in result.stderr) == (3, True)
    for verb in ("check", "upgrade"):
        result = store(verb, f"sqlite:///{tmp_path}/none.db")
        assert (result.exit_code, "the file does not exist" in result.stderr) == (3, True)
    assert not (tmp_path / "none.db").exists()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, url: str) -> None:
    """The remedy is told."""
    (tmp_path / "key").chmod(0o644)
    result = store("check", url, "--store-key", tmp_path / "key")
    assert (result.exit_code, "chmod 600" in result.stderr) == (3, True)
