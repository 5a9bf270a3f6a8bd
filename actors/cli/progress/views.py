"""The views of a run: actors that write as `RunProgressed` arrives and as time passes.

No view asks for the run's state. A live view draws at most ten times a second, and each second while nothing happens,
because times pass. A view of plain lines writes one each five seconds, or each thirty while nothing changes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

import pykka

from stretto.actors.cli.progress.pace import Past, Stopwatch
from stretto.actors.cli.progress.plain import plain_line
from stretto.actors.cli.support.terminal import Look, console_of, look_of
from stretto.actors.dispatch import Clock, Timers
from stretto.actors.runs import RunProgressed
from stretto.definitions.conductor import ENDED

if TYPE_CHECKING:
    from rich.text import Text

DRAW_SECONDS: Final = 0.1
"""The shortest time between two drawings: faster ones are unreadable, and slow the run down."""
TICK_SECONDS: Final = 1.0
"""The longest time between two drawings of a run in progress."""
LINE_SECONDS: Final = 5.0
"""The shortest time between two plain lines."""
QUIET_SECONDS: Final = 30.0
"""The longest time between two plain lines of a run in progress."""


@dataclass(frozen=True, slots=True)
class ShowAbove:
    """Write whole lines above the view. They stay there."""

    text: str


@dataclass(frozen=True, slots=True)
class _Due:
    """It is time to write again."""

    at: float


class View(pykka.ThreadingActor):
    """The part that all views share: the latest progress, the time, and one reminder."""

    use_daemon_thread = True

    def __init__(self, stream: TextIO, clock: pykka.ActorRef[Clock], now: Callable[[], float] = time.monotonic) -> None:
        """Write to a stream. `now` returns the seconds that the clock counts in."""
        super().__init__()
        self._stream = stream
        self._now = now
        self._timers = Timers(clock, now)
        self._stopwatch = Stopwatch(now())
        self._latest: RunProgressed | None = None
        self._due: float | None = None

    def on_receive(self, message: Any) -> None:
        """Show a run's progress, or lines above it."""
        if isinstance(message, RunProgressed):
            self._latest = message
            self._stopwatch.look_at(message, self._now())
            self._take_progress(message)
        elif isinstance(message, _Due):
            if message.at == self._due:
                self._due = None
                self._stopwatch.move_to(self._now())
                self._take_time()
        elif isinstance(message, Past):
            self._stopwatch.know_past(message)
        elif isinstance(message, ShowAbove):
            self._show_above(message.text)

    def _remind_at(self, at: float) -> None:
        """Take the time at `at`, unless a reminder is due before."""
        if self._due is None or at < self._due:
            self._due = at
            self._timers.remind(at, self.actor_ref, _Due(at))

    def _take_progress(self, progress: RunProgressed) -> None:
        raise NotImplementedError

    def _take_time(self) -> None:
        raise NotImplementedError

    def _show_above(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class PlainView(View):
    """Writes a plain line from time to time. A short run has none, and its end is for others to report."""

    def __init__(self, stream: TextIO, clock: pykka.ActorRef[Clock], now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock, now)
        self._written: tuple[str, dict[str, Any]] | None = None
        self._written_at = now()

    def on_start(self) -> None:
        """Write the first line in a few seconds."""
        self._remind_at(self._now() + LINE_SECONDS)

    def _take_progress(self, progress: RunProgressed) -> None:
        """Wait for the time of the next line, which shows the latest progress."""

    def _take_time(self) -> None:
        now, progress = self._now(), self._latest
        if progress is not None and progress.status in ENDED:
            return
        if progress is not None:
            shown = (progress.status, progress.tasks)
            if shown != self._written or now >= self._written_at + QUIET_SECONDS:
                self._show_above(f"{plain_line(progress, self._stopwatch)}\n")
                self._written, self._written_at = shown, now
        self._remind_at(now + LINE_SECONDS)


class LiveView(View):
    """Draws the latest progress over the last drawing, and always a run's end.

    It neither hides the cursor nor changes any setting of the terminal: there is nothing to restore, however the
    process ends.
    """

    def __init__(self, stream: TextIO, clock: pykka.ActorRef[Clock], now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock, now)
        self._drawn: list[Text] = []
        self._drawn_at = float("-inf")

    def on_stop(self) -> None:
        """Leave the last state on the terminal, with the cursor below it."""
        self._draw()

    def _take_progress(self, progress: RunProgressed) -> None:
        next_drawing = self._drawn_at + DRAW_SECONDS
        if progress.status in ENDED or self._now() >= next_drawing:
            self._draw()
        else:
            self._remind_at(next_drawing)

    def _take_time(self) -> None:
        self._draw()

    def _show_above(self, text: str) -> None:
        # One write, so that no other output comes between.
        super()._show_above(self._erasing(look_of(self._stream)) + text)
        self._drawn = []
        self._draw()

    def _draw(self) -> None:
        from stretto.actors.cli.progress.live import draw

        progress = self._latest
        if progress is None:
            return
        look = look_of(self._stream)
        self._drawn_at = self._now()
        lines = draw(progress, self._stopwatch, look)
        if lines != self._drawn:
            console = console_of(self._stream, look)
            with console.capture() as rendered:
                for line in lines:
                    console.print(line, no_wrap=True, overflow="crop")
            self._stream.write(self._erasing(look) + rendered.get())
            self._stream.flush()
            self._drawn = lines
        if progress.status not in ENDED:
            self._remind_at(self._drawn_at + TICK_SECONDS)

    def _erasing(self, look: Look) -> str:
        """Return the codes that erase the last drawing. On a narrowed terminal its lines take several rows.

        They erase it line by line: erasing a whole screen at once moves it into the history of some terminals.
        """
        columns = max(look.columns, 1)
        rows = sum(max(-(-line.cell_len // columns), 1) for line in self._drawn)
        return "\r" + "\x1b[1A\x1b[2K" * rows if rows else ""
