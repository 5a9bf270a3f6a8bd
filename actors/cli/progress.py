"""The live view of a run on a terminal: an actor that redraws a few lines as `RunProgressed` arrives.

It never polls. A message that arrives less than 100 ms after the last drawing waits for a reminder, and later messages
replace it.
"""

import io
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TextIO, cast

import pykka

from stretto.actors.cli.live import Look, Stopwatch, draw
from stretto.actors.dispatch import Clock, RemindAt
from stretto.actors.runs import RunProgressed
from stretto.definitions.conductor import ENDED

DRAW_SECONDS: Final = 0.1
"""The shortest time between two drawings: faster ones are unreadable, and slow the run down."""
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class ShowAbove:
    """Write a text above the view. It stays there."""

    text: str


@dataclass(frozen=True, slots=True)
class _DrawingDue:
    """The view may be drawn again."""


class LiveView(pykka.ThreadingActor):
    """Draws the latest `RunProgressed`, at most ten times a second, and always a run's end."""

    use_daemon_thread = True

    def __init__(self, stream: TextIO, clock: pykka.ActorRef[Clock], now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._stream = stream
        self._clock = clock
        self._now = now
        self._stopwatch = Stopwatch(now())
        self._drawn: list[str] = []
        self._drawn_at = float("-inf")
        self._latest: RunProgressed | None = None
        self._waiting = False

    def on_receive(self, message: Any) -> None:
        """Show a run's progress, or a text above it."""
        if isinstance(message, RunProgressed):
            self._latest = message
            if message.status in ENDED or self._now() >= self._drawn_at + DRAW_SECONDS:
                self._draw()
            elif not self._waiting:
                self._waiting = True
                at = time.monotonic() + self._drawn_at + DRAW_SECONDS - self._now()
                self._clock.tell(RemindAt(0, at, self.actor_ref, _DrawingDue()))
        elif isinstance(message, _DrawingDue):
            self._waiting = False
            self._draw()
        elif isinstance(message, ShowAbove):
            self._stream.write(self._erasing() + message.text)
            self._drawn = []
            self._draw()

    def on_stop(self) -> None:
        """Leave the last state on the terminal, with the cursor below it."""
        self._draw()

    def _draw(self) -> None:
        progress = self._latest
        if progress is None:
            self._stream.flush()
            return
        self._drawn_at = self._now()
        self._stopwatch.look_at(progress, self._drawn_at)
        lines = draw(progress, self._stopwatch, _look_of(self._stream))
        if lines != self._drawn:
            self._stream.write(self._erasing() + "".join(f"{line}\n" for line in lines))
            self._drawn = lines
        self._stream.flush()

    def _erasing(self) -> str:
        """Return the codes that erase the last drawing. On a narrowed terminal its lines take several rows."""
        columns = max(_look_of(self._stream).columns, 1)
        rows = sum(max(-(-len(_COLOUR.sub("", line)) // columns), 1) for line in self._drawn)
        return f"\r\x1b[{rows}A\x1b[J" if rows else ""


class _Above(io.TextIOBase):
    """A stream for logs, which appear above the view."""

    def __init__(self, view: pykka.ActorRef[LiveView], stream: TextIO) -> None:
        self._view = view
        self._stream = stream

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        try:
            self._view.tell(ShowAbove(text))
        except pykka.ActorDeadError:
            self._stream.write(text)
        return len(text)


class Watching:
    """The command line's side of a view. Without a terminal there is no view, and messages are printed."""

    def __init__(self, stream: TextIO, view: pykka.ActorRef[LiveView] | None) -> None:
        self._stream = stream
        self.view = view

    def say(self, text: str) -> None:
        """Show a message to the user during the run."""
        if self.view is None:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        else:
            self.view.tell(ShowAbove(f"{text}\n"))

    def show_end(self, status: dict[str, Any]) -> None:
        """Draw a run's end. The view may be stopped before the supervisor's last message arrives."""
        if self.view is not None:
            self.view.tell(RunProgressed(status["id"], status["status"], status["tasks"]))


@contextmanager
def watching(log_level: str | None, stream: TextIO | None = None) -> Iterator[Watching]:
    """Show a live view on standard error during the block, with the logs above it. Without a terminal, show nothing."""
    from stretto.actors.cli.support.run_logging import log_run

    stream = stream or sys.stderr
    if not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield Watching(stream, None)
        return
    clock = Clock.start()
    view = LiveView.start(stream, clock)
    log_run(log_level, cast("TextIO", _Above(view, stream)))
    try:
        yield Watching(stream, view)
    finally:
        log_run(log_level)
        view.stop()
        clock.stop()


def _look_of(stream: TextIO) -> Look:
    """Return the terminal's present abilities: it may have been resized since the last drawing."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        size = shutil.get_terminal_size()
    encoding = (getattr(stream, "encoding", None) or "ascii").lower()
    # A terminal whose size was never set reports 0.
    return Look(size.columns or 80, size.lines or 24, not os.environ.get("NO_COLOR"), encoding.startswith("utf"))
