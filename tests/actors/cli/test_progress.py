"""The live view of a run: what is drawn, and when."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.cli.live import MAX_TASKS, Look, Stopwatch, draw
from stretto.actors.cli.progress import LiveView, ShowAbove, watching
from stretto.actors.dispatch.clock import RemindAt
from stretto.actors.runs.messages import RunProgressed

WIDE = Look(columns=120, rows=40)


def task(
    status: str = "running", done: int = 0, failed: int = 0, total: int | None = 1000, visits: int = 1
) -> dict[str, Any]:
    items = {"total": total, "succeeded": done, "failed": failed, "running": 0}
    return {"status": status, "visits": visits, "items": items}


def progress(ended: str = "running", /, **tasks: dict[str, Any]) -> RunProgressed:
    return RunProgressed("id", ended, tasks)


def drawn(told: RunProgressed, look: Look = WIDE, seconds: float = 2.0) -> list[str]:
    stopwatch = Stopwatch(0.0)
    stopwatch.look_at(told, 0.0)
    stopwatch.look_at(told, seconds)
    return draw(told, stopwatch, look)


def test_a_line_tells_a_tasks_items_failures_rate_and_time() -> None:
    """Tasks that have not started have no line; the summary counts those that have ended."""
    told = progress(load=task("succeeded", 1, total=1), check=task(done=498, failed=2), report=task("not_started"))
    assert drawn(told) == [
        "+ load   succeeded  1/1  0.0 s",
        "> check  running    ##########..........  500/1,000  2 failed  250/s  2.0 s",
        "running: 1 of 3 tasks have ended  2.0 s",
    ]


def test_items_are_counted_while_nobody_knows_how_many_there_are() -> None:
    """As long as they are being read from a file."""
    line, _ = drawn(progress(load=task(done=500, total=None)))
    assert line == "> load  running    500  250/s  2.0 s"


def test_times_are_told_in_minutes_and_hours_when_they_are_long() -> None:
    """75 seconds are 1:15."""
    assert drawn(progress(a=task()), seconds=75.9)[-1].endswith("  1:15")
    assert drawn(progress(a=task()), seconds=3661)[-1].endswith("  1:01:01")


def test_an_ended_tasks_time_stands_still_and_a_new_visit_starts_at_0() -> None:
    """A cycle's next lap is measured by itself."""
    stopwatch = Stopwatch(0.0)
    stopwatch.look_at(progress(a=task()), 1.0)
    stopwatch.look_at(progress(a=task("failed")), 3.0)
    stopwatch.look_at(progress(a=task("failed")), 9.0)
    assert (stopwatch.seconds("a"), stopwatch.seconds()) == (2.0, 9.0)
    stopwatch.look_at(progress(a=task(visits=2)), 10.0)
    stopwatch.look_at(progress(a=task(visits=2)), 11.0)
    assert stopwatch.seconds("a") == 1.0


def test_a_long_list_keeps_what_runs_and_what_failed() -> None:
    """The rest is counted, the order stays the file's."""
    tasks = {f"t{number}": task("succeeded") for number in range(30)} | {"bad": task("failed"), "now": task()}
    lines = drawn(progress(**tasks))
    assert len(lines) == MAX_TASKS + 2
    assert lines[-2] == "  ... 12 more"
    assert [line.split()[1] for line in lines[-4:-2]] == ["bad", "now"]
    small = drawn(progress(**tasks), Look(columns=80, rows=6))
    assert [line.split()[1] for line in small[:3]] == ["t0", "bad", "now"]
    assert len(small) < 6


@pytest.mark.parametrize("columns", [1, 10, 40, 60])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    """Lines are cut, colours not counted."""
    look = Look(columns, rows=40, colours=True, unicode=True)
    for line in drawn(progress(**{"x" * 50: task(done=500, failed=3)}), look):
        assert len(re.sub(r"\x1b\[[0-9;]*m", "", line)) < max(columns, 2)
        assert line.count("\x1b[") % 2 == 0


