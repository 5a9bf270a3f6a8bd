"""Streams for texts that appear during a run: above its live view, if it has one."""

import io
import threading
from collections.abc import Callable
from typing import Any, Final, TextIO

import pykka

from stretto.actors.cli.progress.views import ShowAbove

MAX_LINE: Final = 4096
"""Characters of an unfinished line that are kept until its end. More are shown as a line."""


class Above(io.TextIOBase):
    """Writes to standard error, or above the live view that has it at the moment. Thread-safe.

    A view gets whole lines. If one is overwritten after a carriage return, as a progress bar is, it gets the last text.
    """

    def __init__(self, stream: TextIO, clean: Callable[[str], str]) -> None:
        """Write texts to `stream`, each after `clean`."""
        self.stream = stream
        self._clean = clean
        self._view: pykka.ActorRef[Any] | None = None
        self._line = ""
        self._lock = threading.Lock()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Return the stream's file descriptor."""
        return self.stream.fileno()

    @property
    def buffer(self) -> Any:
        """The stream of bytes. It writes past a view."""
        return self.stream.buffer

    def write(self, text: str) -> int:
        """Write a text."""
        with self._lock:
            if self._view is None:
                self.stream.write(self._clean(text))
            else:
                lines, end, self._line = (self._line + text).rpartition("\n")
                if end:
                    self._show(lines.split("\n"))
                if len(self._line) > MAX_LINE:
                    self._line = _last_of(self._line)
                if len(self._line) > MAX_LINE:
                    self._end_line()
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        with self._lock:
            if self._view is None:
                self.stream.flush()

    def use(self, view: "pykka.ActorRef[Any] | None") -> None:
        """Write above a view from now on, or to the stream. An unfinished line is shown first."""
        with self._lock:
            self._end_line()
            self._view = view

    def _end_line(self) -> None:
        if self._line:
            self._show([self._line])
            self._line = ""

    def _show(self, lines: list[str]) -> None:
        text = self._clean("".join(f"{_last_of(line)}\n" for line in lines))
        try:
            if self._view is not None:
                self._view.tell(ShowAbove(text))
        except pykka.ActorDeadError:
            self.stream.write(text)


def _last_of(line: str) -> str:
    """Return what a terminal would show of a line in which each part overwrites the one before it."""
    return line.rstrip("\r").rpartition("\r")[2]
