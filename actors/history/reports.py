"""Reports of stored runs: plain data for JSON, secrets masked.

Lists read narrow rows, a page at a time. Times are RFC 3339 in UTC. A value that needs a missing key is "(sealed)".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import structs

from stretto.actors.history.cells import find_visit
from stretto.actors.history.choices import checked_outcomes, checked_statuses
from stretto.actors.history.ends import explain_end
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.history.masks import SEALED, entries_of, mask_of, unless_sealed
from stretto.actors.history.plain import (
    audit_as_json,
    entry_as_json,
    failure_as_json,
    item_as_json,
    kept_report,
    quarantine_as_json,
    run_as_json,
    task_as_json,
)
from stretto.actors.history.priorities import checked_priority
from stretto.actors.history.replay import replay
from stretto.actors.history.replayed_tasks import replayed_tasks
from stretto.actors.history.run_ends import cancel_of, deadline_of
from stretto.actors.history.waits import explain_waits, quarantine_wait, quarantined_children
from stretto.actors.journal import (
    MAX_PAGE,
    PAGE,
    AuditPage,
    AuditQuery,
    AuditRing,
    ItemQuery,
    ItemRow,
    Reader,
    RunAccepted,
    RunQuery,
    RunRow,
    TaskRow,
    time_as_json,
)
from stretto.actors.outcome import MOST_AMBIGUOUS, UnknownRun, chosen_run, ends_of_ids, is_abbreviated
from stretto.definitions.conductor import check_task
from stretto.definitions.context import Mask
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Priority, Workflow

MAX_CHILDREN: Final = 100
"""The children of a run that its report names. Lists of runs have all of them, in pages."""
EXPORT_FORMAT: Final = 1
"""The version of the export's format, for its readers."""


class UnknownItem(StrettoError):
    """The task has no such item, or no attempt of it has ended."""

    code = "unknown_item"


def list_runs(  # noqa: PLR0913 - the fields of a query
    reader: Reader,
    *,
    status: str | Sequence[str] | None = None,
    workflow: str | None = None,
    since: float | None = None,
    labels: Mapping[str, str] | None = None,
    search: str | None = None,
    children: Literal["listed", "folded"] = "listed",
    cursor: str | None = None,
    limit: int = PAGE,
    until: float | None = None,
    parent: str | None = None,
    id_prefix: str | None = None,
    by: str | None = None,
    priority: Priority | None = None,
) -> dict[str, Any]:
    """Return a page of runs, the newest first: {runs, next}, with a cursor in `next` if more follow.

    The arguments are those of `Engine.runs`. Raises `InvalidCursor`, `InvalidPriority`, `UnknownStatus`, or
    `StoreUnavailable`.
    """
    query = RunQuery(
        status=checked_statuses(status),
        workflow=workflow, since=since, until=until, labels=dict(labels or {}), search=search, children=children,
        parent=parent, id_prefix=id_prefix, requested_by=by, cursor=cursor, limit=_page(limit),
        priority=None if priority is None else checked_priority(priority),
    )  # fmt: skip
    page = reader.runs(query)
    return {"runs": [run_as_json(row) for row in page.runs], "next": page.next}


def list_audit(
    reader: Reader, *, since: float | None = None, who: str | None = None, cursor: str | None = None, limit: int = PAGE
) -> dict[str, Any]:
    """Return a page of the audit, the newest entry first: {entries, next}, with a cursor in `next` if more follow.

    The arguments are those of `Engine.audit`. Raises `InvalidCursor`, `StoreUnavailable`.
    """
    return _audit_as_json(reader.access.audit(AuditQuery(since=since, who=who, cursor=cursor, limit=_page(limit))))


