"""The timeline of a run: when its tasks ran, and when the items of fan-outs ended, counted in buckets of time."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final

from stretto.actors.history.masks import unless_sealed
from stretto.actors.journal import Reader, TaskRow, time_as_json
from stretto.actors.outcome import UnknownRun
from stretto.definitions.model import Workflow

MAX_BUCKETS: Final = 120
"""Buckets of a timeline."""
LEAST_BUCKETS: Final = 20
"""Buckets of a timeline with many fan-outs."""
MAX_ENDS: Final = 6_000
"""Buckets of all fan-outs of a timeline together."""
MAX_VISITS: Final = 200
"""Visits of tasks in a timeline: the last ones."""
_STEPS: Final = (1.0, 2.0, 5.0)
_LEAST_EXPONENT: Final = -3


def show_timeline(reader: Reader, run_id: str, *, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """Return the timeline of a run: {began_at, ended_at, seconds, bucket_seconds, visits, left_out}.

    Args:
        reader: Reads the store.
        run_id: The run.
        clock: Returns the time, in seconds since the epoch. The timeline of a run in progress ends there.

    Returns:
        `seconds` is the length of the timeline. Each visit is {task, visit, status, started_at, ended_at, items, ends},
        in the order of the starts. `items` is None until its end. `ends` of a fan-out are {bucket, succeeded, failed}:
        how many attempts of items ended in the bucket with this number. `left_out` is the number of earlier visits.

    Raises:
        UnknownRun: There is no such run.
        StoreUnavailable: The store cannot be read now.
    """
    row = reader.run(run_id)
    if row is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    began, ended = row.accepted_at, clock() if row.ended_at is None else row.ended_at
    length = max(ended - began, 0.0)
    visits = reader.tasks(run_id)
    shown = visits[-MAX_VISITS:]
    accepted = unless_sealed(lambda: reader.accepted(run_id))
    fans_out: frozenset[str] = frozenset() if accepted is None else _fan_outs(accepted.workflow)
    fan_outs = {(visit.task, visit.visit) for visit in shown if visit.items > 1 or visit.task in fans_out}
    width = bucket_width(length, max(min(MAX_BUCKETS, MAX_ENDS // max(len(fan_outs), 1)), LEAST_BUCKETS))
    ends: dict[tuple[str, int], list[dict[str, int]]] = defaultdict(list)
    tasks = sorted({task for task, _visit in fan_outs})
    for end in reader.item_ends(run_id, tasks, began, width) if tasks else ():
        if end.bucket * width <= length and (end.task, end.visit) in fan_outs:  # the run may have gone on since
            found = {"bucket": end.bucket, "succeeded": end.succeeded, "failed": end.failed}
            ends[end.task, end.visit].append(found)
    return {
        "began_at": time_as_json(began),
        "ended_at": time_as_json(row.ended_at),
        "seconds": length,
        "bucket_seconds": width,
        "visits": [_visit(visit, ends.get((visit.task, visit.visit), [])) for visit in shown],
        "left_out": len(visits) - len(shown),
    }


def _fan_outs(workflow: Workflow) -> frozenset[str]:
    """Return the tasks with items. A visit in progress has no number of items in the store."""
    return frozenset(name for name, task in workflow.tasks.items() if task.with_items is not None)


def bucket_width(seconds: float, most: int = MAX_BUCKETS) -> float:
    """Return the width of buckets for a length, so that there are at most so many: 1, 2 or 5 of a power of ten."""
    return next(width for width in _widths() if width * most > seconds)


def _widths() -> Iterator[float]:
    exponent = _LEAST_EXPONENT
    while True:
        for step in _STEPS:
            yield step * 10.0**exponent
        exponent += 1


def _visit(visit: TaskRow, ends: list[dict[str, int]]) -> dict[str, Any]:
    return {
        "task": visit.task,
        "visit": visit.visit,
        "status": visit.status,
        "started_at": time_as_json(visit.started_at),
        "ended_at": time_as_json(visit.ended_at),
        "items": None if visit.ended_at is None else visit.items,
        "ends": ends,
    }
