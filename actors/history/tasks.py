"""The tasks of a run: their state now, as its supervisor or the store knows it, and the times of their visits."""

from collections.abc import Iterable
from typing import Any

from stretto.actors.history.cells import UnknownVisit
from stretto.actors.history.reports import status_of
from stretto.actors.journal import Reader, TaskRow, time_as_json
from stretto.definitions.conductor import UnknownTask
from stretto.definitions.errors import names_there, nearest


def list_tasks(reader: Reader, run_id: str, status: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the tasks of a run in the order of its definition, each with its newest visit.

    Args:
        reader: Reads the store.
        run_id: The run.
        status: The run's status, as `Engine.status` returns it. None takes that of the store.

    Returns:
        {task, status, visit, visits, started_at, ended_at, items {total, succeeded, failed, running}} of each. `visit`
        and the times are None for a task that has not started. A fan-out that may start items also has `window`
        {concurrency, max_failures}.

    Raises:
        UnknownRun: There is no such run.
        StoreUnavailable: The store cannot be read now.
    """
    status = status_of(reader, run_id) if status is None else status
    return tasks_of(status, reader.tasks(run_id))


def show_task(
    reader: Reader, run_id: str, task: str, visit: int | None = None, status: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a task of a run as `list_tasks` does, with its newest visit or another one.

    Raises:
        UnknownRun, UnknownTask, UnknownVisit: There is none such.
        StoreUnavailable: The store cannot be read now.
    """
    status = status_of(reader, run_id) if status is None else status
    return task_of(status, task, visit, reader.tasks(run_id))


def tasks_of(status: dict[str, Any], rows: Iterable[TaskRow] = ()) -> list[dict[str, Any]]:
    """Return the tasks of a run's status, with the times that rows of their visits have."""
    newest = {row.task: row for row in sorted(rows, key=lambda each: each.visit)}
    return [_newest(name, report, newest.get(name)) for name, report in status["tasks"].items()]


def task_of(
    status: dict[str, Any], task: str, visit: int | None = None, rows: Iterable[TaskRow] = ()
) -> dict[str, Any]:  # fmt: skip
    """Return one task of a run's status. Raises `UnknownTask`, `UnknownVisit`."""
    report = status["tasks"].get(task)
    if report is None:
        hint = nearest(task, status["tasks"]) or names_there(status["tasks"])
        raise UnknownTask(f"there is no task {task!r} in {status['workflow']}; {hint}")
    of_task = {row.visit: row for row in rows if row.task == task}
    if visit is None or visit == report["visits"]:
        return _newest(task, report, of_task.get(report["visits"]))
    row = of_task.get(visit)
    if row is None:
        raise UnknownVisit(f"the task {task!r} has no visit {visit}; it has {report['visits']}")
    items = {"total": row.items, "succeeded": row.succeeded, "failed": row.failed, "running": 0}
    return _visit(task, {"status": row.status, "visits": report["visits"], "items": items}, visit, row)


def _newest(name: str, report: dict[str, Any], row: TaskRow | None) -> dict[str, Any]:
    # A row may be of the visit before: the supervisor knows of the next one earlier.
    known = row if row is not None and row.visit == report["visits"] else None
    return _visit(name, report, report["visits"] or None, known)


def _visit(name: str, report: dict[str, Any], visit: int | None, row: TaskRow | None) -> dict[str, Any]:
    return {
        "task": name, "status": report["status"], "visit": visit, "visits": report["visits"],
        "started_at": time_as_json(None if row is None else row.started_at),
        "ended_at": time_as_json(None if row is None else row.ended_at),
        "items": report["items"],
        **({"window": report["window"]} if "window" in report else {}),
    }  # fmt: skip
