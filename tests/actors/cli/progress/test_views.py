"""When the views of a run write, and what."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.cli.progress.pace import Past
from stretto.actors.cli.progress.views import LINE_SECONDS, LiveView, PlainView, ShowAbove, View
from stretto.actors.dispatch.clock import RemindAt
from tests.support.progress import RUN_ID, progress, task

UP = "\x1b[1A\x1b[2K"
"""Moves the cursor up a line, and erases it. Erasing the whole screen would move it into the history of tmux."""


class Reminders(pykka.ThreadingActor):
    """Keeps what a clock is told."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[RemindAt] = []

    def on_receive(self, message: Any) -> None:
        self.kept.append(message)


class Viewing:
    """A view on a stream, with a clock that stands still unless a test moves it."""

    def __init__(self, kind: type[View]) -> None:
        self.stream = io.StringIO()
        self.clock = Reminders.start()
        self.now = 0.0
        self.view = kind.start(self.stream, self.clock, lambda: self.now)
        self._sent: set[int] = set()

    def tell(self, message: Any) -> None:
        """Tell the view something, and wait until it has been handled."""
        self.view.ask(message)

    def reminders(self) -> list[RemindAt]:
        """Return what the view has asked the clock for so far."""
        self.view.ask(None)  # after what it does as it starts
        kept: list[RemindAt] = self.clock.proxy().kept.get()
        return kept

    def move_to(self, now: float) -> None:
        """Let the time pass: reminders that are due arrive in their order, also those that are asked for meanwhile."""
        while due := [each for each in self.reminders() if each.at <= now and each.key not in self._sent]:
            first = min(due, key=lambda each: each.at)
            self._sent.add(first.key)
            self.now = max(self.now, first.at)
            self.tell(first.message)
        self.now = now

    def shown(self) -> str:
        """Return what was written since the last call."""
        text = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        return text


