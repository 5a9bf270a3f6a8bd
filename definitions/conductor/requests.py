"""Checks of requests to a running task: another concurrency, a skip or a retry of an item.

Each function takes the active visits of a task in the order of their start, and returns those that the request changes.
It raises `IllegalTransition` with the reason if there are none.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from stretto.definitions.conductor.outcomes import failures_as_a_whole
from stretto.definitions.conductor.states import IllegalTransition, UnknownTask
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.errors import names_there, nearest
from stretto.definitions.model import Task, Workflow

MayStart: TypeAlias = Callable[[Visit], bool]
"""Returns whether a visit may still start items, now or when the run is resumed."""


def check_task(workflow: Workflow, name: str) -> None:
    """Raise `UnknownTask`, with the nearest name, if there is no such task."""
    if name not in workflow.tasks:
        hint = nearest(name, workflow.tasks) or names_there(workflow.tasks)
        raise UnknownTask(f"there is no task {name!r} in {workflow.ref}; {hint}")


def visits_to_resize(task: Task, visits: Sequence[Visit], concurrency: int, may_start: MayStart) -> list[Visit]:
    """Return the visits whose window changes."""
    if concurrency < 1:
        raise IllegalTransition(f"concurrency must be at least 1, got {concurrency}")
    if task.with_items is None:
        raise IllegalTransition(f"the task {task.name!r} has no items, so its concurrency cannot be changed")
    found = [visit for visit in visits if visit.opened and may_start(visit)]
    if not found:
        raise IllegalTransition(f"the task {task.name!r} starts no items now: its concurrency cannot be changed")
    return found


def visits_to_limit(task: Task, visits: Sequence[Visit], max_failures: int, may_start: MayStart) -> list[Visit]:
    """Return the visits in which another number of items may fail."""
    if max_failures < 0:
        raise IllegalTransition(f"max_failures must be at least 0, got {max_failures}")
    if task.with_items is None:
        raise IllegalTransition(f"the task {task.name!r} has no items, so its max_failures cannot be changed")
    found = [visit for visit in visits if visit.opened and may_start(visit)]
    if not found:
        raise IllegalTransition(f"the task {task.name!r} starts no items now: its max_failures cannot be changed")
    if found[0].semantics.failed_items == "when_idle":
        raise IllegalTransition("an Orquesta task fails with its first failed item: it has no max_failures")
    found = [visit for visit in found if not visit.stopped]
    if not found:
        raise IllegalTransition(f"so many items of {task.name!r} failed already that the task starts no more of them")
    return found


def visit_to_skip(visits: Iterable[Visit], index: int, may_start: MayStart) -> Visit:
    """Return the first visit that can skip the item."""
    return _first(visits, index, lambda visit: _why_not_skip(visit, index, may_start), "skipped")


def visit_to_retry(visits: Iterable[Visit], index: int, may_start: MayStart) -> Visit:
    """Return the first visit that can retry the item now."""
    return _first(visits, index, lambda visit: _why_not_retry(visit, index, may_start), "retried now")


def _first(visits: Iterable[Visit], index: int, why_not: Callable[[Visit], str], wanted: str) -> Visit:
    problem = "the task is not running"
    for visit in visits:
        problem = _why_no_item(visit, index) or why_not(visit)
        if not problem:
            return visit
    raise IllegalTransition(f"item {index} cannot be {wanted}: {problem}")


def _why_no_item(visit: Visit, index: int) -> str:
    if visit.task.action is None:
        return f"the task {visit.name!r} has no action"
    if not visit.opened:
        return f"the items of {visit.name!r} are unknown until its delay is over"
    if 0 <= index < len(visit.items):
        return ""
    if visit.total is None:
        return f"it has not been read yet: {len(visit.items):,} items of the task {visit.name!r} have"
    if not visit.items:
        return f"the task {visit.name!r} has no items"
    known = f"its items are numbered 0 to {len(visit.items) - 1}" if visit.task.with_items else "its only item is 0"
    return f"the task {visit.name!r} has no such item; {known}"


def _why_not_skip(visit: Visit, index: int, may_start: MayStart) -> str:
    item = visit.window.get(index)
    if item is not None:
        return "it is already being skipped" if item.skipping else ""
    if index in visit.requeued:
        return ""
    if not _is_to_start(visit, index):
        return "it has ended"
    return "" if may_start(visit) and not visit.stopped else "it will not start"


def _why_not_retry(visit: Visit, index: int, may_start: MayStart) -> str:
    if visit.state in {"retrying", "held"}:
        return "" if visit.attempt > 1 else "it has not started"
    item = visit.window.get(index)
    if item is not None:
        return "it is running" if item.state == "running" else ""
    if index in visit.requeued:
        return "it is already queued, and starts when the window has room"
    if _is_to_start(visit, index):
        return "it has not started"
    if all(failed.index != index for failed in visit.failures):
        more = visit.failed > len(visit.failures)
        return f"it is not among the first {len(visit.failures):,} failures" if more else "it has not failed"
    if visit.semantics.retries == "visit":
        return "an Orquesta task is retried as a whole, by its `retry`"
    if visit.stopped and failures_as_a_whole(visit):
        return "a file of the task cannot be read or written, so the task starts no more items"
    if visit.stopped:
        return "more items failed than max_failures allows, so the task starts no more items"
    return "" if may_start(visit) else "the run starts nothing more"


def _is_to_start(visit: Visit, index: int) -> bool:
    return index >= visit.next_index and index not in visit.skipped
