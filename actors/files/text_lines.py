"""A text file from some byte on, line by line, with a place for each error."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from stretto.definitions.errors import StrettoError

MAX_LINE_BYTES: Final = 16 * 2**20
"""Bytes of a line, or of a row of several lines: a file that has no line ends must not fill the memory."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class UnreadableSource(StrettoError):
    """Items cannot be read: the message names the file, the line if it is one line's fault, and what is wrong."""

    code = "unreadable_source"


class TextLines:
    """The lines of a file, each with its end. `offset` is the byte behind the last one given, `line` counts them.

    `path` is told in errors.
    """

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.offset = 0
        self.line = 0
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self._path = path
        self._row_begins = 0

    def go_to(self, start: int, line: int) -> None:
        """Go on from a byte that follows on the end of line number `line`."""
        if start > self.size:
            raise UnreadableSource(f"{self._path} was cut: {start:,} bytes were read, and it has {self.size:,}")
        if start > 0:
            self._file.seek(start - 1)
            if self._file.read(1) != b"\n":
                raise UnreadableSource(f"{self._path} was changed while it was read: no line ends at byte {start:,}")
        self._file.seek(start)
        self.offset = self._row_begins = start
        self.line = line

    def begin_row(self) -> None:
        """Let what follows be a row of its own, whose length is bounded."""
        self._row_begins = self.offset

    def next(self) -> str | None:
        """Return the next line; None at the end."""
        raw = self._file.readline(MAX_LINE_BYTES + 2)
        if not raw:
            return None
        self.line += 1
        begins, self.offset = self.offset, self.offset + len(raw)
        if self.offset - self._row_begins > MAX_LINE_BYTES + 1:
            raise self.error(f"a line, or row, is longer than {MAX_LINE_BYTES:,} bytes")
        try:
            return raw.removeprefix(_BYTE_ORDER_MARK).decode() if begins == 0 else raw.decode()
        except UnicodeDecodeError as error:
            raise self.error(f"it is no UTF-8 at byte {begins + error.start:,}") from None

    def error(self, problem: str) -> UnreadableSource:
        """Return what is wrong with the line that was given last."""
        return UnreadableSource(f"{self._path}, line {self.line:,}: {problem}")


@contextmanager
def opened(path: str) -> Iterator[TextLines]:
    """Open a regular file, and no other: reading from a pipe or a device could wait for ever."""
    try:
        # A pipe would be waited for while it is opened.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableSource(f"{path} is no regular file")
            yield TextLines(file, path)
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be read: {error.strerror or error}") from None
