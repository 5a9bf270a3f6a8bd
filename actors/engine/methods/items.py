"""The items of a run, and why they failed."""

from collections.abc import Sequence
from typing import Any, Literal

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.history import ItemInput, group_errors, list_error_items, reports
from stretto.actors.journal import PAGE


class ItemMethods(EngineActor):
    """The items of a run, and why they failed."""

    def items(  # noqa: PLR0913, PLR0917 - the fields of a query
        self,
        run_id: str,
        task: str | None = None,
        outcome: str | Sequence[str] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
        visit: int | None = None,
        order: Literal["ended", "index"] = "ended",
        min_attempts: int = 1,
    ) -> Deferred:
        """Return a page of the ended attempts of a stored run's items.

        Args:
            run_id: The run.
            task: Only items of this task.
            outcome: Only attempts with this outcome, or with one of these. "failed" is every one but "succeeded".
            cursor: The `next` of the page before.
            limit: The most items to return.
            visit: Only items of this visit of the task.
            order: Whether attempts come in the order of their ends, or of their items.
            min_attempts: Only attempts with this number or a higher one.

        Returns:
            {items: [...], next, untimed}: the next page's cursor or None, and whether old items lack their times.

        Raises:
            UnknownTask, UnknownVisit: There is no such task, or no such visit of it.
            InvalidCursor: No page has this cursor.
        """
        return self._core.store.read(
            reports.list_items, run_id, task=task, outcome=outcome, cursor=cursor, limit=limit, visit=visit,
            order=order, min_attempts=min_attempts,
        )  # fmt: skip

    def item(self, run_id: str, task: str, index: int = 0, visit: int | None = None) -> Deferred:
        """Return a stored run's item: its state, and its last ended attempt with its result, secrets masked.

        It has also all ended `attempts` of the item, and its `neighbours` {previous_failed, next_failed}: the indexes
        of the nearest items of the visit that failed, or None. `state` is one of those that the live events of a run
        have. If no attempt has ended, `outcome` and `at` are None, and `attempt` is the one in flight, or 0.

        Args:
            run_id: The run. If another daemon of the store has it, only items with an ended attempt are known.
            task: The task.
            index: The item's index.
            visit: The visit of the task, or None for the newest one.

        Raises:
            UnknownTask, UnknownVisit: There is no such task, or no such visit of it.
            UnknownItem: The visit has no such item.
        """
        return self._core.items.item(run_id, task, index, visit)

    def item_input(
        self, run_id: str, task: str, index: int = 0, visit: int | None = None, attempt: int | None = None
    ) -> Deferred:
        """Return the input of a stored run's item, rendered again from the snapshot that it was started with.

        A run does not record inputs, so the answer takes a replay, as that of `context` does. Secrets are masked.

        Args:
            run_id: The run.
            task: The task.
            index: The item's index.
            visit: The visit of the task, or None for the newest one.
            attempt: The attempt, or None for the last one that has started.

        Raises:
            UnknownTask, UnknownItem: There is no such task, or no such attempt has started.
            ExpressionError: The input cannot be rendered.
            LimitExceeded: The replay takes longer than 5 seconds, or has more than 1,000,000 entries.
        """
        item = ItemInput(task, index, visit, attempt)
        return self._core.store.item_input(run_id, item, self._core.definitions.catalogue)

    def item_output(self, run_id: str, task: str, index: int = 0, attempt: int | None = None) -> Any:
        """Return what an item in flight has written so far, or its last ended attempt, or `attempt`, secrets masked.

        {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut}, with 64 KiB of each stream or None.

        Raises:
            ItemNotInFlight, UnknownItem: Nothing of the item is kept.
        """
        return self._core.requests.item_output(run_id, task, index, attempt)

    def cells(self, run_id: str, task: str, visit: int | None = None, known: int | None = None) -> Any:
        """Return a map of the items of a stored run's task: a byte for each item.

        The low half of a byte is the item's state: 0 waiting, 1 running, 2 to retry, 3 succeeded, 4 failed, 5 timed
        out, 6 cancelled, 7 abandoned, 8 skipped. The high half is the number of its attempts, at most 15.

        Args:
            run_id: The run.
            task: The task.
            visit: The visit of the task. None is the newest one.
            known: The `last` of an earlier answer.

        Returns:
            {visit, last, cells}. `last` is the number of the run's last entry, `cells` are bytes, or None if `last` is
            the known one.

        Raises:
            UnknownTask: The workflow has no such task.
            UnknownVisit: The task has no such visit.
        """
        return self._core.items.cells(run_id, task, visit, known)

    def errors(self, run_id: str, task: str | None = None) -> Deferred:
        """Return why items of a stored run have not succeeded, in groups of like failures, secrets masked.

        Args:
            run_id: The run.
            task: Only items of this task.

        Returns:
            {groups, others}, the largest group first, each {id, task, kind, message, where, count, first, sample}.
            `message` is without numbers and ids, `sample` is that of `first` {visit, index, attempt, at}. `others` is
            the number of failed items in no group. An item that succeeded in a later attempt has not failed.

        Raises:
            UnknownTask: The workflow has no such task.
        """
        return self._core.store.read(group_errors, run_id, task)

    def error_items(self, run_id: str, group: str) -> Deferred:
        """Return the failed items of a group of failures: {task: ranges [first, last]}, of each task's last visit.

        Args:
            run_id: The run.
            group: The `id` of a group, as `errors` returns it.

        Raises:
            UnknownGroup: No failures of the run are in this group.
        """
        return self._core.store.read(list_error_items, run_id, group)