def test_a_parallel_tasks_fork_has_no_line() -> None:
    """Nobody wrote it."""
    told = progress(**{"both.fork": task("succeeded"), "both": task()})
    assert drawn(told)[-1].startswith("running: 0 of 1 tasks")


class Reminders(pykka.ThreadingActor):
    """Keeps what a clock is told."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[RemindAt] = []

    def on_receive(self, message: Any) -> None:
        self.kept.append(message)


class Drawing:
    """A view on a stream, with a clock that stands still."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.clock = Reminders.start()
        self.now = 0.0
        self.view = LiveView.start(self.stream, self.clock, lambda: self.now)

    def tell(self, message: Any) -> None:
        """Tell the view something, and wait until it has been handled."""
        self.view.ask(message)

    def reminders(self) -> list[RemindAt]:
        """Return what the view has asked the clock for."""
        kept: list[RemindAt] = self.clock.proxy().kept.get()
        return kept

    def drawings(self) -> int:
        """Return how often a summary was written."""
        return self.stream.getvalue().count("have ended")


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drawing]:
    monkeypatch.setenv("NO_COLOR", "1")
    made = Drawing()
    yield made
    for actor in (made.view, made.clock):
        if actor.is_alive():
            actor.stop()


def test_drafts_that_come_too_soon_wait_for_one_reminder(drawing: Drawing) -> None:
    """The first is drawn, the next are not; the reminder draws the last of them."""
    for done in range(5):
        drawing.tell(progress(a=task(done=done)))
    assert drawing.drawings() == 1
    (reminder,) = drawing.reminders()
    drawing.tell(reminder.message)
    assert drawing.drawings() == 2
    assert "4/1,000" in drawing.stream.getvalue()
    assert "3/1,000" not in drawing.stream.getvalue()


def test_a_draft_after_100_ms_is_drawn_over_the_last_one(drawing: Drawing) -> None:
    """The cursor goes up over the lines that were drawn, and erases them."""
    drawing.tell(progress(a=task(done=1)))
    drawing.now = 0.1
    drawing.tell(progress(a=task(done=2)))
    assert drawing.reminders() == []
    assert "\r\x1b[2A\x1b[J> a" in drawing.stream.getvalue()


def test_the_end_is_drawn_at_once_and_once(drawing: Drawing) -> None:
    """Also right after a draft; a second telling, or the stop, draws nothing again."""
    drawing.tell(progress(a=task(done=1)))
    for _ in range(2):
        drawing.tell(progress("succeeded", a=task("succeeded", done=1000)))
    drawing.view.stop()
    assert drawing.drawings() == 2
    assert drawing.stream.getvalue().endswith("have ended  0.0 s\n")


def test_a_text_stands_above_the_view(drawing: Drawing) -> None:
    """The view is erased, the text written, the view drawn again below it."""
    drawing.tell(progress(a=task(done=1)))
    drawing.tell(ShowAbove("cancelling\n"))
    assert re.search(r"\x1b\[2A\x1b\[Jcancelling\n> a.*\nrunning: .*\n$", drawing.stream.getvalue())


def test_nothing_is_written_when_nothing_was_told(drawing: Drawing) -> None:
    """A run that is refused leaves the terminal alone."""
    drawing.view.stop()
    assert drawing.stream.getvalue() == ""


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "term"), [(io.StringIO(), "xterm"), (Terminal(), "dumb")])
def test_there_is_no_view_without_a_terminal_that_can_move_its_cursor(
    stream: io.StringIO, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said is printed as it is."""
    monkeypatch.setenv("TERM", term)
    with watching("WARNING", stream) as shown:
        assert shown.view is None
        shown.say("cancelling")
        shown.show_end({"id": "id", "status": "succeeded", "tasks": {}})
    assert stream.getvalue() == "cancelling\n"
