"""The files that the runs of one engine may open."""

import os
import socket
from collections.abc import Iterable
from os import PathLike
from typing import Final

from stretto.actors.files.protected import NOTHING_PROTECTED, ProtectedFiles
from stretto.actors.files.rooted import RootedFiles


class FileAccess:
    """Opens files: any but the engine's own, or only those below the folders for remote clients.

    Args:
        protected: The engine's own files, which no run may open.
        read: The folders of the setting `files.read`.
        write: The folders of the setting `files.write`.
        shared: The folders of the setting `files.shared`, which all daemons of a store have.
        host: The name of the host whose files these are. None is the name of this machine.

    Attributes:
        anywhere: Opens any file that is not protected.
        host: The name of the host.
        readable: Opens the files that a remote client may choose to read.
        writable: Opens the files that a remote client may choose to write.
    """

    def __init__(
        self,
        protected: ProtectedFiles = NOTHING_PROTECTED,
        read: Iterable[str | PathLike[str]] = (),
        write: Iterable[str | PathLike[str]] = (),
        shared: Iterable[str | PathLike[str]] = (),
        host: str | None = None,
    ) -> None:
        self.anywhere: Final = protected
        self.readable: Final = RootedFiles(protected, read, "files.read")
        self.writable: Final = RootedFiles(protected, write, "files.write")
        self.host: Final = socket.gethostname() if host is None else host
        self._shared: Final = tuple(os.path.abspath(each).rstrip("/") + "/" for each in shared)  # noqa: PTH100 - keeps links

    def is_shared(self, path: str) -> bool:
        """Return whether a path, or the beginning of one, is as written below a folder that all daemons have."""
        return path.startswith(self._shared) and ".." not in path.split("/")


ANY_FILE: Final = FileAccess()
