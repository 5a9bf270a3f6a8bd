"""Whole values of stored runs, however large, secrets masked."""

from typing import Any

from stretto.actors.history.masks import SEALED, mask_of, unless_sealed
from stretto.actors.history.reports import UnknownItem
from stretto.actors.journal import ItemRow, Reader
from stretto.actors.outcome import UnknownRun


def run_inputs(reader: Reader, run_id: str) -> Any:
    """Return the inputs of a run. Raises `UnknownRun`, `StoreUnavailable`."""

    def read() -> Any:
        accepted = reader.accepted(run_id)
        if accepted is None:
            raise UnknownRun(f"there is no run {run_id!r} in the store")
        return mask_of(reader, accepted).data(accepted.parameters)

    inputs = unless_sealed(read)
    return SEALED if inputs is None else inputs


def item_result(  # noqa: PLR0913, PLR0917 - the fields of the request
    reader: Reader, run_id: str, task: str, index: int, visit: int | None = None, attempt: int | None = None
) -> Any:
    """Return the result of an ended attempt of an item.

    Args:
        reader: Reads the store.
        run_id: The run.
        task: The task.
        index: The item's index.
        visit: The visit of the task, or None for the newest one with an ended attempt.
        attempt: The attempt, or None for the last one that has ended.

    Raises:
        UnknownRun, UnknownItem: There is no such run, or no such attempt has ended.
        StoreUnavailable: The store cannot be read now.
    """
    row = _attempt(reader, run_id, task, index, visit, attempt)

    def read() -> tuple[Any]:
        accepted = reader.accepted(run_id)
        entry = dict(reader.completions(run_id, [row.number])).get(row.number)
        if accepted is None or entry is None:
            return (SEALED,)
        return (mask_of(reader, accepted).data(entry.result),)

    found = unless_sealed(read)
    return SEALED if found is None else found[0]


def _attempt(  # noqa: PLR0913, PLR0917 - as above
    reader: Reader, run_id: str, task: str, index: int, visit: int | None, attempt: int | None
) -> ItemRow:
    if reader.run(run_id) is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    row = reader.last_attempt(run_id, task, index, visit)
    if row is not None and attempt is not None and row.attempt != attempt:
        row = next((each for each in reader.attempts(run_id, row) if each.attempt == attempt), None)
    if row is None:
        wanted = "" if attempt is None else f" {attempt}"
        of_visit = "" if visit is None else f" (visit {visit})"
        raise UnknownItem(
            f"no attempt{wanted} of item {index} of the task {task!r}{of_visit} has ended in the run {run_id}"
        )
    return row
