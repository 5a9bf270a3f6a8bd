"""The plan of a rerun: which results of the old run it reuses, and which items run again.

    old conductor, replayed to its end --> failed tasks --> these tasks and all that follow them run again
                                       --> tasks with failed items that `max_failures` allows, likewise
    chosen items                       --> their tasks, likewise
    old completions                    --> ReusePlan: the final completion of each item of the other tasks

The new run is an ordinary run, but its reused items end at once. They must be settled in the order of their old
completions (`ReusePlan.position`), before anything runs: then publications and the order of arrivals at joins are as in
the old run.
"""

from collections.abc import Container, Iterable, Mapping, Sequence, Sized
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from stretto.definitions.conductor.chosen import ChosenItems, check_within, indexes_of
from stretto.definitions.conductor.commands import StartItem
from stretto.definitions.conductor.conductor import Conductor
from stretto.definitions.conductor.events import ItemCompleted
from stretto.definitions.conductor.requests import check_task
from stretto.definitions.conductor.visits import ItemId
from stretto.definitions.context import ItemScope
from stretto.definitions.data import Data
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Task, Workflow, following, reachable_from

ReuseScope: TypeAlias = Literal["failed_tasks", "failed_items", "items"]
"""The scope of a rerun.

- `failed_tasks`: the failed tasks and all that follow them
- `failed_items`: the failed items, also those that `max_failures` allows, and all that follows their tasks
- `items`: chosen items, and all that follows their tasks
"""
_ENDED_ALONE: Final = frozenset({"failed", "timed_out"})
"""The outcomes of failures that a rerun of other items takes over. Cancelled and abandoned items have not ended."""

BEFORE_ALL: Final = -1
"""The position of items that were skipped and never ran."""


class NothingToRerun(StrettoError):
    """No task of the run failed, no item of the task that the rerun is narrowed to, or no item is chosen."""

    code = "nothing_to_rerun"


class CannotKeep(StrettoError):
    """A task's results cannot be reused: its items came from a file, it would end the rerun, or it made an inquiry."""

    code = "cannot_keep"


class OldVisit(Protocol):
    """The last visit of a task in an old run."""

    @property
    def visit(self) -> int:
        """Its number."""

    @property
    def items(self) -> Sized:
        """Its items."""


class OldRun(Protocol):
    """A run that has ended: its conductor, or a report that says the same."""

    @property
    def workflow(self) -> Workflow:
        """The definition that it ran with."""

    @property
    def status(self) -> str:
        """How it ended."""

    def failed_tasks(self) -> frozenset[str]:
        """Return the tasks because of which it did not succeed."""

    def partly_failed_tasks(self) -> frozenset[str]:
        """Return the tasks whose last visit succeeded although items failed."""

    def last_visit(self, task: str) -> OldVisit | None:
        """Return the last visit of a task."""


class RerunTasks(msgspec.Struct, frozen=True):
    """The part of each task of an old run that a rerun repeats. All other tasks run again as a whole.

    Attributes:
        kept: The tasks that are reused as a whole.
        in_part: The last visit of each task of which only some items run again.
        chosen: The indexes of the chosen items, by task.
    """

    kept: frozenset[str]
    in_part: dict[str, int]
    chosen: dict[str, frozenset[int]]


class ReusePlan:
    """The results of an old run that a rerun reuses."""

    __slots__ = ("_completed", "_items", "_tasks")

    def __init__(
        self,
        tasks: frozenset[str],
        completed: Mapping[ItemId, tuple[int, ItemCompleted]],
        items: Mapping[str, Sequence[Data]],
    ) -> None:
        """Take the reused tasks, and the completion of each reused item with its position among all completions.

        `items` are the old items of tasks that are reused in part. Such an item is reused only if the new run has the
        same item.
        """
        self._tasks = tasks
        self._completed = completed
        self._items = items

    def keeps(self, task: str) -> bool:
        """Return whether all of a task is reused. Its delays are skipped."""
        return task in self._tasks

    def reused_of(self, task: str) -> int:
        """Return the number of a task's items that are reused."""
        return sum(item[0] == task for item in self._completed)

    def position(self, start: StartItem) -> int | None:
        """Return the position of an item's old completion, or None if the item runs again."""
        found = self._found(start)
        return None if found is None else found[0]

    def completion(self, start: StartItem, at: float) -> ItemCompleted | None:
        """Return the completion of a reused item, or None if the item runs again.

        It has this attempt's number and time, and has not begun in this run. A failure is not retryable: the old run
        has used its attempts.
        """
        found = self._found(start)
        if found is None:
            return None
        _, old = found
        failure = None if old.failure is None else msgspec.structs.replace(old.failure, retryable=False)
        return msgspec.structs.replace(old, attempt=start.attempt, failure=failure, at=at, began_at=None, seconds=None)

    def _found(self, start: StartItem) -> tuple[int, ItemCompleted] | None:
        found = self._completed.get((start.task, start.visit, start.index))
        return found if found is not None and self._is_the_same(start) else None

    def _is_the_same(self, start: StartItem) -> bool:
        if start.task not in self._items:
            return True
        items, scope = self._items[start.task], start.scope
        return isinstance(scope, ItemScope) and start.index < len(items) and items[start.index] == scope.item


