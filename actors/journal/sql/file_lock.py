"""A lock beside a file: its owner's as long as the owner's process lives, however that ends."""

import fcntl
import os
from pathlib import Path
from typing import Final

_PID_BYTES: Final = 32


class LockTaken(Exception):
    """Somebody else has the lock; `owner` is the id of that process, or "unknown"."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class FileLock:
    """The lock of a file. The lock's own file is empty but for its owner's process id, and stays."""

    def __init__(self, path: Path) -> None:
        """Take the lock of that path. Raises `LockTaken` and OSError."""
        # Never removed: whoever waits for a lock on a removed file would own nothing.
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
        """Let others have the lock; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
