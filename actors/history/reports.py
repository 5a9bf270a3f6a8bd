"""What is told of stored runs: plain data, as JSON has it, without secrets.

Lists read narrow rows, a page at a time. Times are RFC 3339 in UTC. What a store gives in clear is masked by the
secrets of its run; what cannot be read without the store's key says so in its place.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from stretto.actors.history.masks import SEALED, entries_of, mask_of, unless_sealed
from stretto.actors.history.plain import entry_told, failure_told, item_told, run_told, task_told
from stretto.actors.history.replay import replay
from stretto.actors.history.waits import reasons_of
from stretto.actors.journal import MAX_PAGE, PAGE, ItemQuery, ItemRow, Reader, RunAccepted, RunRow, TaskRow
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import IllegalTransition, ItemCompleted
from stretto.definitions.context import Mask
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Workflow

EXPORT_FORMAT: Final = 1
"""Counts the changes of what an export is made of that its readers have to know."""


class UnknownItem(StrettoError):
    """No such item of the run has ended."""

    code = "unknown_item"


def list_runs(
    reader: Reader,
    *,
    status: str | None = None,
    workflow: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return {runs, next}: some runs as `plain.run_told` tells them, the newest first; a cursor, if more follow.

    Raises `InvalidCursor`, `StoreUnavailable`.
    """
    page = reader.runs(status=status, workflow=workflow, cursor=cursor, limit=_page(limit))
    return {"runs": [run_told(row) for row in page.runs], "next": page.next}


def show_run(reader: Reader, run_id: str) -> dict[str, Any]:
    """Return a run as lists tell it, with inputs, output, errors, tasks (as `plain.task_told`) and children's ids.

    Raises `UnknownRun`, `StoreUnavailable`.
    """
    row = _row(reader, run_id)
    read = _accepted_and_mask(reader, run_id)
    end = reader.end(run_id)
    return {
        **run_told(row),
        "inputs": SEALED if read is None else read[1].data(read[0].parameters),
        "output": None if end is None else end.output,
        "errors": [] if end is None else end.errors,
        "tasks": [task_told(each) for each in reader.tasks(run_id)],
        "children": [child.run_id for child in reader.children(run_id)],
    }


def status_of(reader: Reader, run_id: str) -> dict[str, Any]:
    """Return {id, workflow, status, tasks {name: {status, visits, items {total, succeeded, failed, running}}}}.

    Raises `UnknownRun`, `StoreUnavailable`.
    """
    row = _row(reader, run_id)
    accepted = unless_sealed(lambda: reader.accepted(run_id))
    tasks = None
    if accepted is not None and row.ended_at is None:
        replayed = unless_sealed(lambda: replay(reader, accepted))
        tasks = None if replayed is None else replayed[0].tasks()
    if tasks is None:
        names = () if accepted is None else accepted.workflow.tasks
        tasks = _tasks_of(reader.tasks(run_id), names)
    return {"id": run_id, "workflow": row.workflow, "status": row.status, "tasks": tasks}


