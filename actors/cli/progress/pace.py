"""Times, rates and estimates of a run's tasks, from what has been seen of them: `RunProgressed` has no times.

A rate is that of the recent past, and an estimate follows from it. Work done before the first look counts in neither.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from stretto.actors.runs import RunProgressed

TASK_ENDS: Final = frozenset({"succeeded", "failed", "timed_out", "cancelled", "skipped"})
"""The statuses of tasks that have ended."""
WINDOW_SECONDS: Final = 10.0
"""The recent past: rates are those of this time,"""
LEAST_CHANGES: Final = 5
"""but of as many changes at least. Slow items would have a rate of 0 most of the time."""
RATE_SECONDS: Final = 0.5
"""The shortest time over which a rate means anything."""
ESTIMATE_SECONDS: Final = 2.0
"""The shortest time over which a rate allows an estimate."""


@dataclass(frozen=True, slots=True)
class Past:
    """The known times of a run that was in progress before the first look.

    Attributes:
        seconds: The time since it was accepted, or None if that is not known.
        tasks: {name: (visit, seconds since its start, seconds since its end or None)} of the last visits.
    """

    seconds: float | None
    tasks: Mapping[str, tuple[int, float, float | None]]


UNKNOWN_PAST: Final = Past(None, {})
"""The past of a run that a daemon without a store has in progress."""


def past_of(run: Mapping[str, Any], now: datetime) -> Past:
    """Return the past of a run from its report, as `Engine.run` returns it."""

    def ago(moment: str) -> float:
        return max((now - datetime.fromisoformat(moment)).total_seconds(), 0.0)

    return Past(
        ago(run["accepted_at"]),
        {
            row["task"]: (row["visit"], ago(row["started_at"]), ago(row["ended_at"]) if row["ended_at"] else None)
            for row in run["tasks"]
            if row["started_at"]
        },
    )


@dataclass(slots=True)
class _Visit:
    """One visit of a task, as far as it was seen. `began` is None if it had begun before the first look."""

    number: int
    began: float | None
    ended: float | None
    changes: deque[tuple[float, int]] = field(default_factory=deque)
    """When the number of ended items changed, and to what; first of all, when it was first seen."""

    def add(self, now: float, done: int) -> None:
        if not self.changes or done < self.changes[-1][1]:  # a retry takes failed items back
            self.changes.clear()
        elif done == self.changes[-1][1]:
            return
        self.changes.append((now, done))
        while len(self.changes) > LEAST_CHANGES and self.changes[1][0] <= now - WINDOW_SECONDS:
            self.changes.popleft()


class Stopwatch:
    """Measures a run and the visits of its tasks."""

    def __init__(self, now: float) -> None:
        """Measure a run that begins now, on a monotonic clock. `know_past` is for any other."""
        self._began: float | None = now
        self._now = now
        self._past: Past | None = None
        self._visits: dict[str, _Visit] = {}
        self._counts: dict[str, tuple[int, int | None]] = {}
        self._status = ""

    def know_past(self, past: Past) -> None:
        """Take over the times of a run that was in progress before. Its earlier work counts in no rate."""
        self._began = None if past.seconds is None else self._now - past.seconds
        self._past = past

    def move_to(self, now: float) -> None:
        """Let the time pass."""
        self._now = now

    def look_at(self, progress: RunProgressed, now: float) -> None:
        """Take note of a run's state."""
        is_first = not self._counts
        self._now = now
        self._status = progress.status
        for name, task in progress.tasks.items():
            if task["status"] == "not_started":
                continue
            items = task["items"]
            done = items["succeeded"] + items["failed"]
            visit = self._visits.get(name)
            if visit is None or visit.number != task["visits"]:
                visit = self._visits[name] = self._first_sight(name, task["visits"], is_first=is_first)
            visit.add(now, done)
            if visit.ended is None and task["status"] in TASK_ENDS:
                visit.ended = now
            self._counts[name] = done, items["total"]

    def run_seconds(self) -> float | None:
        """Return how long the run has taken so far, or None if its begin is not known."""
        return None if self._began is None else self._now - self._began

    def task_seconds(self, name: str) -> float | None:
        """Return how long the last visit of a task has taken so far, or None if it began before the first look."""
        visit = self._visits.get(name)
        if visit is None or visit.began is None:
            return None
        return (self._now if visit.ended is None else visit.ended) - visit.began

    def rate(self, name: str) -> float | None:
        """Return a task's recent rate of items a second, or None if too little has been seen."""
        return self._rate_over(name, RATE_SECONDS)

    def seconds_left(self, name: str) -> float | None:
        """Return when a task's items may have ended, in seconds from now, or None if too little has been seen.

        Only a task in progress of a running run has an estimate.
        """
        done, total = self._counts.get(name, (0, None))
        rate = self._rate_over(name, ESTIMATE_SECONDS)
        if rate is None or total is None or self._visits[name].ended is not None or self._status != "running":
            return None
        return (total - done) / rate

    def _first_sight(self, name: str, number: int, *, is_first: bool) -> _Visit:
        if not is_first or self._past is None:
            return _Visit(number, self._now, None)
        known, began, ended = self._past.tasks.get(name, (0, 0.0, None))
        if known != number:
            return _Visit(number, None, None)
        return _Visit(number, self._now - began, None if ended is None else self._now - ended)

    def _rate_over(self, name: str, least_seconds: float) -> float | None:
        visit = self._visits.get(name)
        if visit is None:
            return None
        began, done = visit.changes[0]
        seconds = (self._now if visit.ended is None else visit.ended) - began
        more = visit.changes[-1][1] - done
        return more / seconds if more and seconds >= least_seconds else None
