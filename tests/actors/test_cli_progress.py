"""Progress on a terminal's line."""

import io

from stretto.actors.cli.progress import ProgressLine, describe
from stretto.actors.messages import RunProgressed


def progress(done: int, failed: int = 0, status: str = "running") -> RunProgressed:
    items = {"total": 1000, "succeeded": done, "failed": failed, "running": 0}
    nothing = {"total": 0, "succeeded": 0, "failed": 0, "running": 0}
    tasks = {
        "check": {"status": status, "visits": 1, "items": items},
        "report": {"status": "not_started", "visits": 0, "items": nothing},
    }
    return RunProgressed("id", status, tasks)


def test_a_line_tells_tasks_items_and_failures() -> None:
    """Ended tasks are counted, running ones shown with their items."""
    assert describe(progress(500)) == "running: 0/2 tasks | check 500/1,000"
    assert describe(progress(500, 2)) == "running: 0/2 tasks | check 502/1,000, 2 failed"
    assert describe(progress(1000, status="succeeded")) == "succeeded: 1/2 tasks"


def test_the_line_is_rewritten_and_left_at_the_end() -> None:
    """A shorter line covers a longer one; the same line is not written twice."""
    stream = io.StringIO()
    line = ProgressLine.start(stream)
    for message in (progress(500, 2), progress(500, 2), progress(1000, status="succeeded")):
        line.tell(message)
    line.stop()
    first, second = stream.getvalue().lstrip("\r").split("\r")
    assert first == "running: 0/2 tasks | check 502/1,000, 2 failed"
    assert second == "succeeded: 1/2 tasks".ljust(len(first)) + "\n"


def test_nothing_is_written_when_nothing_was_told() -> None:
    """A run that is refused leaves the terminal alone."""
    stream = io.StringIO()
    ProgressLine.start(stream).stop()
    assert stream.getvalue() == ""
