"""Counts, rates, times and estimates in words."""

import pytest

from stretto.actors.cli.progress import wording
from stretto.actors.cli.progress.pace import Stopwatch
from tests.support.progress import progress, task


@pytest.mark.parametrize(
    ("rate", "words"),
    [(None, ""), (1234.5, "1,234/s"), (12.3, "12/s"), (3.24, "3.2/s"), (0.2, "12/min"), (0.001, "4/h")],
)
def test_a_rate_has_the_unit_that_suits_it(rate: float | None, words: str) -> None:
    """No rate that is not 0 is shown as 0."""
    assert wording.rate(rate) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (4.04, "4.0 s"), (75.9, "1:15"), (3661, "1:01:01"), (100_000, "1 d 3 h")],
)
def test_a_duration_is_the_coarser_the_longer_it_is(seconds: float | None, words: str) -> None:
    """Days have hours."""
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(None, ""), (0.2, "1 s left"), (42.4, "42 s left"), (75, "1:15 left")])
def test_an_estimate_is_in_whole_seconds(seconds: float | None, words: str) -> None:
    """It is never 0 while something runs."""
    assert wording.time_left(seconds) == words


def test_a_runs_estimate_says_what_it_leaves_out() -> None:
    """It is that of the longest task in progress; what has not started comes on top."""
    stopwatch = Stopwatch(0.0)
    tasks = {"a": task(), "b": task()}
    stopwatch.look_at(progress(**tasks), 0.0)
    tasks = {"a": task(done=500), "b": task(done=100)}
    stopwatch.look_at(progress(**tasks), 10.0)
    assert wording.run_left(tasks, stopwatch) == "1:30 left"
    assert wording.run_left({**tasks, "c": task("not_started")}, stopwatch) == "at least 1:30 left"
    assert wording.run_left({"c": task("not_started")}, stopwatch) == ""


def test_ended_tasks_are_counted() -> None:
    """One is a task, two are tasks."""
    assert wording.tasks_ended({"a": task("failed"), "b": task()}) == "1 of 2 tasks ended"
    assert wording.tasks_ended({"a": task("failed")}) == "1 of 1 task ended"
