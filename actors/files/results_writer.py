"""Files of results: JSON lines, one for each item that has ended, in the order of their ends.

Whoever writes a file owns it until it is closed, and no two write the same one. What was written up to some size is
known to the journal: when a run is rebuilt, its file is cut there, and goes on with what the journal has beyond.
"""

import contextlib
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Iterable
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from stretto.definitions.conductor import WriteResult, error_object
from stretto.definitions.context import Mask
from stretto.definitions.errors import StrettoError

Key: TypeAlias = tuple[str, str, int]
"""A run, a task, and the visit of it."""

_CANNOT_LOCK: Final = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""What file systems say that have no locks."""
_encode_lines = msgspec.json.Encoder().encode_lines


class UnwritableResults(StrettoError):
    """Results cannot be written: the message names the file and what is wrong."""

    code = "unwritable_results"


class ResultsStore(Protocol):
    """The files of results of one engine, each called by at most one thread at a time.

    `owner` is whoever has opened a file last: what an earlier one does with it raises `UnwritableResults`.
    """

    def open(self, key: Key, owner: object, path: str, size: int, other_than: str | None) -> None:
        """Open a file, and cut it to `size` bytes, of which it must have as many.

        `other_than` is a file that it must not be. Raises `UnwritableResults`.
        """

    def append(self, key: Key, owner: object, lines: bytes, *, durable: bool) -> int:
        """Append lines, all of them or none; return the file's size. Raises `UnwritableResults`."""

    def close(self, key: Key, owner: object) -> None:
        """Close a file; no effect if it is not this owner's."""

    def close_all(self) -> None:
        """Close them all."""


def lines_of(results: Iterable[WriteResult], mask: Mask) -> bytes:
    """Return what is written of items that have ended, without secrets."""
    return _encode_lines([_told(each, mask) for each in results])


def _told(ended: WriteResult, mask: Mask) -> dict[str, Any]:
    if ended.failure is not None:
        error = mask.data(error_object(ended.failure))
        return {"index": ended.index, "outcome": ended.outcome, "error": error}
    if ended.outcome == "succeeded":
        return {"index": ended.index, "result": mask.data(ended.result)}
    return {"index": ended.index, "outcome": ended.outcome, "result": None}


class ResultsFiles:
    """Files as they are; the lock is on the table of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Key, tuple[object, _ResultsFile]] = {}

    def open(self, key: Key, owner: object, path: str, size: int, other_than: str | None) -> None:
        with self._lock:
            earlier = self._open.pop(key, None)
        if earlier is not None:
            earlier[1].close()  # its owner has crashed; what it was writing has been written by then
        try:
            file = _ResultsFile(path, size, other_than)
        except OSError as error:
            raise _unwritable(path, error) from None
        with self._lock:
            self._open[key] = owner, file

    def append(self, key: Key, owner: object, lines: bytes, *, durable: bool) -> int:
        with self._lock:
            known = self._open.get(key)
        if known is None or known[0] is not owner:
            raise UnwritableResults("the file of results is not open any more")
        return known[1].append(lines, durable=durable)

    def close(self, key: Key, owner: object) -> None:
        with self._lock:
            known = self._open.get(key)
            if known is None or known[0] is not owner:
                return
            del self._open[key]
        known[1].close()

    def close_all(self) -> None:
        with self._lock:
            known, self._open = self._open, {}
        for _, file in known.values():
            file.close()


class DiscardedResults:
    """No files: what is written is counted, and gone."""

    def __init__(self) -> None:
        self._sizes: dict[Key, int] = {}

    def open(self, key: Key, owner: object, path: str, size: int, other_than: str | None) -> None:  # noqa: ARG002 - as above
        self._sizes[key] = size

    def append(self, key: Key, owner: object, lines: bytes, *, durable: bool) -> int:  # noqa: ARG002 - as above
        self._sizes[key] += len(lines)
        return self._sizes[key]

    def close(self, key: Key, owner: object) -> None:  # noqa: ARG002 - as above
        self._sizes.pop(key, None)

    def close_all(self) -> None:
        self._sizes.clear()


class _ResultsFile:
    """One file. The lock keeps whoever closes it waiting while something is being written."""

    def __init__(self, path: str, size: int, other_than: str | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        # A pipe would be waited for while it is opened.
        flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        try:
            self._take(size, other_than)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._closed = False
        self._size = size

    def _take(self, size: int, other_than: str | None) -> None:
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise UnwritableResults(f"{self._path} is no regular file")
        if other_than is not None and _is_the_same(found, other_than):
            raise UnwritableResults(f"{self._path} is the file that the items are read from")
        if found.st_size < size:
            raise UnwritableResults(
                f"{self._path} has lost results: {size:,} bytes were written, and it has {found.st_size:,}"
            )
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnwritableResults(f"{self._path} is being written by another task") from None
        except OSError as error:
            if error.errno not in _CANNOT_LOCK:
                raise
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, size, os.SEEK_SET)

    def append(self, lines: bytes, *, durable: bool) -> int:
        with self._lock:
            if self._closed:
                raise UnwritableResults(f"{self._path} is not open any more")
            try:
                self._write(lines)
                if durable:
                    os.fsync(self._descriptor)
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)  # the last line is a whole one
                raise _unwritable(self._path, error) from None
            self._size += len(lines)
            return self._size

    def _write(self, lines: bytes) -> None:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._descriptor)


def _is_the_same(found: os.stat_result, other: str) -> bool:
    try:
        return os.path.samestat(found, os.stat(other))  # noqa: PTH116 - as it is named
    except OSError:
        return False  # whoever reads it will tell


def _unwritable(path: str, error: OSError) -> UnwritableResults:
    if error.errno == errno.ENXIO:  # a pipe that nobody reads
        return UnwritableResults(f"{path} is no regular file")
    return UnwritableResults(f"{path} cannot be written: {error.strerror or error}")
