"""The text that a sensor prints, kept up to a bound: the newest lines."""

from collections import deque
from typing import Final, NamedTuple

MAX_LOG_LINE: Final = 4096
"""The characters of a line that are kept."""
LINE_BYTES: Final = 200
"""Bytes of memory of a line beside its text: a flood of empty lines is bounded, too."""


class LogLine(NamedTuple):
    """A line of a sensor's log.

    Attributes:
        at: When it came, in seconds since the epoch.
        stream: "stdout", "stderr", or "stretto" for what the daemon says about the sensor.
        text: The line.
    """

    at: float
    stream: str
    text: str


class SensorLog:
    """The newest lines of a sensor's log.

    Args:
        most: How many bytes are kept, approximately.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: deque[LogLine] = deque()
        self._size = 0
        self.left_out = 0
        """The lines that are not kept any more."""

    def add(self, at: float, stream: str, text: str) -> None:
        """Add a line. A long one is cut."""
        if len(text) > MAX_LOG_LINE:
            text = f"{text[:MAX_LOG_LINE]} ... ({len(text):,} characters)"
        self._lines.append(LogLine(at, stream, text))
        self._size += _size_of(text)
        while self._size > self._most and len(self._lines) > 1:
            self._size -= _size_of(self._lines.popleft().text)
            self.left_out += 1

    def newest(self, count: int) -> list[LogLine]:
        """Return the newest lines, in their order."""
        return list(self._lines)[-count:]


def _size_of(text: str) -> int:
    return len(text) + LINE_BYTES