def plan_reuse(
    old: Conductor,
    completions: Iterable[ItemCompleted],
    scope: ReuseScope,
    task: str | None = None,
    chosen: ChosenItems | None = None,
) -> ReusePlan:
    """Return the plan of a rerun.

    Failed tasks, all tasks that they lead to, and the `on_cancel` task run again. With the scope `failed_items`, so do
    tasks that succeeded with failed items. Items that succeeded in the last visit of these tasks are then reused,
    unless one of these tasks leads to theirs.

    With the scope `items`, the tasks of the chosen items take the place of the failed ones. All their other items are
    reused, also those that failed, except for cancelled, abandoned and unstarted ones.

    Args:
        old: The old run's conductor, replayed to its end.
        completions: The old run's completions, in order.
        scope: Whether failed tasks run again as a whole, or only failed or chosen items.
        task: With `failed_items`, the only task whose failed items run again, or None for all tasks.
        chosen: With `items`, the items.

    Raises:
        UnknownTask: The workflow has no such task.
        NothingToRerun: No task failed, or no item of `task`, or no item is chosen.
        InvalidItems: A task has not had so many items.
        CannotKeep: A task's items came from a file, or it failed the run and is not `task`: its results cannot be
            reused.
    """
    found = tasks_of_rerun(old, scope, task, chosen)
    items = {name: each.items for name in found.in_part if (each := old.last_visit(name)) is not None}
    if scope == "items":
        chosen_of = {(name, visit): found.chosen[name] for name, visit in found.in_part.items()}
        return ReusePlan(found.kept, _completed_unless_chosen(old, completions, found.kept, chosen_of), items)
    return ReusePlan(found.kept, _completed(old, completions, found.kept, found.in_part), items)


def tasks_of_rerun(
    old: OldRun, scope: ReuseScope, task: str | None = None, chosen: ChosenItems | None = None
) -> RerunTasks:
    """Return what a rerun does with each task. See `plan_reuse`, also for errors."""
    tasks = old.workflow.tasks
    indexes = _chosen(old, chosen or {}) if scope == "items" else {}
    first = frozenset(indexes) if scope == "items" else _failed(old, scope, task)
    again = reachable_from(tasks, first)
    kept = frozenset(name for name in tasks if name not in again and name != old.workflow.on_cancel)
    in_part: dict[str, int] = {}
    if scope != "failed_tasks":
        led_to = reachable_from(tasks, following(tasks, first))
        visits = {name: old.last_visit(name) for name in first if name not in led_to}
        in_part = {name: each.visit for name, each in visits.items() if each is not None and tasks[name].with_items}
    for name in sorted(kept):
        _check_source(old, name, "its results")
    _check_inquiries(old, again, kept)
    for name in in_part:
        _check_source(old, name, "the results of its succeeded items", "the failed tasks as a whole, or the whole run")
    return RerunTasks(kept, in_part, indexes)


def _failed(old: OldRun, scope: ReuseScope, task: str | None) -> frozenset[str]:
    """Return the tasks that failed, or the one that is asked for. Raises as `_narrowed` does."""
    failed = old.failed_tasks()
    if scope == "failed_items":
        failed |= old.partly_failed_tasks() - {old.workflow.on_cancel}
    if task is not None:
        return _narrowed(old, failed, task)
    if old.status in {"succeeded", "failed"} and not any(old.last_visit(name) for name in failed):
        what = "task or item" if scope == "failed_items" else "task"
        raise NothingToRerun(f"nothing to rerun: no {what} failed. Rerun the whole run instead")
    return failed


