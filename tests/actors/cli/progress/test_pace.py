"""Times, rates and estimates from what was seen of a run."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stretto.actors.cli.progress.pace import LEAST_CHANGES, UNKNOWN_PAST, Past, Stopwatch, past_of
from tests.support.progress import progress, task


def looked(*looks: tuple[float, dict[str, Any]], status: str = "running") -> Stopwatch:
    """Return a stopwatch that has seen the task "a" at some times."""
    stopwatch = Stopwatch(0.0)
    for now, seen in looks:
        stopwatch.look_at(progress(status, a=seen), now)
    return stopwatch


def test_an_ended_tasks_time_stands_still_and_a_new_visit_starts_at_0() -> None:
    """A cycle's next lap is measured by itself."""
    stopwatch = looked((1.0, task()), (3.0, task("failed")), (9.0, task("failed")))
    assert (stopwatch.task_seconds("a"), stopwatch.run_seconds()) == (2.0, 9.0)
    stopwatch.look_at(progress(a=task(visits=2)), 10.0)
    stopwatch.look_at(progress(a=task(visits=2)), 11.0)
    assert stopwatch.task_seconds("a") == 1.0


def test_the_time_passes_without_news() -> None:
    """A rate falls while nothing ends."""
    stopwatch = looked((0.0, task()), (2.0, task(done=100)))
    assert stopwatch.rate("a") == 50.0
    stopwatch.move_to(10.0)
    assert (stopwatch.run_seconds(), stopwatch.task_seconds("a"), stopwatch.rate("a")) == (10.0, 10.0, 10.0)


def test_a_rate_and_an_estimate_are_those_of_the_recent_past() -> None:
    """A fast beginning does not promise a fast end."""
    stopwatch = looked((0.0, task()), *((float(second), task(done=800 + second)) for second in range(1, 40)))
    assert stopwatch.rate("a") == pytest.approx(1.0)
    assert stopwatch.seconds_left("a") == pytest.approx(1000 - 839)


def test_slow_items_have_a_rate_too() -> None:
    """Of their last few ends, however long ago those were."""
    ends = [(60.0 * number, task(done=number, total=100)) for number in range(10)]
    stopwatch = looked(*ends)
    assert stopwatch.rate("a") == pytest.approx(1 / 60)
    assert stopwatch.seconds_left("a") == pytest.approx(91 * 60)
    assert len(ends) > LEAST_CHANGES


def test_too_little_allows_no_rate_and_still_less_an_estimate() -> None:
    """A moment with one end may mean anything."""
    assert looked((0.0, task()), (0.4, task(done=9))).rate("a") is None
    stopwatch = looked((0.0, task()), (1.0, task(done=9)))
    assert (stopwatch.rate("a"), stopwatch.seconds_left("a")) == (9.0, None)
    assert looked((0.0, task()), (9.0, task())).rate("a") is None
    assert Stopwatch(0.0).rate("a") is None


@pytest.mark.parametrize(
    ("seen", "status"),
    [(task(done=500, total=None), "running"), (task("failed", done=500), "running"), (task(done=500), "paused")],
)
def test_what_has_no_end_in_sight_has_no_estimate(seen: dict[str, Any], status: str) -> None:
    """Neither items that are still being read, nor an ended task, nor a paused run."""
    assert looked((0.0, task()), (5.0, seen), status=status).seconds_left("a") is None


def test_items_that_are_tried_again_restart_the_measurement() -> None:
    """Their failures are taken back: fewer have ended than before."""
    stopwatch = looked((0.0, task()), (10.0, task(done=500)), (11.0, task(done=100)), (13.0, task(done=140)))
    assert stopwatch.rate("a") == 20.0


def test_earlier_work_of_a_watched_run_counts_in_no_rate() -> None:
    """But its times are known."""
    stopwatch = Stopwatch(100.0)
    stopwatch.know_past(Past(3600.0, {"a": (1, 60.0, None), "b": (1, 50.0, 20.0)}))
    tasks = {"b": task("succeeded", done=1, total=1), "c": task(done=7)}
    stopwatch.look_at(progress(a=task(done=900), **tasks), 100.0)
    stopwatch.look_at(progress(a=task(done=910), **tasks), 105.0)
    assert stopwatch.run_seconds() == 3605.0
    assert (stopwatch.task_seconds("a"), stopwatch.task_seconds("b")) == (65.0, 30.0)
    assert stopwatch.task_seconds("c") is None, "it began between the report and the first look, or long before"
    assert (stopwatch.rate("a"), stopwatch.seconds_left("a")) == (2.0, 45.0)
    assert stopwatch.rate("b") is None


def test_the_past_of_a_run_is_in_its_report() -> None:
    """Of the last visits of tasks that have started."""
    at = {second: f"2026-11-26T01:30:{second}.000000Z" for second in (10, 20, 30)}
    report = {
        "accepted_at": at[10],
        "tasks": [
            {"task": "a", "visit": 1, "started_at": at[10], "ended_at": at[20]},
            {"task": "a", "visit": 2, "started_at": at[20], "ended_at": None},
            {"task": "b", "visit": 1, "started_at": at[10], "ended_at": at[30]},
            {"task": "c", "visit": 1, "started_at": None, "ended_at": None},
        ],
    }
    past = past_of(report, datetime(2026, 11, 26, 1, 30, 40, tzinfo=UTC))
    assert past == Past(30.0, {"a": (2, 20.0, None), "b": (1, 30.0, 10.0)})


def test_nobody_knows_how_long_a_run_without_a_past_has_taken() -> None:
    """But it has a rate."""
    stopwatch = Stopwatch(0.0)
    stopwatch.know_past(UNKNOWN_PAST)
    stopwatch.look_at(progress(a=task(done=900)), 0.0)
    stopwatch.look_at(progress(a=task(done=910)), 5.0)
    assert (stopwatch.run_seconds(), stopwatch.task_seconds("a"), stopwatch.rate("a")) == (None, None, 2.0)
