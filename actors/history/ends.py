"""Explanations for people of how and where a run ended."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stretto.actors.history.error_text import error_lines, tolerated_lines


def explain_end(
    status: str,
    at: str | None,
    errors: Sequence[Mapping[str, Any]],
    task: str | None = None,
    cancelled: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return how a run ended.

    Args:
        status: The run's final status.
        at: When it ended, as RFC 3339 in UTC, or None if that is not known.
        errors: The run's error records.
        task: The only task to explain, or None for all of them.
        cancelled: {at, by, late} of the request that cancelled the run, or None.

    Returns:
        A list of {kind, text, ...}: `ended` with the status and the time, then `error` for each error. Errors that
        the run handled are left out if others failed it. `ended` of a cancelled run has `cancelled`, if that is known.
    """
    text = f"the run {_ended(status)}{_canceller(cancelled)}" + (f" at {at}" if at else "")
    ended: dict[str, Any] = {"kind": "ended", "text": text, "status": status}
    if at is not None:
        ended["since"] = at
    if cancelled is not None:
        ended["cancelled"] = cancelled
    concerned = [error for error in errors if task is None or error.get("task") == task]
    unhandled = [error for error in concerned if not error.get("handled")]
    lines = tolerated_lines(concerned) if status == "succeeded" else error_lines(unhandled or concerned)
    return [ended, *({"kind": "error", "text": line.strip()} for line in lines)]


def explain_end_of_tasks(
    status: str, tasks: Mapping[str, Mapping[str, Any]], names: Iterable[str]
) -> list[dict[str, Any]]:
    """Return how a run ended of which only the tasks' ends are known, as `explain_end` does."""
    failed = [(name, tasks[name]) for name in names if tasks[name]["status"] in {"failed", "timed_out"}]
    texts = [
        f"the task {name!r} {task['status'].replace('_', ' ')}: {_items(task['items']['failed'])} failed"
        for name, task in failed
    ]
    return [*explain_end(status, None, ()), *({"kind": "error", "text": text} for text in texts)]


def _ended(status: str) -> str:
    return "was cancelled" if status == "cancelled" else status


def _canceller(cancelled: Mapping[str, Any] | None) -> str:
    if cancelled is None:
        return ""
    who = "its deadline" if cancelled["late"] else cancelled["by"]
    return f" by {who}" if who else ""


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count:,} items"
