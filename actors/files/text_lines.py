"""Line by line reading of a text file from a given byte, with a place for each error."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from stretto.actors.files.protected import NOTHING_PROTECTED, Opener, RefusedFile
from stretto.definitions.errors import StrettoError

MAX_LINE_BYTES: Final = 16 * 2**20
"""The bound of a line, or of a row of several lines, so that a file without line ends cannot fill the memory."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class UnreadableSource(StrettoError):
    """Items cannot be read. The message names the file, the line if there is one, and the reason."""

    code = "unreadable_source"


class BadText(UnreadableSource):
    """A line is not an item, but the lines after it can be read."""


class TextLines:
    """The lines of a file, each with its line end.

    Args:
        file: The open file.
        path: The file's name in errors.

    Attributes:
        offset: The byte after the last returned line.
        line: The number of lines before that byte.
        size: The file's size when it was opened.
    """

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.offset = 0
        self.line = 0
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self._path = path
        self._row_begins = 0

    def go_to(self, start: int, line: int) -> None:
        """Continue at the byte `start`, which must follow the end of line number `line`."""
        if start > self.size:
            raise UnreadableSource(
                f"{self._path} was truncated: it must have at least {start:,} bytes, got {self.size:,}"
            )
        if start > 0:
            self._file.seek(start - 1)
            if self._file.read(1) != b"\n":
                raise UnreadableSource(
                    f"{self._path} was changed while it was read: no line ends before byte {start:,}"
                )
        self._file.seek(start)
        self.offset = self._row_begins = start
        self.line = line

    def begin_row(self) -> None:
        """Start a new row, whose length is bounded."""
        self._row_begins = self.offset

    def next(self) -> str | None:
        """Return the next line, or None at the end of the file."""
        raw = self._file.readline(MAX_LINE_BYTES + 2)
        if not raw:
            return None
        self.line += 1
        begins, self.offset = self.offset, self.offset + len(raw)
        if self.offset - self._row_begins > MAX_LINE_BYTES + 1:
            raise self.error(f"a line or row must have at most {MAX_LINE_BYTES:,} bytes")
        try:
            return raw.removeprefix(_BYTE_ORDER_MARK).decode() if begins == 0 else raw.decode()
        except UnicodeDecodeError as error:
            raise self.bad_text(f"invalid UTF-8 at byte {begins + error.start:,}") from None

    def bad_text(self, problem: str) -> BadText:
        """Return the error of the last returned line, which others can follow."""
        return BadText(str(self.error(problem)))

    def error(self, problem: str) -> UnreadableSource:
        """Return the error of a problem in the last returned line."""
        return UnreadableSource(f"{self._path}, line {self.line:,}: {problem}")


@contextmanager
def opened(path: str, opener: Opener = NOTHING_PROTECTED) -> Iterator[TextLines]:
    """Open a regular file. Pipes and devices are refused, because reading them could block forever."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        descriptor = opener.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableSource(f"{path} is not a regular file")
            yield TextLines(file, path)
    except RefusedFile as error:
        raise UnreadableSource(str(error)) from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise UnreadableSource(f"{path} is not a regular file") from None
        raise UnreadableSource(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeEncodeError:
        raise UnreadableSource(
            f"{path!r} cannot be read: no file has this name, because it is not valid text"
        ) from None
