"""Which view of a run is shown."""

import io
import logging
import sys
from contextlib import suppress

import pykka
import pytest

from stretto.actors.cli.progress.above import Above
from stretto.actors.cli.progress.modes import Mode, mode_for, watching
from stretto.actors.cli.progress.views import LiveView, PlainView
from tests.support.progress import RUN_ID, progress, task


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "term", "wanted", "mode"),
    [
        (Terminal(), "xterm", None, "live"),
        (Terminal(), "xterm", "plain", "plain"),
        (Terminal(), "xterm", "none", "none"),
        (Terminal(), "dumb", None, "plain"),
        (Terminal(), "", "live", "plain"),
        (io.StringIO(), "xterm", None, "plain"),
        (io.StringIO(), "xterm", "live", "plain"),
        (io.StringIO(), "xterm", "none", "none"),
    ],
)
def test_a_live_view_needs_a_terminal_that_can_move_its_cursor(
    stream: io.StringIO, term: str, wanted: Mode | None, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the default there, and plain lines elsewhere."""
    monkeypatch.setenv("TERM", term)
    assert mode_for(stream, wanted) == mode


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("mode", ["plain", "none"])
def test_what_is_said_without_a_live_view_is_printed(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else of a short run."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with watching(mode, "WARNING") as shown:
        shown.say("cancelling")
        shown.show_end({"id": "id", "status": "succeeded", "tasks": {}})
    assert stream.getvalue() == "cancelling\n"


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("fails", [False, True])
def test_logs_and_prints_are_above_a_live_view_as_long_as_it_is_there(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the block raises, the last drawing stays, and what is written later is below it."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    prints = Above(stream, str)
    alive = set(pykka.ActorRegistry.get_by_class(LiveView))
    with suppress(ZeroDivisionError), watching("live", "WARNING", prints) as shown:
        assert shown.view is not None
        shown.view.ask(progress(a=task(done=7)))
        logging.getLogger("test").warning("logged")
        prints.write("printed\n")
        assert fails is False or 1 / 0
    logging.getLogger("test").warning("afterwards")
    prints.write("at last\n")
    above, drawn = stream.getvalue().rsplit("\x1b[2K", 1)
    assert "logged" in above
    assert above.count("tasks ended") + above.count("task ended") == 2
    assert drawn.startswith("printed\n> a  running  7/1,000")
    assert f"run {RUN_ID}\n" in drawn
    *_, line, last = drawn.splitlines()
    assert ("afterwards" in line, last) == (True, "at last")
    assert set(pykka.ActorRegistry.get_by_class(LiveView)) == alive
    assert not pykka.ActorRegistry.get_by_class(PlainView)
