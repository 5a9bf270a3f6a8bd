"""The engine's own files, which no workflow may read or write: its store, key, locks, socket and configuration."""

import os
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Final


class ProtectedFile(Exception):
    """A path is one of the engine's own files. The message names both."""


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

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a file that is not protected, and return its descriptor.

        Args:
            path: The file.
            flags: Those of os.open. They must not truncate: the descriptor is compared after it was opened.
            mode: The permissions of a new file.

        Raises:
            ProtectedFile: The file is protected. It has not been changed.
            OSError: The file cannot be opened.
        """
        # A protected file should not even be opened: closing it releases the locks that SQLite has in this process.
        for conflict in self._named_by(path):
            raise _refused(path, conflict)
        descriptor = os.open(path, flags, mode)
        for conflict in self._same_as(os.fstat(descriptor)):
            self._left_open.append(descriptor)  # the path was changed just now; see above why it stays open
            raise _refused(path, conflict)
        return descriptor

    def _named_by(self, path: str) -> Iterator[str]:
        try:
            yield from self._same_as(os.stat(path))  # noqa: PTH116 - a text, not a Path
        except (OSError, ValueError):
            place = _place(path)
            yield from (each for each in self._paths if place is not None and place == _place(each))

    def _same_as(self, found: os.stat_result) -> Iterator[str]:
        for each in self._paths:
            try:
                if os.path.samestat(found, os.stat(each)):  # noqa: PTH116
                    yield each
            except OSError:
                continue  # it does not exist


NOTHING_PROTECTED: Final = ProtectedFiles()


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
