"""The files that the runs of one engine may open."""

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

    Attributes:
        anywhere: Opens any file that is not protected.
        readable: Opens the files that a remote client may choose to read.
        writable: Opens the files that a remote client may choose to write.
    """

    def __init__(
        self,
        protected: ProtectedFiles = NOTHING_PROTECTED,
        read: Iterable[str | PathLike[str]] = (),
        write: Iterable[str | PathLike[str]] = (),
    ) -> None:
        self.anywhere: Final = protected
        self.readable: Final = RootedFiles(protected, read, "files.read")
        self.writable: Final = RootedFiles(protected, write, "files.write")


ANY_FILE: Final = FileAccess()
