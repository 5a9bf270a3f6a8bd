"""The words that the live view and plain lines share: counts, rates, times, estimates."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from stretto.actors.cli.progress.pace import TASK_ENDS, Stopwatch

Tasks: TypeAlias = Mapping[str, Mapping[str, Any]]

SHORT_ID: Final = 8
"""The last digits of an id, by which all commands find the run."""


def tasks_written(tasks: Tasks) -> Tasks:
    """Return the tasks of the definition. Only the names of helper tasks have a dot, such as a parallel task's fork."""
    return {name: task for name, task in tasks.items() if "." not in name}


def has_items(task: Mapping[str, Any]) -> bool:
    """Return whether a task has several items, or has an unknown number of them."""
    total = task["items"]["total"]
    return total is None or total > 1


def counts(task: Mapping[str, Any]) -> str:
    """Return how many items have ended, and of how many if that is known: "512/1,000"."""
    items = task["items"]
    done = items["succeeded"] + items["failed"]
    return f"{done:,}" if items["total"] is None else f"{done:,}/{items['total']:,}"


def failures(task: Mapping[str, Any]) -> str:
    """Return how many items have failed, or an empty text."""
    failed = task["items"]["failed"]
    return f"{failed:,} failed" if failed else ""


def rate(items_a_second: float | None) -> str:
    """Return a rate in the unit that suits it, or an empty text for None: "125/s", "3.2/s", "12/min", "5/h"."""
    if items_a_second is None:
        return ""
    if items_a_second >= 1:
        return f"{items_a_second:,.0f}/s" if items_a_second >= 10 else f"{items_a_second:.1f}/s"
    a_minute = items_a_second * 60
    return f"{a_minute:.0f}/min" if a_minute >= 1 else f"{a_minute * 60:.0f}/h"


def duration(seconds: float | None) -> str:
    """Return a duration, or an empty text for None: "4.2 s", "1:15", "1:01:01", "2 d 3 h"."""
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else _long(seconds)


def time_left(seconds: float | None) -> str:
    """Return an estimate, or an empty text for None: "42 s left", "1:15 left"."""
    if seconds is None:
        return ""
    return f"{max(round(seconds), 1)} s left" if seconds < 60 else f"{_long(seconds)} left"


def run_left(tasks: Tasks, stopwatch: Stopwatch) -> str:
    """Return the estimate of a run, or an empty text: the longest of its tasks in progress.

    "at least" stands before it if there are tasks that no estimate includes.
    """
    estimates = {name: seconds for name in tasks if (seconds := stopwatch.seconds_left(name)) is not None}
    if not estimates:
        return ""
    unfinished = [name for name, task in tasks.items() if task["status"] not in TASK_ENDS]
    is_complete = all(name in estimates for name in unfinished)
    return ("" if is_complete else "at least ") + time_left(max(estimates.values()))


def tasks_ended(tasks: Tasks) -> str:
    """Return how many tasks have ended: "1 of 3 tasks ended"."""
    ended = sum(task["status"] in TASK_ENDS for task in tasks.values())
    return f"{ended:,} of {len(tasks):,} task{'' if len(tasks) == 1 else 's'} ended"


def _long(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