def _chosen(old: OldRun, chosen: ChosenItems) -> dict[str, frozenset[int]]:
    """Return the indexes that run again by task. Raises as `plan_reuse` does."""
    if not chosen:
        raise NothingToRerun("nothing to rerun: no item is chosen")
    found: dict[str, frozenset[int]] = {}
    for task, ranges in chosen.items():
        check_task(old.workflow, task)
        visit = old.last_visit(task)
        if visit is None or task == old.workflow.on_cancel:
            when = "has not started" if visit is None else "starts only when the run is cancelled"
            raise NothingToRerun(f"nothing to rerun: the task {task!r} {when}")
        _check_source(old, task, "the results of its other items")
        check_within(task, ranges, len(visit.items) if old.workflow.tasks[task].with_items else 1)
        found[task] = indexes_of(ranges)
    _check_others(old, frozenset(found), "Choose items of it, too")
    return found


def _narrowed(old: OldRun, failed: frozenset[str], task: str) -> frozenset[str]:
    """Return the one task whose failed items run again. Raises `UnknownTask`, `NothingToRerun` and `CannotKeep`."""
    check_task(old.workflow, task)
    if task not in failed or old.last_visit(task) is None:
        others = ", ".join(sorted(name for name in failed if old.last_visit(name) is not None))
        instead = f"; items failed in {others}" if others else ""
        raise NothingToRerun(f"nothing to rerun: no item of the task {task!r} failed{instead}")
    _check_others(old, frozenset({task}), "Rerun the failed items of all tasks, without --task")
    return frozenset({task})


def _check_others(old: OldRun, again: frozenset[str], remedy: str) -> None:
    """Raise `CannotKeep` if a task failed the run that does not run again with these."""
    others_failed = sorted(old.failed_tasks() - reachable_from(old.workflow.tasks, again))
    if others_failed:
        raise CannotKeep(
            f"the task {others_failed[0]!r} did not succeed either, so the rerun would end as before. {remedy}"
        )


def _check_source(old: OldRun, name: str, what: str, others: str = "the whole run") -> None:
    """Raise `CannotKeep` if a task that has started reads its items from a file."""
    if reads_a_file(old.workflow.tasks[name]) and old.last_visit(name) is not None:
        raise CannotKeep(f"the task {name!r} reads its items from a file, so {what} cannot be reused. Rerun {others}")


def _check_inquiries(old: OldRun, again: Iterable[str], kept: frozenset[str]) -> None:
    """Raise `CannotKeep` if a task that runs again waits for an inquiry that a reused task may have made."""
    tasks = old.workflow.tasks
    for name in sorted(each for each in again if tasks[each].inquiry is not None):
        if any(name in reachable_from(tasks, [each]) for each in kept if old.last_visit(each) is not None):
            raise CannotKeep(
                f"the task {name!r} waits for an inquiry that an action of the old run has made, and the new run has "
                "none. Rerun the whole run"
            )


def reads_a_file(task: Task) -> bool:
    """Return whether a task reads its items from a file."""
    return task.with_items is not None and task.with_items.kind != "list"


def _completed(
    old: Conductor,
    completions: Iterable[ItemCompleted],
    kept: frozenset[str],
    in_part: Mapping[str, int],
    taken_over: Container[str] = (),
) -> dict[ItemId, tuple[int, ItemCompleted]]:
    """Return the final completion of each reused item, with its position.

    Args:
        old: The old run's conductor.
        completions: The old run's completions, in order.
        kept: The tasks that are reused as a whole.
        in_part: The visit of each task that is reused in part.
        taken_over: The outcomes of failures that are reused in these.
    """
    skipped = {item for item in old.skipped_items() if item[0] in kept or in_part.get(item[0]) == item[1]}
    found = {item: (BEFORE_ALL, ItemCompleted(*item, 1, "skipped", None, None, 0.0)) for item in skipped}
    for position, completed in enumerate(completions):
        item = completed.task, completed.visit, completed.index
        if item in skipped:
            found[item] = position, found[item][1]
        elif completed.task in kept:
            found[item] = position, completed
        elif in_part.get(completed.task) == completed.visit:
            if completed.failure is None:
                found[item] = position, completed
            elif completed.outcome in taken_over:
                found[item] = position, msgspec.structs.replace(completed, taken_over=True)
            else:
                found.pop(item, None)
    return found


def _completed_unless_chosen(
    old: Conductor,
    completions: Iterable[ItemCompleted],
    kept: frozenset[str],
    chosen: Mapping[tuple[str, int], frozenset[int]],
) -> dict[ItemId, tuple[int, ItemCompleted]]:
    """Return the final completion of each reused item, with its position. `chosen` items of visits are not reused."""
    visits = dict(chosen.keys())
    found = _completed(old, completions, kept, visits, _ENDED_ALONE)
    for (task, visit), indexes in chosen.items():
        for index in indexes:
            found.pop((task, visit, index), None)
    return found
