"""The output so far of an item in flight: which item is meant, and what is told of it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from stretto.actors.runners import Running
from stretto.definitions.conductor import StartItem
from stretto.definitions.errors import StrettoError, names_there, nearest
from stretto.definitions.model import Workflow

MAX_INDEXES_TOLD = 10

Item = TypeVar("Item")


class ItemNotInFlight(StrettoError):
    """No such item runs: there is nothing that it writes. The message tells which ones do."""

    code = "item_not_in_flight"


def item_in_flight(items: Mapping[tuple[str, int, int], Item], workflow: Workflow, task: str, index: int) -> Item:
    """Return the item of a task's newest visit, from those in flight by (task, visit, index).

    Raises `ItemNotInFlight`.
    """
    visits = [visit for name, visit, number in items if (name, number) == (task, index)]
    if visits:
        return items[task, max(visits), index]
    if task not in workflow.tasks:
        hint = nearest(task, workflow.tasks) or names_there(workflow.tasks)
        raise ItemNotInFlight(f"the workflow {workflow.ref} has no task {task!r}; {hint}")
    running = sorted({number for name, _, number in items if name == task})
    what = f"item {index} of the task {task!r}" if workflow.tasks[task].with_items else f"the task {task!r}"
    raise ItemNotInFlight(f"{what} is not in flight: it waits to be started, or has ended{_told(running)}")


def has_just_ended() -> ItemNotInFlight:
    """Return the error of an item that has ended since it was looked for."""
    return ItemNotInFlight("the item has just ended: what it wrote is in its result, if its action gives that")


def told_output(start: StartItem, running: Running | None) -> dict[str, Any]:
    """Return {task, visit, index, attempt, stdout, stderr, truncated} of a try, without its run's secrets.

    stdout and stderr are None where there is no output to be read: a function, a sub-workflow, an HTTP request, or a
    process that has not been started yet.
    """
    output = None if running is None else running.output()
    told: dict[str, Any] = {
        "task": start.task,
        "visit": start.visit,
        "index": start.index,
        "attempt": start.attempt,
        "stdout": None,
        "stderr": None,
        "truncated": False,
    }
    if output is not None:
        mask = start.scope.facts.mask
        told["stdout"] = (mask.passage if output.stdout_truncated else mask.beginning)(output.stdout)
        told["stderr"] = (mask.passage if output.stderr_truncated else mask.beginning)(output.stderr)
        told["truncated"] = output.truncated
    return told


def _told(indexes: list[int]) -> str:
    """Return what the message ends with."""
    if not indexes:
        return ""
    more = ", ..." if len(indexes) > MAX_INDEXES_TOLD else ""
    return f"; in flight of this task: {', '.join(map(str, indexes[:MAX_INDEXES_TOLD]))}{more}"