@pytest.fixture
def viewing(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Viewing]:
    """Start a view of the kind that the test asks for."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "20")
    made = Viewing(request.param)
    yield made
    for actor in (made.view, made.clock):
        if actor.is_alive():
            actor.stop()


live = pytest.mark.parametrize("viewing", [LiveView], indirect=True)
plain = pytest.mark.parametrize("viewing", [PlainView], indirect=True)


def drawings(text: str) -> int:
    """Return how many drawings a text has."""
    return text.count(" ended  ")


@live
def test_drafts_that_come_too_soon_wait_for_one_reminder(viewing: Viewing) -> None:
    """The first is drawn, the next are not; the reminder draws the last of them."""
    for done in range(5):
        viewing.tell(progress(a=task(done=done)))
    assert drawings(viewing.shown()) == 1
    viewing.move_to(0.1)
    shown = viewing.shown()
    assert drawings(shown) == 1
    assert "4/1,000" in shown


@live
def test_a_draft_after_100_ms_is_drawn_over_the_last_one(viewing: Viewing) -> None:
    """The cursor goes up over the lines that were drawn, and erases them."""
    viewing.tell(progress(a=task(done=1)))
    viewing.now = 0.1
    viewing.tell(progress(a=task(done=2)))
    assert f"\r{2 * UP}> a" in viewing.shown()


@live
def test_a_drawing_is_renewed_each_second_without_news(viewing: Viewing) -> None:
    """Its times pass."""
    viewing.tell(progress(a=task(done=1)))
    viewing.shown()
    viewing.move_to(3.0)
    shown = viewing.shown()
    assert drawings(shown) == 3
    assert "3.0 s" in shown


@live
def test_the_end_is_drawn_at_once_and_once(viewing: Viewing) -> None:
    """Also right after a draft; a second telling, the time or the stop draw nothing again."""
    viewing.tell(progress(a=task(done=1)))
    for _ in range(2):
        viewing.tell(progress("succeeded", a=task("succeeded", done=1000)))
    viewing.move_to(0.0)
    viewing.view.stop()
    shown = viewing.shown()
    assert drawings(shown) == 2
    assert shown.endswith(f"succeeded: 1 of 1 task ended  0.0 s  run {RUN_ID}\n")


@live
def test_a_text_stands_above_the_view(viewing: Viewing) -> None:
    """The view is erased, the text written, the view drawn again below it."""
    viewing.tell(progress(a=task(done=1)))
    viewing.tell(ShowAbove("cancelling\n"))
    assert re.search(re.escape(f"\r{2 * UP}cancelling\n") + r"> a.*\nrunning: .*\n$", viewing.shown())


@live
def test_a_narrowed_terminal_is_erased_as_far_as_its_lines_reach(
    viewing: Viewing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal wraps what was drawn before."""
    viewing.tell(progress(a=task(done=1)))
    wide = viewing.shown().splitlines()
    monkeypatch.setenv("COLUMNS", "30")
    viewing.move_to(1.0)
    rows = sum(-(-len(line) // 30) for line in wide)
    assert rows > 2
    shown = viewing.shown()
    assert shown.startswith(f"\r{rows * UP}>")
    assert all(len(line) < 30 for line in shown.rpartition(UP)[2].splitlines())


@live
def test_the_cursor_is_never_hidden_nor_the_terminal_changed(viewing: Viewing) -> None:
    """So nothing has to be restored, however the process ends: the cursor moves up, and erases lines."""
    viewing.tell(progress(a=task(done=1)))
    viewing.move_to(1.0)
    viewing.tell(ShowAbove("text\n"))
    viewing.tell(progress("failed", a=task("failed", done=1)))
    viewing.view.stop()
    assert set(re.findall(r"\x1b[^A-Za-z]*[A-Za-z]", viewing.shown())) == {"\x1b[1A", "\x1b[2K"}


@live
def test_nothing_is_written_when_nothing_was_told(viewing: Viewing) -> None:
    """A run that is refused leaves the terminal alone."""
    viewing.view.stop()
    assert viewing.shown() == ""


@live
def test_a_watched_runs_time_is_that_of_the_run(viewing: Viewing) -> None:
    """Not that of the watching."""
    viewing.tell(Past(3600.0, {}))
    viewing.tell(progress(a=task(done=1)))
    assert "1 task ended  1:00:00" in viewing.shown()


@plain
def test_a_run_has_a_line_each_five_seconds_at_most(viewing: Viewing) -> None:
    """However much happens: the line shows the latest."""
    for done in range(100):
        viewing.tell(progress(a=task(done=done)))
    viewing.move_to(4.9)
    assert viewing.shown() == ""
    viewing.move_to(5.0)
    (line,) = viewing.shown().splitlines()
    assert line.startswith("run caf7b56d: running for 5.0 s, 0 of 1 task ended; a 99/1,000")
    for done in range(100, 200):
        viewing.tell(progress(a=task(done=done)))
    viewing.move_to(9.9)
    assert viewing.shown() == ""
    viewing.move_to(10.0)
    assert len(viewing.shown().splitlines()) == 1


@plain
def test_a_quiet_run_shows_life_each_thirty_seconds(viewing: Viewing) -> None:
    """Nothing has changed, but it goes on."""
    viewing.tell(progress(a=task(total=1)))
    viewing.move_to(100.0)
    assert [line.split(",")[0] for line in viewing.shown().splitlines()] == [
        "run caf7b56d: running for 5.0 s",
        "run caf7b56d: running for 35.0 s",
        "run caf7b56d: running for 1:05",
        "run caf7b56d: running for 1:35",
    ]


@plain
def test_a_short_run_has_no_line_and_an_ended_one_none_any_more(viewing: Viewing) -> None:
    """Its outcome is reported by others."""
    viewing.tell(progress("succeeded", a=task("succeeded", done=1000)))
    viewing.move_to(100.0)
    assert viewing.shown() == ""
    assert len(viewing.reminders()) == 1


@plain
def test_a_run_that_has_not_reported_yet_is_waited_for(viewing: Viewing) -> None:
    """It is being recovered, perhaps."""
    viewing.move_to(3 * LINE_SECONDS)
    assert viewing.shown() == ""
    viewing.tell(progress(a=task(total=1)))
    viewing.move_to(4 * LINE_SECONDS)
    assert len(viewing.shown().splitlines()) == 1


@plain
def test_a_message_to_the_user_is_a_line_of_its_own(viewing: Viewing) -> None:
    """At once."""
    viewing.tell(ShowAbove("cancelling\n"))
    assert viewing.shown() == "cancelling\n"
