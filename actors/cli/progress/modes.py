"""Shows a run on standard error as `--progress` says: live, plain, or not at all."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TextIO, TypeAlias, cast

import pykka

from stretto.actors.cli.progress.above import Above
from stretto.actors.cli.progress.views import LiveView, PlainView, ShowAbove, View
from stretto.actors.cli.support.run_logging import log_run
from stretto.actors.cli.support.terminal import is_capable
from stretto.actors.dispatch import Clock
from stretto.actors.runs import RunProgressed

Mode: TypeAlias = Literal["live", "plain", "none"]

_VIEWS: Final[dict[Mode, type[View]]] = {"live": LiveView, "plain": PlainView}


def mode_for(stream: TextIO, wanted: Mode | None) -> Mode:
    """Return the mode that is possible on a stream: a live view needs a terminal that can move its cursor.

    The default is a live view where it is possible, and plain lines elsewhere.
    """
    if wanted is None or wanted == "live":
        return "live" if is_capable(stream) else "plain"
    return wanted


class Watching:
    """The command line's side of a view. Without a view, messages are printed."""

    def __init__(self, stream: TextIO, view: pykka.ActorRef[Any] | None) -> None:
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
def watching(wanted: Mode | None, log_level: str | None, prints: Above | None = None) -> Iterator[Watching]:
    """Show the progress of a run during the block, and logs and prints above a live view.

    Args:
        wanted: The mode, or None for the default.
        log_level: The level of `log_run`.
        prints: The stream of what actions print, or None if they do so elsewhere.
    """
    stream = sys.stderr if prints is None else prints.stream
    mode = mode_for(stream, wanted)
    if mode == "none":
        yield Watching(stream, None)
        return
    clock = Clock.start()
    view: pykka.ActorRef[Any] = _VIEWS[mode].start(stream, clock)
    above = [Above(stream, str), *([] if prints is None else [prints])] if mode == "live" else []
    try:
        for each in above:
            each.use(view)
        if above:
            log_run(log_level, cast("TextIO", above[0]))
        yield Watching(stream, view)
    finally:
        if above:
            log_run(log_level, stream)
        for each in above:
            each.use(None)
        view.stop()
        clock.stop()