def audit_of(
    ring: AuditRing, *, since: float | None, who: str | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """Return a page of the audit of an engine without a store, as `list_audit` does. Raises `InvalidCursor`."""
    return _audit_as_json(ring.page(AuditQuery(since=since, who=who, cursor=cursor, limit=_page(limit))))


def _audit_as_json(page: AuditPage) -> dict[str, Any]:
    return {"entries": [audit_as_json(row.entry) for row in page.rows], "next": page.next}


def find_run(reader: Reader, text: str) -> str:
    """Return the id of a run by its id, or by the digits that it begins or ends with.

    Raises `UnknownRun`, `AmbiguousRun`, `StoreUnavailable`.
    """
    if reader.run(text) is not None:
        return text
    found = reader.matching(*ends_of_ids(text), MOST_AMBIGUOUS + 1) if is_abbreviated(text) else []
    return chosen_run(text, found)


def show_run(reader: Reader, run_id: str) -> dict[str, Any]:
    """Return a run as in lists, with its deadline, inputs, output, errors, tasks and the ids of its first children.

    There are MAX_CHILDREN of them at most; `child_count` has the number of all, and lists of runs have them in pages.
    `entries` is the number of its entries.
    `quarantine` is {run, at, reason}, only if the run, or one above it, is quarantined.
    The deadline is None if the run has none, or has ended, or is on its way to its end.
    `cancelled` is {at, by, late} of the request that it be cancelled, or None. With `late`, its deadline has passed.
    Raises `UnknownRun`, `StoreUnavailable`.
    """
    row = row_of(reader, run_id)
    read = _accepted_and_mask(reader, run_id)
    end, quarantine = reader.end(run_id), reader.quarantine(run_id)
    return {
        **run_as_json(row),
        **({} if quarantine is None else {"quarantine": quarantine_as_json(quarantine)}),
        "deadline": time_as_json(None if read is None else deadline_of(reader, row, read[0])),
        "cancelled": cancel_of(reader, row),
        "inputs": SEALED if read is None else read[1].data(read[0].parameters),
        "output": None if end is None else end.output,
        "errors": [] if end is None else end.errors,
        "tasks": [task_as_json(each) for each in reader.tasks(run_id)],
        "children": [child.run_id for child in reader.children(run_id)[:MAX_CHILDREN]],
        "entries": reader.last_entry(run_id) + 1,
    }


def status_of(reader: Reader, run_id: str, *, kept: KeptReports | None = None) -> dict[str, Any]:
    """Return {id, workflow, status, tasks {name: {status, visits, items {total, succeeded, failed, running}}}}.

    A fan-out that may start items also has `window` {concurrency, max_failures}. The tasks of a run in progress are
    those of a replay, which is kept in `kept` until the run has a new entry.
    Raises `UnknownRun`, `StoreUnavailable`.
    """
    row = row_of(reader, run_id)
    tasks = None
    if row.ended_at is None and reader.quarantine(run_id) is None:
        tasks = replayed_tasks(reader, run_id, kept)
    if tasks is None:
        accepted = unless_sealed(lambda: reader.accepted(run_id))
        names = () if accepted is None else accepted.workflow.tasks
        tasks = _tasks_of(reader.tasks(run_id), names)
    return {"id": run_id, "workflow": row.workflow, "status": row.status, "tasks": tasks}


def list_items(  # noqa: PLR0913 - what a page is of
    reader: Reader,
    run_id: str,
    *,
    task: str | None = None,
    outcome: str | Sequence[str] | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
    visit: int | None = None,
    order: Literal["ended", "index"] = "ended",
    min_attempts: int = 1,
) -> dict[str, Any]:
    """Return a page of ended attempts in the order of their end: {items, next, untimed}, a cursor if more follow.

    The arguments are those of `Engine.items`.

    Each is {task, visit, index, attempt, outcome, at, began_at, seconds}, and `error` {kind, message} if it did not
    succeed. The last two are None for an attempt whose action never began, and for one recorded before Stretto recorded
    them; `untimed` says that there may be such. The outcome "failed" selects all that did not succeed.
    Raises `UnknownRun`, `UnknownTask`, `UnknownVisit`, `InvalidCursor`, `StoreUnavailable`.
    """
    row_of(reader, run_id)
    query = ItemQuery(task, checked_outcomes(outcome), cursor, _page(limit), visit, order, min_attempts)
    page = reader.items(run_id, query)
    if task is not None and not page.items:
        find_visit(reader, run_id, task, visit)
    failed = [row for row in page.items if row.outcome != "succeeded"]
    read = _accepted_and_mask(reader, run_id) if failed else None
    errors = _errors(reader, run_id, failed, None if read is None else read[1])
    items = [
        item_as_json(row) | ({"error": errors[row.number]} if errors.get(row.number) else {}) for row in page.items
    ]
    return {"items": items, "next": page.next, "untimed": page.untimed}


def ended_with(reader: Reader, run_id: str, row: ItemRow) -> dict[str, Any]:
    """Return {result, error} of an ended attempt, masked."""
    read = _accepted_and_mask(reader, run_id)
    entry = None if read is None else dict(reader.completions(run_id, [row.number])).get(row.number)
    if read is None or entry is None:
        return {"result": SEALED, "error": None if row.outcome == "succeeded" else SEALED}
    mask = read[1]
    error = None if entry.failure is None else failure_as_json(entry.failure, mask)
    return {"result": mask.data(entry.result), "error": error}


def item_output(reader: Reader, run_id: str, task: str, index: int, attempt: int | None = None) -> dict[str, Any]:
    """Return what the last ended attempt of an item, or an earlier one, has written, masked.

    {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut}. stdout is the text that its function has
    printed and logged. For a process, both streams are those of its result. Both are None if there is neither.
    Raises `UnknownRun`, `UnknownItem`, `StoreUnavailable`.
    """
    row_of(reader, run_id)
    row = reader.last_attempt(run_id, task, index)
    if row is not None and attempt is not None:
        row = next((each for each in reader.attempts(run_id, row) if each.attempt == attempt), None)
    if row is None:
        which = "no attempt" if attempt is None else f"no attempt {attempt}"
        raise UnknownItem(f"{which} of item {index} of the task {task!r} has ended in the run {run_id}")
    item = {**item_as_json(row), **ended_with(reader, run_id, row)}
    kept = unless_sealed(lambda: reader.output(run_id, row))
    if kept is not None:
        read = _accepted_and_mask(reader, run_id)
        return kept_report(kept if read is None else structs.replace(kept, text=read[1].text(kept.text)))
    result = item["result"] if isinstance(item["result"], Mapping) else {}
    stdout, stderr = (result.get(name) if isinstance(result.get(name), str) else None for name in ("stdout", "stderr"))
    if item["result"] == SEALED:
        stdout = SEALED
    names = "task", "visit", "index", "attempt", "outcome"
    return {**{name: item[name] for name in names}, "stdout": stdout, "stderr": stderr, "truncated": False, "cut": 0}


def why(reader: Reader, run_id: str, task: str | None = None) -> list[dict[str, Any]]:
    """Return why a run in progress, or one of its tasks, waits, or how an ended run ended: a list of {kind, text, ...}.

    Raises `UnknownRun`, `UnknownTask`, `StoreUnavailable`, and for a run in progress the error of a missing key.
    """
    row = row_of(reader, run_id)
    if row.ended_at is not None:
        return _explained_end(reader, row, task)
    quarantine = reader.quarantine(run_id)
    if quarantine is not None:  # a replay could crash this process as well
        return [quarantine_wait(quarantine)]
    accepted = reader.accepted(run_id)
    if accepted is None:
        return []
    return [
        *quarantined_children(_quarantined_children(reader, run_id)),
        *explain_waits(replay(reader, accepted)[0], task),
    ]


def _quarantined_children(reader: Reader, run_id: str) -> list[str]:
    quarantined = {each.run_id for each in reader.suspects() if each.quarantined_at is not None}
    if not quarantined:
        return []
    return [child.run_id for child in reader.children(run_id) if child.ended_at is None and child.run_id in quarantined]


def _explained_end(reader: Reader, row: RunRow, task: str | None) -> list[dict[str, Any]]:
    if task is not None:
        accepted = unless_sealed(lambda: reader.accepted(row.id))
        if accepted is not None:
            check_task(accepted.workflow, task)
    end = reader.end(row.id)
    errors = () if end is None else end.errors
    return explain_end(row.status, time_as_json(row.ended_at), errors, task, cancel_of(reader, row))


def show_definition(reader: Reader, run_id: str, now: Callable[[str], str | None] | None = None) -> dict[str, Any]:
    """Return the definition that a run runs with: {ref, file, text, same_as_now}, secrets masked.

    `now` returns the text that a ref has now, or None. `same_as_now` is None where that is not known.
    Raises `UnknownRun`, `StoreUnavailable`, and the error of a missing key.
    """
    accepted = reader.accepted(run_id)
    if accepted is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    text = None if now is None else now(accepted.workflow.ref)
    same = None if text is None else text == accepted.workflow.text
    return {**_definition(accepted.workflow, mask_of(reader, accepted)), "same_as_now": same}


def export_run(reader: Reader, run_id: str) -> dict[str, Any]:
    """Return everything of a run, with all of its `entries`."""
    head, entries = export_parts(reader, run_id)
    return {**head, "entries": list(entries)}


def export_parts(reader: Reader, run_id: str) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return everything of a run, and an iterator over its entries that reads them in chunks.

    Raises `UnknownRun`, `StoreUnavailable`, and the error of a missing key.
    """
    shown = show_run(reader, run_id)
    accepted = reader.accepted(run_id)
    if accepted is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    mask = mask_of(reader, accepted)
    definition = _definition(accepted.workflow, mask)
    children = [child.run_id for child in reader.children(run_id)]
    head = {
        "format": EXPORT_FORMAT, **shown, "children": children, "depth": accepted.depth, "definition": definition,
    }  # fmt: skip
    del head["entries"]  # the export has them all, not their number
    return head, (entry_as_json(number, entry, mask) for number, entry in enumerate(entries_of(reader, run_id)))


def _definition(workflow: Workflow, mask: Mask) -> dict[str, Any]:
    # A run that was given another value has not learned the default of a secret parameter.
    masked = Mask(workflow.secret_defaults, base=mask).text(workflow.text)
    return {"ref": workflow.ref, "file": workflow.file, "text": masked}


def row_of(reader: Reader, run_id: str) -> RunRow:
    """Return the row of a run. Raises `UnknownRun`, `StoreUnavailable`."""
    row = reader.run(run_id)
    if row is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    return row


def _accepted_and_mask(reader: Reader, run_id: str) -> tuple[RunAccepted, Mask] | None:
    """Return the first record of a run and its mask, or None if they need a missing key."""

    def read() -> tuple[RunAccepted, Mask]:
        accepted = reader.accepted(run_id)
        if accepted is None:
            raise UnknownRun(f"there is no run {run_id!r} in the store")
        return accepted, mask_of(reader, accepted)

    return unless_sealed(read)


def _page(limit: int) -> int:
    return min(max(limit, 1), MAX_PAGE)


def _tasks_of(rows: Iterable[TaskRow], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the tasks of a run from the rows of their visits. Tasks of `names` without a row have not started."""
    tasks: dict[str, dict[str, Any]] = {name: _task("not_started", 0, 0, 0, 0) for name in names}
    for row in sorted(rows, key=lambda each: each.visit):
        tasks[row.task] = _task(row.status, row.visit, row.items, row.succeeded, row.failed)
    return tasks


def _task(status: str, visits: int, total: int, succeeded: int, failed: int) -> dict[str, Any]:
    items = {"total": total, "succeeded": succeeded, "failed": failed, "running": 0}
    return {"status": status, "visits": visits, "items": items}


def _errors(
    reader: Reader, run_id: str, failed: Sequence[ItemRow], mask: Mask | None
) -> dict[int, dict[str, str] | None]:
    """Return the errors of ended attempts by the numbers of their entries. Those that need a missing key are sealed."""
    errors: dict[int, dict[str, str] | None] = {row.number: {"kind": SEALED, "message": SEALED} for row in failed}
    if mask is not None:
        for number, entry in reader.completions(run_id, list(errors)):
            failure = entry.failure
            errors[number] = None if failure is None else {"kind": failure.kind, "message": mask.text(failure.message)}
    return errors
