"""The output of items: of one in flight so far, and of one that has ended."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from stretto.actors.history import kept_report
from stretto.actors.journal import KeptOutput
from stretto.actors.runners import PrintedText, Running
from stretto.actors.runs.messages import OutputWatcher, ReportItemOutput
from stretto.definitions.conductor import Conductor, StartItem
from stretto.definitions.errors import StrettoError, names_there, nearest
from stretto.definitions.model import Workflow

MAX_INDEXES_SHOWN = 10

Item = TypeVar("Item")
OutputWatchers: TypeAlias = dict[str, Callable[[], object]]
"""The watchers of an attempt, by their key."""


class ItemNotInFlight(StrettoError):
    """The item does not run, so it writes no output. The message lists the items that run."""

    code = "item_not_in_flight"


def find_item_in_flight(items: Mapping[tuple[str, int, int], Item], workflow: Workflow, task: str, index: int) -> Item:
    """Return the item of a task's newest visit.

    Args:
        items: The items in flight by (task, visit, index).
        workflow: The run's workflow.
        task: The task's name.
        index: The item's index.

    Raises:
        ItemNotInFlight: No such item is in flight.
    """
    visits = [visit for name, visit, number in items if (name, number) == (task, index)]
    if visits:
        return items[task, max(visits), index]
    if task not in workflow.tasks:
        hint = nearest(task, workflow.tasks) or names_there(workflow.tasks)
        raise ItemNotInFlight(f"the workflow {workflow.ref} has no task {task!r}; {hint}")
    running = sorted({number for name, _, number in items if name == task})
    what = f"item {index} of the task {task!r}" if workflow.tasks[task].with_items else f"the task {task!r}"
    raise ItemNotInFlight(f"{what} is not in flight: it waits to start, or has ended{_listed(running)}")


def check_attempt(conductor: Conductor | None, message: ReportItemOutput) -> None:
    """Check that the attempt that is asked for is the one in flight.

    Raises:
        ItemNotInFlight: It is another one.
    """
    if message.attempt is None:
        return
    items = None if conductor is None else conductor.visit_items(message.task)
    running = None if items is None else items.running.get(message.index)
    if running != message.attempt:
        also = "" if running is None else f"; attempt {running} is"
        raise ItemNotInFlight(
            f"attempt {message.attempt} of item {message.index} of the task {message.task!r} is not in flight{also}"
        )


def item_just_ended_error() -> ItemNotInFlight:
    """Return the error for an item that has ended since it was found."""
    return ItemNotInFlight("the item has just ended: its output is in its result, if its action returns it")


def output_report(start: StartItem, running: Running | None) -> dict[str, Any]:
    """Return {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut} of an attempt in flight, masked.

    stdout and stderr are None where there is no output to read: for a function that has printed nothing, a
    sub-workflow, an HTTP request, or a process that has not started yet. Prints and log records of a function are its
    stdout.
    """
    if running is not None and running.printed:
        return kept_report(kept_output(start, None, running.printed))
    output = None if running is None else running.output()
    report: dict[str, Any] = {
        "task": start.task,
        "visit": start.visit,
        "index": start.index,
        "attempt": start.attempt,
        "outcome": None,
        "stdout": None,
        "stderr": None,
        "truncated": False,
        "cut": 0,
    }
    if output is not None:
        mask = start.scope.facts.mask
        report["stdout"] = (mask.passage if output.stdout_truncated else mask.beginning)(output.stdout)
        report["stderr"] = (mask.passage if output.stderr_truncated else mask.beginning)(output.stderr)
        report["truncated"] = output.truncated
    return report


def watch_output(watchers: OutputWatchers | None, watcher: OutputWatcher, running: Running | None) -> OutputWatchers:
    """Call a watcher once at the next output of an attempt. Return those who watch the attempt, with this one."""
    if running is not None:
        running.watch(watcher.call)
    return {**(watchers or {}), watcher.key: watcher.call}


def end_watching(watchers: OutputWatchers | None) -> None:
    """Call those who watch an attempt that has ended, behind the report to its supervisor."""
    for call in () if watchers is None else watchers.values():
        call()


def kept_output(start: StartItem, outcome: str | None, printed: Sequence[PrintedText]) -> KeptOutput:
    """Return the text of an attempt, masked. The outcome of one in flight is None.

    Args:
        start: The attempt's start.
        outcome: How it ended.
        printed: Its text.
    """
    text, cut = printed[0].newest()
    mask = start.scope.facts.mask
    if mask:
        # A secret of which only a part is there must not be shown.
        beginning = mask.passage if cut else mask.beginning
        text = beginning(text) if outcome is None or cut else mask.text(text)
    return KeptOutput(start.task, start.visit, start.index, start.attempt, outcome, text, len(text.encode()), cut)


def _listed(indexes: list[int]) -> str:
    if not indexes:
        return ""
    more = ", ..." if len(indexes) > MAX_INDEXES_SHOWN else ""
    return f"; in flight of this task: {', '.join(map(str, indexes[:MAX_INDEXES_SHOWN]))}{more}"
