"""The progress of runs, as supervisors report it."""

from typing import Any

from stretto.actors.runs import RunProgressed

RUN_ID = "01a20b26-99ba-74e3-9f7e-80b1caf7b56d"


def task(
    status: str = "running", done: int = 0, failed: int = 0, total: int | None = 1000, visits: int = 1
) -> dict[str, Any]:
    """Return the report of a task."""
    items = {"total": total, "succeeded": done, "failed": failed, "running": 0}
    return {"status": status, "visits": visits, "items": items}


def progress(status: str = "running", /, **tasks: dict[str, Any]) -> RunProgressed:
    """Return the report of a run."""
    return RunProgressed(RUN_ID, status, tasks)
