"""Files below folders that the operator names: the only ones that a run of a remote client may choose itself.

path --as written--> below a folder? --O_PATH--> a descriptor --where is it, what is it?--> opened again by descriptor

An O_PATH descriptor opens nothing, so that a refused device, pipe or file of the engine is not touched. The file that
was judged is the file that is opened, whatever the path leads to by then.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Final

from stretto.actors.files.protected import ProtectedFiles, RefusedFile

_KERNEL_FOLDERS: Final = ("/proc", "/sys")
"""Their files look regular, and contain the memory, variables and settings of processes and of the machine."""


class FileOutsideRoots(RefusedFile):
    """A file is not below a folder that the operator names. The message names the setting."""


class RootedFiles:
    """Opens regular files below folders. Thread-safe.

    A path must be below a folder as it is written, and after all links in it are followed. Links that stay below are
    allowed, and a folder may be a link itself. Links of a folder are followed at each opening.

    Args:
        protected: The files that are refused in these folders, too.
        folders: The folders, whether they exist or not.
        setting: The setting that names the folders, for messages.
    """

    def __init__(
        self, protected: ProtectedFiles, folders: Iterable[str | PathLike[str]] = (), setting: str = ""
    ) -> None:
        self._protected: Final = protected
        # Absolute, because the working directory may change.
        self._folders: Final = tuple(dict.fromkeys(os.path.abspath(each) for each in folders))  # noqa: PTH100 - keeps links
        self._spellings: Final = (*self._folders, *map(os.path.realpath, self._folders))
        self._setting: Final = setting

    def check(self, path: str) -> None:
        """Refuse a path that is not below a folder as it is written, or is that of a protected file."""
        if not _is_below(os.path.abspath(path), self._spellings):  # noqa: PTH100 - keeps links
            raise self._outside(path)
        self._protected.check(path)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a regular file below a folder, and return its descriptor. Raises as `Opener.open` does."""
        self.check(path)
        try:
            with _located(path, os.O_PATH) as found:
                self._judge(path, found)
                opened = os.open(_name_of(found), flags & ~os.O_CREAT)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            opened = self._create(path, flags, mode)
        return self._protected.opened(path, opened)

    def _create(self, path: str, flags: int, mode: int) -> int:
        folder, name = os.path.split(path)
        if name in {"", os.curdir, os.pardir}:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        with _located(folder or os.curdir, os.O_PATH | os.O_DIRECTORY) as found:
            if not _is_below(os.path.join(_place_of(found), name), self._real_folders()):  # noqa: PTH118 - texts
                raise self._outside(path)
            self._protected.check_new(path, os.fstat(found), name)
            try:
                return os.open(name, flags | os.O_CREAT | os.O_NOFOLLOW, mode, dir_fd=found)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise RefusedFile(f"{path} must be a file, got a link to a file that does not exist") from None
                raise

    def _judge(self, path: str, found: int) -> None:
        """Refuse the file of an O_PATH descriptor unless it is a regular one below a folder."""
        if not _is_below(_place_of(found), self._real_folders()):
            raise self._outside(path)
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode) or status.st_dev in _kernel_devices():
            raise RefusedFile(f"{path} is not a regular file")
        self._protected.check_found(path, status)

    def _real_folders(self) -> tuple[str, ...]:
        return tuple(map(os.path.realpath, self._folders))

    def _outside(self, path: str) -> FileOutsideRoots:
        return FileOutsideRoots(
            f"{path} must be below a folder of {self._setting}, because the run is a remote client's; got "
            f"{self._setting}: {', '.join(self._folders) or 'none'}"
        )


@contextmanager
def _located(path: str, flags: int) -> Iterator[int]:
    found = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield found
    finally:
        os.close(found)


def _name_of(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _place_of(descriptor: int) -> str:
    """Return the path of an open file, without links. It is relative if this process cannot reach the file."""
    return os.readlink(_name_of(descriptor))  # noqa: PTH115 - a text


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(os.path.join(each, "")) and path != each for each in folders)  # noqa: PTH118 - texts


def _kernel_devices() -> Iterator[int]:
    for folder in _KERNEL_FOLDERS:
        try:
            yield os.stat(folder).st_dev  # noqa: PTH116 - a text
        except OSError:
            continue  # it is not mounted
