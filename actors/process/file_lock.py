"""A lock file next to what it protects. The kernel releases the lock when its process ends, even after a crash."""

import fcntl
import os
from pathlib import Path
from typing import Final

from stretto.actors.process.forking import give_back, withhold
from stretto.actors.process.holders import describe_process, holders_of

_PID_BYTES: Final = 32
_LOCKS: Final = Path("/proc/locks")


class LockTaken(Exception):
    """Another process has the lock.

    Attributes:
        owner: The process id of the process that took the lock, or "unknown".
        holder: The process that has the lock now, with its command where /proc shows it. It differs from the owner if
            the owner has ended and left a child with the lock.
    """

    def __init__(self, owner: str, holder: str) -> None:
        super().__init__(holder)
        self.owner = owner
        self.holder = holder


def is_locked(path: Path) -> bool:
    """Return whether a process has the lock of a lock file, as far as /proc/locks shows it.

    Nothing is locked for that: a process that starts now would find its lock taken. Without /proc the answer is True.
    """
    try:
        inode = f":{path.stat().st_ino}"
    except FileNotFoundError:
        return False
    try:
        locks = _LOCKS.read_text(encoding="ascii")
    except OSError:
        return True
    # Not by the device: some file systems have several numbers for it.
    return any(line.split()[1] == "FLOCK" and line.split()[5].endswith(inode) for line in locks.splitlines())


class FileLock:
    """An exclusive lock, which forked children do not keep. Its file contains the owner's process id."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises LockTaken or OSError."""
        # The file is never removed: a lock on a removed file would exclude no other process.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        withhold(self)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            taken = self._taken()
            self.release()
            raise taken from None
        except OSError:
            self.release()
            raise

    def fileno(self) -> int:
        """Return the descriptor of the lock file, or -1 once the lock is released."""
        return self._file

    def release(self) -> None:
        """Release the lock; idempotent."""
        if self._file >= 0:
            give_back(self)
            os.close(self._file)
            self._file = -1

    def _taken(self) -> LockTaken:
        owner = os.pread(self._file, _PID_BYTES, 0).decode(errors="replace").strip()
        if not owner.isdecimal():
            return LockTaken("unknown", "another process")
        holders = holders_of(self._file)
        if int(owner) in holders or not holders:
            return LockTaken(owner, describe_process(int(owner)))
        # Only a fork that Python does not see (in a C library) leaves the lock in a child.
        return LockTaken(owner, f"{describe_process(holders[0])}, which process {owner} has left behind")
