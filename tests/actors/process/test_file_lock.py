"""A file has one owner at a time, and is free when that has ended."""

import os
from pathlib import Path

import pytest

from stretto.actors.process import FileLock, LockTaken, file_lock, is_locked


def test_a_lock_is_its_owners_until_it_is_released(tmp_path: Path) -> None:
    """A second taker gets the owner's process id; once released, the lock can be taken again."""
    path = tmp_path / "store.db.lock"
    lock = FileLock(path)
    with pytest.raises(LockTaken) as taken:
        FileLock(path)
    assert taken.value.owner == str(os.getpid())
    lock.release()
    lock.release()
    FileLock(path).release()
    assert path.stat().st_mode & 0o777 == 0o600


def test_whether_a_lock_is_taken_is_seen_without_taking_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without a lock file; a system that does not show locks may have one."""
    path = tmp_path / "store.db.lock"
    assert not is_locked(path)
    lock = FileLock(path)
    assert is_locked(path)
    lock.release()
    assert not is_locked(path)
    monkeypatch.setattr(file_lock, "_LOCKS", tmp_path / "none")
    assert is_locked(path)


def test_a_lock_follows_no_link(tmp_path: Path) -> None:
    """A symbolic link in the lock's place is not followed."""
    other = tmp_path / "other"
    other.write_text("theirs")
    (tmp_path / "store.db.lock").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "store.db.lock")
    assert other.read_text() == "theirs"
