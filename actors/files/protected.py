"""The engine's own files, which no workflow may read or write: its store, key, locks, socket and configuration."""

import os
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Final, Protocol

from stretto.definitions.errors import StrettoError


class RefusedFile(StrettoError):
    """A run must not use a file. The message names the file, the reason, and what to do."""

    code = "file_refused"


class ProtectedFile(RefusedFile):
    """A path is one of the engine's own files. The message names both."""


class Opener(Protocol):
    """Opens the files that a task may use."""

    def check(self, path: str) -> None:
        """Refuse a path that `open` would refuse for its text alone. This does not block.

        Args:
            path: The file.

        Raises:
            RefusedFile: The path is refused.
        """

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a file, and return its descriptor.

        Args:
            path: The file.
            flags: Those of os.open. They must not truncate: an opened file may still be refused.
            mode: The permissions of a new file.

        Raises:
            RefusedFile: The file is refused. It has not been changed.
            OSError: The file cannot be opened.
        """


class ProtectedFiles:
    """Files that are compared by device and inode, so links to them are refused as well. Thread-safe.

    They are looked up at each comparison, because a database removes and creates some of its files. A file that does
    not exist is compared by its folder and name: who creates it would decide what the engine reads later.

    Args:
        paths: The files, whether they exist or not.
    """

    def __init__(self, paths: Iterable[str | PathLike[str]] = ()) -> None:
        # Absolute, because the working directory may change.
        self._paths: Final = tuple(dict.fromkeys(os.path.abspath(path) for path in paths))  # noqa: PTH100 - keeps links
        self._left_open: Final[list[int]] = []

    def check(self, path: str) -> None:
        """Refuse the path of a protected file. Links are not followed: `open` does that."""
        absolute = os.path.abspath(path)  # noqa: PTH100 - keeps links
        if absolute in self._paths:
            raise _refused(path, absolute)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a file that is not protected, and return its descriptor. Raises as `Opener.open` does."""
        # A protected file should not even be opened: closing it releases the locks that SQLite has in this process.
        try:
            self.check_found(path, os.stat(path))  # noqa: PTH116 - a text, not a Path
        except (OSError, ValueError):
            self._check_place(path, _place(path))
        return self.opened(path, os.open(path, flags, mode))

    def opened(self, path: str, descriptor: int) -> int:
        """Return the descriptor of an opened file. If the file is protected, the descriptor stays open.

        Raises:
            ProtectedFile: The file is protected.
        """
        try:
            self.check_found(path, os.fstat(descriptor))
        except ProtectedFile:
            self._left_open.append(descriptor)  # the path was changed just now; `open` says why it stays open
            raise
        return descriptor

    def check_found(self, path: str, found: os.stat_result) -> None:
        """Compare a file that was found at a path.

        Raises:
            ProtectedFile: The file is protected.
        """
        for conflict in self._same_as(found):
            raise _refused(path, conflict)

    def check_new(self, path: str, folder: os.stat_result, name: str) -> None:
        """Compare a file that does not exist yet by its folder and its name there.

        Raises:
            ProtectedFile: The file is protected.
        """
        self._check_place(path, (folder.st_dev, folder.st_ino, name))

    def _check_place(self, path: str, place: tuple[int, int, str] | None) -> None:
        for each in self._paths:
            if place is not None and place == _place(each):
                raise _refused(path, each)

    def _same_as(self, found: os.stat_result) -> Iterator[str]:
        for each in self._paths:
            try:
                if os.path.samestat(found, os.stat(each)):  # noqa: PTH116
                    yield each
            except OSError:
                continue  # it does not exist


NOTHING_PROTECTED: Final = ProtectedFiles()


class FilesFrom(ProtectedFiles):
    """Opens any file. Relative paths begin at a folder, not at the working directory.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        super().__init__()
        self._folder: Final = folder

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a file, and return its descriptor. Raises as `Opener.open` does."""
        return super().open(os.path.join(self._folder, path), flags, mode)  # noqa: PTH118 - a text


def _place(path: str) -> tuple[int, int, str] | None:
    """Return the folder's device and inode, and the name in it, of a file that may not exist."""
    try:
        folder, name = os.path.split(os.path.realpath(path))
        found = os.stat(folder)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, name


def _refused(path: str, conflict: str) -> ProtectedFile:
    return ProtectedFile(
        f"{path} must not be a file of the engine itself, got {conflict}; choose a file outside of its store, key, "
        "locks, socket and configuration"
    )
