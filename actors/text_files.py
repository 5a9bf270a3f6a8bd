"""Reads whole files that people name: settings, inputs, keys, definitions.

No file can block the reader or fill the memory. A pipe is read to its end, because a shell passes a command's output as
one: `--keystore <(pass show stretto)`.
"""

import errno
import os
import select
import stat
from collections.abc import Callable, Iterator
from os import PathLike
from typing import Final

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of a file: none that a person writes has as many, and a device has no end."""
SILENCE_SECONDS: Final = 30.0
"""How long a pipe may send nothing. Without a writer it would never end."""
_CHUNK_BYTES: Final = 1024 * 1024


def read_bytes(path: str | PathLike[str], check: Callable[[os.stat_result], object] = lambda _found: None) -> bytes:
    """Return the content of a file, or everything that a pipe sends.

    Args:
        path: The file.
        check: Called with the open file's status before it is read. Its exceptions are raised here.

    Raises:
        OSError: The file cannot be read, is a folder or a socket, has more than `MAX_BYTES`, or is a pipe that sends
            nothing for `SILENCE_SECONDS`. Its `strerror` says which.
    """
    # Without O_NONBLOCK, opening a pipe would wait for a writer.
    descriptor = _open(path)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise _error(errno.EISDIR, os.strerror(errno.EISDIR), path)
        check(found)
        content = bytearray()
        for chunk in _chunks(descriptor, path):
            content += chunk
            if len(content) > MAX_BYTES:
                raise _error(errno.EFBIG, f"it must have at most {MAX_BYTES:,} bytes, and has more", path)
        return bytes(content)
    finally:
        os.close(descriptor)


def read_text(path: str | PathLike[str]) -> str:
    """Return the content of a file in UTF-8. Raises as `read_bytes`, and UnicodeDecodeError."""
    # As in Python's text files, a line of any system ends with \n.
    return read_bytes(path).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def _open(path: str | PathLike[str]) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a null character in the path
        raise _error(errno.EINVAL, str(error), path) from None
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise _error(errno.ENXIO, "it is a socket, and a file is needed", path) from None
        raise


def _chunks(descriptor: int, path: str | PathLike[str]) -> Iterator[bytes]:
    _wait(descriptor, path)
    while True:
        try:
            chunk = os.read(descriptor, _CHUNK_BYTES)
        except BlockingIOError:  # a pipe that still has a writer
            _wait(descriptor, path)
            continue
        if not chunk:
            return
        yield chunk


def _wait(descriptor: int, path: str | PathLike[str]) -> None:
    """Wait until there is something to read. A regular file is always ready."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if not waiting.poll(SILENCE_SECONDS * 1000):
        raise _error(errno.ETIMEDOUT, f"nothing was written to it for {SILENCE_SECONDS:g} seconds", path)


def _error(number: int, reason: str, path: str | PathLike[str]) -> OSError:
    return OSError(number, reason, os.fspath(path))
