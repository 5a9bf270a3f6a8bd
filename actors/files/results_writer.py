"""Files of results: one JSON line for each ended item, in the order of the ends.

A writer owns its file until it closes the file, and a file has one writer at a time. The journal knows how many bytes
have been written. When a run is recovered, its file is truncated to that size, and the journal's later results follow.
"""

import contextlib
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Iterable
from typing import Any, Final, Protocol, TypeAlias

from stretto.actors.files.protected import NOTHING_PROTECTED, Opener, RefusedFile
from stretto.definitions.conductor import WriteResult, error_object
from stretto.definitions.context import Mask
from stretto.definitions.data import encode_json
from stretto.definitions.errors import StrettoError

Key: TypeAlias = tuple[str, str, int]
"""A run, a task, and the visit of it."""

_CANNOT_LOCK: Final = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""The errors of file systems without locks."""


class UnwritableResults(StrettoError):
    """Results cannot be written. The message names the file and the reason."""

    code = "unwritable_results"


class ResultsStore(Protocol):
    """The files of results of one engine. At most one thread calls for a file at a time.

    The last opener owns the file. Calls by an earlier owner raise UnwritableResults.
    """

    def open(  # noqa: PLR0913 - a file, its owner, and what must be true of it
        self,
        key: Key,
        owner: object,
        path: str,
        size: int,
        other_than: str | None,
        *,
        opener: Opener = NOTHING_PROTECTED,
    ) -> None:
        """Open a file and truncate it to `size` bytes.

        Args:
            key: The run, the task and the visit that write the file.
            owner: The new owner.
            path: The file, which is created if it does not exist.
            size: The number of bytes that the journal knows.
            other_than: A path that must not be the same file, or None.
            opener: Opens the file, or refuses it.

        Raises:
            UnwritableResults: The file cannot be opened, is shorter than `size`, or has another writer.
        """

    def append(self, key: Key, owner: object, lines: bytes, *, durable: bool) -> int:
        """Append all lines or none.

        Args:
            key: The file's key.
            owner: The file's owner.
            lines: The lines, from `lines_of`.
            durable: Whether to sync the file to the disk.

        Returns:
            The file's new size.

        Raises:
            UnwritableResults: The lines cannot be written, or the file has another owner.
        """

    def close(self, key: Key, owner: object) -> None:
        """Close a file. No effect if it has another owner."""

    def close_all(self) -> None:
        """Close all files."""


def lines_of(results: Iterable[WriteResult], mask: Mask) -> bytes:
    """Return the JSON lines of ended items, with secrets masked."""
    return b"".join(encode_json(_as_json(each, mask)) + b"\n" for each in results)


def _as_json(ended: WriteResult, mask: Mask) -> dict[str, Any]:
    if ended.failure is not None:
        error = mask.data(error_object(ended.failure))
        return {"index": ended.index, "outcome": ended.outcome, "error": error}
    if ended.outcome == "succeeded":
        return {"index": ended.index, "result": mask.data(ended.result)}
    return {"index": ended.index, "outcome": ended.outcome, "result": None}


class ResultsFiles:
    """The files of results on disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the table, not the files
        self._open: dict[Key, tuple[object, _ResultsFile]] = {}

    def open(  # noqa: PLR0913 - the protocol's
        self,
        key: Key,
        owner: object,
        path: str,
        size: int,
        other_than: str | None,
        *,
        opener: Opener = NOTHING_PROTECTED,
    ) -> None:
        """Open a file and truncate it to `size` bytes."""
        with self._lock:
            earlier = self._open.pop(key, None)
        if earlier is not None:
            earlier[1].close()  # its owner has crashed; close() waits for a write in progress
        try:
            file = _ResultsFile(path, size, other_than, opener)
        except RefusedFile as error:
            raise UnwritableResults(str(error)) from None
        except OSError as error:
            raise _unwritable(path, error) from None
        except UnicodeEncodeError:
            raise UnwritableResults(
                f"{path!r} cannot be written: no file can have this name, because it is not valid text"
            ) from None
        with self._lock:
            self._open[key] = owner, file

    def append(self, key: Key, owner: object, lines: bytes, *, durable: bool) -> int:
        """Append all lines or none, and return the file's size."""
        with self._lock:
            known = self._open.get(key)
        if known is None or known[0] is not owner:
            raise UnwritableResults("the file of results is no longer open")
        return known[1].append(lines, durable=durable)

    def close(self, key: Key, owner: object) -> None:
        """Close a file. No effect if it has another owner."""
        with self._lock:
            known = self._open.get(key)
            if known is None or known[0] is not owner:
                return
            del self._open[key]
        known[1].close()

    def close_all(self) -> None:
        """Close all files."""
        with self._lock:
            known, self._open = self._open, {}
        for _, file in known.values():
            file.close()


class DiscardedResults:
    """A store for rehearsals that counts the written bytes and discards them."""

    def __init__(self) -> None:
        self._sizes: dict[Key, int] = {}

    def open(  # noqa: PLR0913 - the protocol's
        self,
        key: Key,
        owner: object,  # noqa: ARG002 - the protocol's
        path: str,  # noqa: ARG002 - the protocol's
        size: int,
        other_than: str | None,  # noqa: ARG002 - the protocol's
        *,
        opener: Opener = NOTHING_PROTECTED,  # noqa: ARG002 - the protocol's
    ) -> None:
        """Start to count from `size`."""
        self._sizes[key] = size

    def append(self, key: Key, owner: object, lines: bytes, *, durable: bool) -> int:  # noqa: ARG002 - the protocol's
        """Count the lines' bytes, and return the size of the file that they would make."""
        self._sizes[key] += len(lines)
        return self._sizes[key]

    def close(self, key: Key, owner: object) -> None:  # noqa: ARG002 - the protocol's
        """Forget a file."""
        self._sizes.pop(key, None)

    def close_all(self) -> None:
        """Forget all files."""
        self._sizes.clear()


class _ResultsFile:
    """One open file. Its lock makes close() wait for a write in progress."""

    def __init__(self, path: str, size: int, other_than: str | None, opener: Opener) -> None:
        self._path = path
        self._lock = threading.Lock()
        # Without O_NONBLOCK, opening a pipe would wait for a reader.
        flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = opener.open(path, flags)
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
            raise UnwritableResults(f"{self._path} is not a regular file")
        if other_than is not None and _is_the_same(found, other_than):
            raise UnwritableResults(f"{self._path} is also the file of the items")
        if found.st_size < size:
            raise UnwritableResults(
                f"{self._path} has lost results: it must have at least {size:,} bytes, got {found.st_size:,}"
            )
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnwritableResults(f"another task is writing {self._path}") from None
        except OSError as error:
            if error.errno not in _CANNOT_LOCK:
                raise
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, size, os.SEEK_SET)

    def append(self, lines: bytes, *, durable: bool) -> int:
        with self._lock:
            if self._closed:
                raise UnwritableResults(f"{self._path} is no longer open")
            try:
                self._write(lines)
                if durable:
                    os.fsync(self._descriptor)
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)  # so that the file ends with a complete line
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
        return os.path.samestat(found, os.stat(other))  # noqa: PTH116 - a text, not a Path
    except OSError:
        return False  # the reader of that file reports the error


def _unwritable(path: str, error: OSError) -> UnwritableResults:
    if error.errno == errno.ENXIO:  # a pipe without a reader
        return UnwritableResults(f"{path} is not a regular file")
    return UnwritableResults(f"{path} cannot be written: {error.strerror or error}")
