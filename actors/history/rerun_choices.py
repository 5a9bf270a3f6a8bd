"""A client's choice of what a rerun repeats: a scope, chosen items, or the items of a group of failures."""

import msgspec

from stretto.actors.history.failure_groups import items_of_group
from stretto.actors.journal import GivenItems, Reader, Rerun, RerunScope, check_rerun
from stretto.definitions.conductor import NothingToRerun, chosen_items, ranges_of


class RerunChoice(msgspec.Struct, frozen=True):
    """A client's choice. With `items` or `error_group` the scope is `items`."""

    scope: RerunScope = "everything"
    task: str | None = None
    """With the scope `failed_items`, the only task whose failed items run."""
    items: GivenItems | None = None
    error_group: str | None = None
    """The id of a group of failures, as `group_errors` has it."""

    def __post_init__(self) -> None:
        """Check the fields together. Raises `ValueError`."""
        check_rerun(self.scope, self.task, self.items, self.error_group)

    def without_items(self, run_id: str) -> Rerun:
        """Return what is to be repeated of a run whose items are not known."""
        chooses = self.items is not None or self.error_group is not None
        return Rerun(run_id, "items" if chooses else self.scope, self.task)

    def of(self, run_id: str, reader: Reader) -> Rerun:
        """Return what is to be repeated of a run.

        Raises:
            InvalidItems: The items are no ranges, or there are too many.
            UnknownGroup: The run has no such group.
            NothingToRerun: No failed item of a task's last visit is in the group.
            UnknownRun, StoreUnavailable: As of the store.
        """
        if self.error_group is not None:
            items = _items_of(reader, run_id, self.error_group)
        elif self.items is not None:
            items = chosen_items(self.items)
        else:
            return self.without_items(run_id)
        return Rerun(run_id, "items", next(iter(items)) if len(items) == 1 else None, items)


def _items_of(reader: Reader, run_id: str, group: str) -> dict[str, tuple[tuple[int, int], ...]]:
    found = items_of_group(reader, run_id, group)
    if not found:
        raise NothingToRerun(
            f"nothing to rerun: the run {run_id} has run the tasks of the group {group!r} again, and no item of their "
            "last visits is in it"
        )
    return {task: ranges_of(indexes) for task, indexes in found.items()}
