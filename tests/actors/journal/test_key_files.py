"""Which key a store's secrets are encrypted with: the operator's, or one that is made beside the store."""

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.journal.encryption import InvalidStoreKey, Keyring, new_key
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.store import CannotOpenStore


def opened(keyring: Keyring | None, encrypted: bytes) -> bytes:
    assert keyring is not None
    return keyring.decrypt(encrypted)


def test_a_key_is_made_beside_a_file_and_is_its_owners_alone(sqlite_url: str, tmp_path: Path) -> None:
    """And the same one is found from then on."""
    first = keyring_for(sqlite_url, None)
    assert first is not None
    path = tmp_path / "store.db.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path], "the store itself is another's business, and nothing else is left"
    assert opened(keyring_for(sqlite_url, None), first.encrypt(b"secret")) == b"secret"


def test_an_operators_key_is_used_and_none_is_made(sqlite_url: str, tmp_path: Path) -> None:
    """Whatever the kind of store."""
    key = tmp_path / "operators.key"
    key.touch(mode=0o600)
    key.write_text(new_key())
    encrypted = opened_encrypted(keyring_for(sqlite_url, key))
    for other in ("sqlite://", "postgresql://host/name"):
        assert opened(keyring_for(other, str(key)), encrypted) == b"secret"
    assert list(tmp_path.iterdir()) == [key]


def opened_encrypted(keyring: Keyring | None) -> bytes:
    assert keyring is not None
    return keyring.encrypt(b"secret")


def test_a_store_in_memory_has_a_key_of_its_own(tmp_path: Path) -> None:
    """No other process needs it."""
    assert opened_encrypted(keyring_for("sqlite://", None)) != opened_encrypted(keyring_for("sqlite://", None))


def test_a_server_has_no_key_unless_one_is_given() -> None:
    """There is nothing that it could be made beside."""
    assert keyring_for("postgresql://host/name", None) is None


def test_of_a_folder_that_is_not_there_the_store_tells(tmp_path: Path) -> None:
    """It says what is wrong better than its key could."""
    assert keyring_for(f"sqlite:///{tmp_path}/absent/store.db", None) is None


def test_a_folder_in_the_place_of_a_store_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    """With a message, before a key is made for it."""
    (tmp_path / "store.db").mkdir()
    with pytest.raises(CannotOpenStore, match=r"store\.db: Is a directory$"):
        keyring_for(sqlite_url, None)
    assert not (tmp_path / "store.db.key").exists()


def test_a_file_that_is_not_a_database_needs_no_key(sqlite_url: str, tmp_path: Path) -> None:
    """The message says so, and does not advise to make a key for it."""
    (tmp_path / "store.db").write_text("junk")
    with pytest.raises(CannotOpenStore, match=r"the file is not an SQLite database$"):
        keyring_for(sqlite_url, None)
    (tmp_path / "store.db").write_bytes(b"SQLite format 3\0...")
    with pytest.raises(CannotOpenStore, match=r"its key .* is missing"):
        keyring_for(sqlite_url, None)


def test_a_key_that_cannot_be_created_is_reported(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, as what keeps a store from being opened."""

    def full(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotOpenStore, match=r"store\.db\.key of the store: No space left on device"):
        keyring_for(sqlite_url, None)


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_process_that_ends_as_it_makes_a_key_leaves_none_or_a_whole_one(
    sqlite_url: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a key would keep the store from being opened for ever."""

    class Killed(BaseException):
        """The end."""

    def killed(*_given: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(os, step, killed)
        with pytest.raises(Killed):
            keyring_for(sqlite_url, None)
    assert not (tmp_path / "store.db.key").exists()
    assert keyring_for(sqlite_url, None) is not None


def test_processes_that_make_a_key_at_a_time_have_the_same_one(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's, whole."""
    both = threading.Barrier(2)
    exists = Path.exists

    def neither_is_there(path: Path) -> bool:
        there = exists(path)
        both.wait()
        return there

    monkeypatch.setattr(Path, "exists", neither_is_there)
    keyrings: list[Keyring | None] = []
    threads = [threading.Thread(target=lambda: keyrings.append(keyring_for(sqlite_url, None))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one, other = keyrings
    assert opened(other, opened_encrypted(one)) == b"secret"


def test_a_key_that_others_may_read_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    """Also the one beside the store."""
    keyring_for(sqlite_url, None)
    (tmp_path / "store.db.key").chmod(0o640)
    with pytest.raises(InvalidStoreKey, match="chmod 600"):
        keyring_for(sqlite_url, None)
