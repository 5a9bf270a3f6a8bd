"""What a rerun keeps of the run that it does again, and what it settles items with instead of having them performed.

    old conductor, replayed to its end --> failed tasks --> they and all that follows on them are forgotten
    old completions                    --> Kept: of every other task, how each item ended in the end

The new run takes its way as any other, only that what is kept ends at once. Kept items are to be settled in the order
of their old completions (`Kept.position`), before anything else is performed or ends: so what is published, and which
branch comes first to a join, is as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from stretto.definitions.conductor.commands import StartItem
from stretto.definitions.conductor.conductor import Conductor
from stretto.definitions.conductor.events import ItemCompleted
from stretto.definitions.conductor.visits import ItemId
from stretto.definitions.context import ItemScope
from stretto.definitions.data import Data
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Task, following, reachable_from

KeptScope: TypeAlias = Literal["failed_tasks", "failed_items"]
"""What is performed again: the failed tasks and what follows on them; or of those only the items that failed."""

BEFORE_ALL: Final = -1
"""The position of what was skipped without being performed."""


class NothingToRerun(StrettoError):
    """No task of the run failed that could be performed again."""

    code = "nothing_to_rerun"


class CannotKeep(StrettoError):
    """A task would have to be kept whose items were read from a file: whether it has the same ones nobody knows."""

    code = "cannot_keep"


class Kept:
    """What is kept of an old run."""

    __slots__ = ("_completed", "_items", "_tasks")

    def __init__(
        self,
        tasks: frozenset[str],
        completed: Mapping[ItemId, tuple[int, ItemCompleted]],
        items: Mapping[str, Sequence[Data]],
    ) -> None:
        """Take the tasks that are kept, and how items ended, each with its position among all completions.

        `items` are those of tasks that are kept in part, each of which is kept only if the new run has the same one.
        """
        self._tasks = tasks
        self._completed = completed
        self._items = items

    def keeps(self, task: str) -> bool:
        """Tell whether a task is kept: then its delays need not be waited for."""
        return task in self._tasks

    def position(self, start: StartItem) -> int | None:
        """Return when an item ended among all items of the old run; None if it is not kept, and is to be performed."""
        found = self._found(start)
        return None if found is None else found[0]

    def completion(self, start: StartItem, at: float) -> ItemCompleted | None:
        """Return what an item is settled with instead of being performed; None if it is to be performed.

        It is told of this try, at this time. A failure is not tried again: its tries are over.
        """
        found = self._found(start)
        if found is None:
            return None
        _, old = found
        failure = None if old.failure is None else msgspec.structs.replace(old.failure, retryable=False)
        return msgspec.structs.replace(old, attempt=start.attempt, failure=failure, at=at)

    def _found(self, start: StartItem) -> tuple[int, ItemCompleted] | None:
        found = self._completed.get((start.task, start.visit, start.index))
        return found if found is not None and self._is_the_same(start) else None

    def _is_the_same(self, start: StartItem) -> bool:
        if start.task not in self._items:
            return True
        items, scope = self._items[start.task], start.scope
        return isinstance(scope, ItemScope) and start.index < len(items) and items[start.index] == scope.item


def kept_of(old: Conductor, completions: Iterable[ItemCompleted], scope: KeptScope) -> Kept:
    """Return what a rerun keeps of a run, given its conductor, replayed to its end, and its completions in their order.

    Forgotten are the failed tasks, all that they lead to, and the task that cleans up after a cancel. With the scope
    `failed_items`, also the items that succeeded in the last visit of a failed task are kept, if no failed task leads
    to it. Raises `NothingToRerun`, `CannotKeep`.
    """
    tasks = old.workflow.tasks
    failed = old.failed_tasks()
    if old.status in {"succeeded", "failed"} and not any(old.last_visit(name) for name in failed):
        raise NothingToRerun(
            f"the run {old.status}, and no task of it was performed and failed without being handled: "
            "there is nothing to do again but everything"
        )
    forgotten = reachable_from(tasks, failed)
    kept = frozenset(name for name in tasks if name not in forgotten and name != old.workflow.on_cancel)
    in_part: dict[str, int] = {}
    if scope == "failed_items":
        led_to = reachable_from(tasks, following(tasks, failed))
        visits = {name: old.last_visit(name) for name in failed if name not in led_to}
        in_part = {name: each.visit for name, each in visits.items() if each is not None and each.task.with_items}
    for name in (*sorted(kept), *in_part):
        if reads_a_file(tasks[name]) and old.last_visit(name) is not None:
            what = "its items that succeeded" if name in in_part else "it"
            others = "rerun the failed tasks, or all" if name in in_part else "rerun all"
            raise CannotKeep(f"the task {name!r} reads its items from a file, so that {what} cannot be kept: {others}")
    items = {name: each.items for name in in_part if (each := old.last_visit(name)) is not None}
    return Kept(kept, _completed(old, completions, kept, in_part), items)


def reads_a_file(task: Task) -> bool:
    """Tell whether a task's items are read from a file."""
    return task.with_items is not None and task.with_items.kind != "list"


def _completed(
    old: Conductor, completions: Iterable[ItemCompleted], kept: frozenset[str], in_part: Mapping[str, int]
) -> dict[ItemId, tuple[int, ItemCompleted]]:
    """Return how the items that are kept ended in the end."""
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
            else:
                found.pop(item, None)
    return found
