"""A run as a plain line."""

from stretto.actors.cli.progress.pace import Stopwatch
from stretto.actors.cli.progress.plain import plain_line
from stretto.actors.runs import RunProgressed
from tests.support.progress import progress, task


def line(told: RunProgressed, seconds: float = 5.0) -> str:
    """Return the line after some seconds in which the items of the report ended."""
    stopwatch = Stopwatch(0.0)
    before = {
        name: {**each, "items": {**each["items"], "succeeded": 0, "failed": 0}} for name, each in told.tasks.items()
    }
    stopwatch.look_at(RunProgressed(told.run_id, told.status, before), 0.0)
    stopwatch.look_at(told, seconds)
    return plain_line(told, stopwatch)


def test_a_line_has_the_run_its_time_and_what_is_in_progress() -> None:
    """With counts, failures, the rate and an estimate; a task without items is named only."""
    told = progress(
        load=task("succeeded", 1, total=1),
        check=task(done=498, failed=2),
        nap=task(total=1),
        report=task("not_started"),
    )
    assert line(told) == (
        "run caf7b56d: running for 5.0 s, 1 of 4 tasks ended; check 500/1,000, 2 failed, 100/s, 5 s left; nap"
    )


def test_a_task_that_waits_says_so() -> None:
    """Also in a run that is not running."""
    assert line(progress("paused", a=task("held", total=1))) == (
        "run caf7b56d: paused for 5.0 s, 0 of 1 task ended; a (held)"
    )


def test_many_tasks_are_counted() -> None:
    """A line stays a line."""
    told = progress(**{f"t{number}": task(total=1) for number in range(30)})
    assert line(told).endswith("; t0; t1; t2; 27 more")


def test_a_name_cannot_command_a_terminal() -> None:
    """Nor break the line, nor make it endless."""
    shown = line(progress(**{"a\n\x1b[2J" + "x" * 500: task(total=1)}))
    assert shown.isprintable()
    assert len(shown) < 150
