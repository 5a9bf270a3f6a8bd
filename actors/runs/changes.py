"""The changes of a run since a follower's last question, made from the conductor's state when it asks."""

from collections.abc import Mapping
from typing import Any, Final

from stretto.actors.runs.change_messages import ErrorGroup, ItemChanges, ItemCounts, RunChanges
from stretto.actors.runs.error_groups import ErrorGroups
from stretto.actors.runs.item_states import changed_between, ranges_of, states_of
from stretto.definitions.conductor import Conductor, Visit

MAX_CHANGES: Final = 2000
"""Changed items of one task that are reported as ranges. Of more, all states are."""


class ChangeTracker:
    """Knows what one follower of one run has been sent, and reports the difference."""

    __slots__ = ("_errors", "_items", "_number", "_run_id", "_settled", "_tasks")

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._forget()

    def _forget(self) -> None:
        self._number: int | None = None
        self._tasks: dict[str, dict[str, Any]] = {}
        self._items: dict[str, tuple[int, bytes | None]] = {}
        self._errors: dict[str, ErrorGroups] = {}
        self._settled: dict[str, int] = {}
        """The visit of each task that had ended at the last report, so that it cannot change. 0 is before the first."""

    @property
    def number(self) -> int | None:
        """The entry of the last report, or None before the first."""
        return self._number

    def report(
        self,
        conductor: Conductor,
        status: str,
        number: int,
        since: int | None,
        reports: Mapping[str, dict[str, Any]] | None = None,
    ) -> RunChanges:
        """Return what has changed since the last report, or everything if `since` is not its entry.

        Args:
            conductor: The run's conductor.
            status: The run's status.
            number: The run's last entry.
            since: The entry that the follower knows, or None if it knows nothing.
            reports: Those of all tasks, if they are made anyway.
        """
        if since is None or since != self._number:
            since = None
            self._forget()
        tasks: dict[str, dict[str, Any]] = {}
        items: dict[str, ItemChanges] = {}
        errors: list[ErrorGroup] = []
        visits, known = conductor.last_visits, self._tasks
        active = {(visit.name, visit.visit) for visit in conductor.active_visits()}
        for name in conductor.workflow.tasks:
            visit = visits.get(name)
            if self._settled.get(name) == (0 if visit is None else visit.visit):
                continue
            report = reports[name] if reports is not None else conductor.task(name)
            if report != known.get(name):
                tasks[name] = known[name] = report
            if visit is None:
                self._settled[name] = 0
                continue
            if visit.task.with_items is not None and (changed := self._changed_items(visit)) is not None:
                items[name] = changed
            if visit.failures or name in self._errors:
                errors += self._errors.setdefault(name, ErrorGroups()).changed(visit, conductor.mask)
            if (name, visit.visit) not in active:
                self._settled[name] = visit.visit
        self._number = number
        workflow = conductor.workflow.ref
        return RunChanges(self._run_id, workflow, number, since, status, tasks, items, tuple(errors))

    def _changed_items(self, visit: Visit) -> ItemChanges | None:
        known_visit, known = self._items.get(visit.name, (0, b""))
        states = states_of(visit)
        if known_visit == visit.visit and states == known:
            return None
        self._items[visit.name] = visit.visit, states
        by_entries = visit.attempt == 1 and not visit.stopped
        if states is None:
            return ItemChanges(visit.visit, None, None, by_entries=by_entries)
        if known_visit != visit.visit or known is None:
            known = b""
        changed = changed_between(known, states, MAX_CHANGES)
        if changed is None:
            return ItemChanges(visit.visit, None, states, by_entries=by_entries)
        return ItemChanges(visit.visit, ranges_of(states, changed), None, by_entries=by_entries)


def count_items(tasks: dict[str, dict[str, Any]]) -> ItemCounts:
    """Return the items of all tasks by their state."""
    counts = [task["items"] for task in tasks.values()]
    return ItemCounts(
        *(sum(each[name] or 0 for each in counts) for name in ("total", "succeeded", "failed", "running"))
    )
