"""The socket in the file system: its path, its owner, its group, and one daemon at a time."""

import os
import socket
import stat
from pathlib import Path
from typing import Final

from stretto.actors.process import FileLock, LockTaken, give_back, withhold
from stretto.definitions.errors import StrettoError

_NAME: Final = "stretto/stretto.sock"
BACKLOG: Final = 1024
_MAX_PATH_BYTES: Final = 107


class CannotServe(StrettoError):
    """The daemon cannot have its socket or its port. The message says what to do."""

    code = "cannot_serve"


def default_path() -> Path:
    """Return the socket's path for this user: below $XDG_RUNTIME_DIR, for root below /run."""
    if os.getuid() == 0:
        return Path("/run") / _NAME
    return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / _NAME


class SocketFile:
    """A listening socket that only its owner, and a group if there is one, can reach. One daemon at a time can have it.

    The daemon locks a file beside the socket for as long as it lives. A socket without that lock is left over, and is
    replaced.

    Args:
        path: The socket's path.
        group: The number of the group whose members can reach it, or None.
    """

    def __init__(self, path: Path, group: int | None = None) -> None:
        self.path = path
        self._group = group
        self._lock: FileLock | None = None
        self._lock_path = self.path.with_name(f"{self.path.name}.lock")
        self._listener: socket.socket | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the socket and its lock."""
        return os.fspath(self.path), os.fspath(self._lock_path)

    def open(self) -> socket.socket:
        """Take the lock and listen. Raises `CannotServe`."""
        if len(os.fsencode(self.path)) > _MAX_PATH_BYTES:
            raise CannotServe(f"the socket's path must have at most {_MAX_PATH_BYTES} bytes, got {self.path}")
        try:
            self._make_folder()
            self._take_lock()
            self._remove_left_over()
            self._listener = self._listen()
        except OSError as error:
            self.close()
            raise CannotServe(f"cannot listen at {self.path}: {error.strerror}") from error
        except CannotServe:
            self.close()
            raise
        return self._listener

    def close(self) -> None:
        """Stop listening and remove the socket; only the lock file remains. Idempotent."""
        if self._listener is not None:
            give_back(self._listener)
            self._listener.close()
            self._listener = None
            self.path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _make_folder(self) -> None:
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        mode = stat.S_IMODE(found.st_mode)
        # The socket's group may enter its folder, and list it.
        if found.st_uid != os.getuid() or mode & (0o077 if found.st_gid != self._group else 0o027):
            raise CannotServe(
                f"the folder {folder} must be accessible to the daemon's user only: `chmod 700` it, "
                "or choose another with --socket"
            )
        self._give_to_group(folder, mode | 0o710)

    def _take_lock(self) -> None:
        # Never removed: a lock on a removed file would protect nothing.
        try:
            self._lock = FileLock(self._lock_path)
        except LockTaken as taken:
            raise CannotServe(f"another daemon, {taken.holder}, serves {self.path}: stop that process first") from None

    def _remove_left_over(self) -> None:
        if self.path.is_socket():
            self.path.unlink()
        elif self.path.exists():
            raise CannotServe(f"{self.path} exists and is not a socket: choose another path with --socket")

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The folder keeps other users out until the socket has its own permissions.
            listener.bind(os.fspath(self.path))
            self.path.chmod(0o600)
            self._give_to_group(self.path, 0o660)
            listener.listen(BACKLOG)
        except (OSError, CannotServe):
            listener.close()
            raise
        listener.settimeout(0)
        withhold(listener)
        return listener

    def _give_to_group(self, path: Path, mode: int) -> None:
        if self._group is None:
            return
        try:
            os.chown(path, -1, self._group)
        except PermissionError:
            raise CannotServe(
                f"cannot give {path} to the group {self._group} (serve.socket_group): make the daemon's user a member"
            ) from None
        path.chmod(mode)