def list_items(  # noqa: PLR0913 - what a page is of
    reader: Reader,
    run_id: str,
    *,
    task: str | None = None,
    outcome: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return {items, next}: some ended tries of items, in the order of their end; a cursor, if more follow.

    Each is {task, visit, index, attempt, outcome, at}; those that did not succeed have `error` {kind, message}, too.
    `outcome` "failed" means all but succeeded ones. Raises `UnknownRun`, `InvalidCursor`, `StoreUnavailable`.
    """
    _row(reader, run_id)
    page = reader.items(run_id, ItemQuery(task, outcome, cursor, _page(limit)))
    failed = [row for row in page.items if row.outcome != "succeeded"]
    read = _accepted_and_mask(reader, run_id) if failed else None
    errors = {row.number: _error(reader, run_id, row, None if read is None else read[1]) for row in failed}
    items = [item_told(row) | ({"error": errors[row.number]} if errors.get(row.number) else {}) for row in page.items]
    return {"items": items, "next": page.next}


def show_item(reader: Reader, run_id: str, task: str, index: int, visit: int | None = None) -> dict[str, Any]:
    """Return the last ended try of an item as lists tell it, with `result`, and all of `error` if it failed.

    It is of the task's newest visit that has one, unless `visit` says otherwise.
    Raises `UnknownRun`, `UnknownItem`, `StoreUnavailable`.
    """
    _row(reader, run_id)
    tries = [row for row in _tries(reader, run_id, task) if row.index == index and visit in {None, row.visit}]
    if not tries:
        of_visit = "" if visit is None else f" (visit {visit})"
        raise UnknownItem(f"no try of item {index} of the task {task!r}{of_visit} has ended in the run {run_id}")
    row = max(tries, key=lambda each: (each.visit, each.number))
    read = _accepted_and_mask(reader, run_id)
    entry = None if read is None else _completion(reader, run_id, row)
    if read is None or entry is None:
        return {**item_told(row), "result": SEALED, "error": None if row.outcome == "succeeded" else SEALED}
    mask = read[1]
    error = None if entry.failure is None else failure_told(entry.failure, mask)
    return {**item_told(row), "result": mask.data(entry.result), "error": error}


def why(reader: Reader, run_id: str, task: str | None = None) -> list[dict[str, Any]]:
    """Return what a run in progress, or one of its tasks, waits for as its record has it: {kind, text, ...} each.

    Raises `UnknownRun`, `IllegalTransition` if it has ended, `UnknownTask`, `StoreUnavailable`, and what is raised
    where the store's key is missing.
    """
    row = _row(reader, run_id)
    if row.ended_at is not None:
        raise IllegalTransition(f"the run {run_id} has ended ({row.status}): it waits for nothing")
    accepted = reader.accepted(run_id)
    return [] if accepted is None else reasons_of(replay(reader, accepted)[0], task)


def export_run(reader: Reader, run_id: str) -> dict[str, Any]:
    """Return everything of a run: what `export_parts` yields, as one object with all its `entries`."""
    head, entries = export_parts(reader, run_id)
    return {**head, "entries": list(entries)}


def export_parts(reader: Reader, run_id: str) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return everything of a run but its entries, and those in their order, read as they are asked for.

    Raises `UnknownRun`, `StoreUnavailable`, and what is raised where the store's key is missing.
    """
    shown = show_run(reader, run_id)
    accepted = reader.accepted(run_id)
    if accepted is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    mask = mask_of(reader, accepted)
    definition = _definition(accepted.workflow, mask)
    head = {"format": EXPORT_FORMAT, **shown, "depth": accepted.depth, "definition": definition}
    return head, (entry_told(number, entry, mask) for number, entry in enumerate(entries_of(reader, run_id)))


def _definition(workflow: Workflow, mask: Mask) -> dict[str, Any]:
    # A secret parameter may have a default.
    return {"ref": workflow.ref, "file": workflow.file, "text": mask.text(workflow.text)}


def _row(reader: Reader, run_id: str) -> RunRow:
    row = reader.run(run_id)
    if row is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    return row


def _accepted_and_mask(reader: Reader, run_id: str) -> tuple[RunAccepted, Mask] | None:
    """Return how a run was accepted, and its mask; None if that cannot be read without the store's key."""

    def read() -> tuple[RunAccepted, Mask]:
        accepted = reader.accepted(run_id)
        if accepted is None:
            raise UnknownRun(f"there is no run {run_id!r} in the store any more")
        return accepted, mask_of(reader, accepted)

    return unless_sealed(read)


def _page(limit: int) -> int:
    return min(max(limit, 1), MAX_PAGE)


def _tasks_of(rows: Iterable[TaskRow], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the tasks of a run by the rows of their visits; those of `names` without one have not been started."""
    tasks: dict[str, dict[str, Any]] = {name: _task("not_started", 0, 0, 0, 0) for name in names}
    for row in sorted(rows, key=lambda each: each.visit):
        tasks[row.task] = _task(row.status, row.visit, row.items, row.succeeded, row.failed)
    return tasks


def _task(status: str, visits: int, total: int, succeeded: int, failed: int) -> dict[str, Any]:
    items = {"total": total, "succeeded": succeeded, "failed": failed, "running": 0}
    return {"status": status, "visits": visits, "items": items}


def _tries(reader: Reader, run_id: str, task: str) -> Iterator[ItemRow]:
    cursor: str | None = None
    while True:
        page = reader.items(run_id, ItemQuery(task=task, cursor=cursor, limit=MAX_PAGE))
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def _completion(reader: Reader, run_id: str, row: ItemRow) -> ItemCompleted | None:
    """Return the entry of an ended try; None if it cannot be read without the store's key."""
    entries = unless_sealed(lambda: reader.entries(run_id, row.number, 1))
    entry = entries[0] if entries else None
    return entry if isinstance(entry, ItemCompleted) else None


def _error(reader: Reader, run_id: str, row: ItemRow, mask: Mask | None) -> dict[str, str] | None:
    entry = None if mask is None else _completion(reader, run_id, row)
    if mask is None or entry is None:
        return {"kind": SEALED, "message": SEALED}
    if entry.failure is None:
        return None
    return {"kind": entry.failure.kind, "message": mask.text(entry.failure.message)}
