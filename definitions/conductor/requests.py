"""What may be asked for while a task goes on: another concurrency, that an item is skipped, or tried now.

Each function looks at the visits of a task that have not ended, in the order of their start, and returns what the
request is about; else it raises `IllegalTransition`, which says why it cannot be.
"""

from collections.abc import Callable, Iterable, Sequence

from stretto.definitions.conductor.fan_out import FanOut
from stretto.definitions.conductor.states import IllegalTransition, UnknownTask
from stretto.definitions.errors import names_there, nearest
from stretto.definitions.model import Task, Workflow

MayStart = Callable[[FanOut], bool]
"""Tells whether a visit may still start items, now or when the run is resumed."""


def task_named(workflow: Workflow, name: str) -> Task:
    """Return a task. Raises `UnknownTask` with the nearest."""
    task = workflow.tasks.get(name)
    if task is None:
        hint = nearest(name, workflow.tasks) or names_there(workflow.tasks)
        raise UnknownTask(f"there is no task {name!r} in {workflow.ref}; {hint}")
    return task


def to_widen(task: Task, visits: Sequence[FanOut], concurrency: int, may_start: MayStart) -> list[FanOut]:
    """Return the visits whose window is to be changed."""
    if concurrency < 1:
        raise IllegalTransition(f"a concurrency is at least 1, not {concurrency}")
    if task.with_items is None:
        raise IllegalTransition(f"the task {task.name!r} has no items, and so no concurrency")
    found = [visit for visit in visits if visit.opened and may_start(visit)]
    if not found:
        raise IllegalTransition(f"the task {task.name!r} starts no items now: its concurrency cannot be changed")
    return found


def to_skip(visits: Iterable[FanOut], index: int, may_start: MayStart) -> FanOut:
    """Return the first visit in which an item can be skipped."""
    return _first(visits, index, lambda visit: _why_not_skip(visit, index, may_start), "skipped")


def to_retry(visits: Iterable[FanOut], index: int, may_start: MayStart) -> FanOut:
    """Return the first visit in which an item can be tried now."""
    return _first(visits, index, lambda visit: _why_not_retry(visit, index, may_start), "tried now")


def _first(visits: Iterable[FanOut], index: int, why_not: Callable[[FanOut], str], wanted: str) -> FanOut:
    problem = "the task does not run"
    for visit in visits:
        problem = _why_no_item(visit, index) or why_not(visit)
        if not problem:
            return visit
    raise IllegalTransition(f"item {index} cannot be {wanted}: {problem}")


def _why_no_item(visit: FanOut, index: int) -> str:
    if visit.task.action is None:
        return f"the task {visit.name!r} performs no action"
    if not visit.opened:
        return f"the items of {visit.name!r} are known when its delay is over"
    if 0 <= index < len(visit.items):
        return ""
    if visit.total is None:
        return f"it has not been read: {len(visit.items):,} items of the task {visit.name!r} have been"
    if not visit.items:
        return f"the task {visit.name!r} has no items"
    known = f"its items are numbered 0 to {len(visit.items) - 1}" if visit.task.with_items else "its only item is 0"
    return f"the task {visit.name!r} has no such item; {known}"


def _why_not_skip(visit: FanOut, index: int, may_start: MayStart) -> str:
    slot = visit.window.get(index)
    if slot is not None:
        return "it is being skipped" if slot.skipping else ""
    if index in visit.again:
        return ""
    if not _is_to_start(visit, index):
        return "it has ended"
    return "" if may_start(visit) and not visit.stopped else "it will not be started any more"


def _why_not_retry(visit: FanOut, index: int, may_start: MayStart) -> str:
    if visit.state in {"retrying", "held"}:
        return "" if visit.attempt > 1 else "it has not been started"
    slot = visit.window.get(index)
    if slot is not None:
        return "it is being performed" if slot.state == "running" else ""
    if index in visit.again:
        return "it will be tried as soon as there is a place in the window"
    if _is_to_start(visit, index):
        return "it has not been started"
    if all(failed.index != index for failed in visit.failures):
        many = visit.failed > len(visit.failures)
        return f"it is none of the first {len(visit.failures):,} to fail" if many else "it has not failed"
    if visit.semantics.retries == "visit":
        return "an Orquesta task is tried again as a whole, by its `retry`"
    if visit.stopped and visit.failures_as_a_whole:
        return "a file of the task cannot be read, or written: the task starts no further item"
    if visit.stopped:
        return "more items have failed than max_failures allows: the task starts no further one"
    return "" if may_start(visit) else "nothing is started any more"


def _is_to_start(visit: FanOut, index: int) -> bool:
    return index >= visit.next_index and index not in visit.skipped
