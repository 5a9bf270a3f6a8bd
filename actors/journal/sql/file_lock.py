"""A lock file next to the file it protects. The kernel releases the lock when its process ends, even after a crash."""

import fcntl
import os
from pathlib import Path
from typing import Final

_PID_BYTES: Final = 32


class LockTaken(Exception):
    """Another process has the lock; `owner` is its process id, or "unknown"."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class FileLock:
    """An exclusive lock. Its file contains the owner's process id, and is never removed."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises LockTaken or OSError."""
        # The file is never removed: a lock on a removed file would exclude no other process.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            owner = os.pread(self._file, _PID_BYTES, 0).decode(errors="replace").strip()
            self.release()
            raise LockTaken(owner or "unknown") from None
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Release the lock; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
