"""Questions about a run: attempts in flight, timers that are set, the progress of tasks."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from stretto.definitions.conductor.commands import Command, StartItem, WaitUntil
from stretto.definitions.conductor.events import DelayElapsed, ItemCompleted, RunTimedOut
from stretto.definitions.conductor.items import ItemAttempt
from stretto.definitions.conductor.pausing import is_paused, paused_visits, runs_code
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.conductor.states import PAUSING
from stretto.definitions.conductor.streamed import StreamedVisit
from stretto.definitions.conductor.visit import Visit, delay_elapsed, retry_due
from stretto.definitions.conductor.visits import Visits
from stretto.definitions.conductor.waits import RunStatus, Wait, WaitInspector
from stretto.definitions.context import Snapshot
from stretto.definitions.model import Share


def starts_outstanding(visits: Visits) -> list[StartItem]:
    """Return the start commands of attempts in flight, ordered by visit, then by item."""
    return [
        visit.start(index, item)
        for visit in visits.active.values()
        for index, item in sorted(visit.window.items())
        if item.state == "running"
    ]


def timers_outstanding(state: RunState) -> list[WaitUntil]:
    """Return the waits of the run, its visits and its items, each with its deadline."""
    of_run = [WaitUntil(state.deadline)] if state.deadline and state.status in {"running", "paused"} else []
    return [*of_run, *_waits_outstanding(state.visits)]


def duration_of(state: RunState, wait: WaitUntil) -> float:
    """Return the seconds from the beginning of an outstanding wait to its end, as they were set."""
    then = wait.then
    if isinstance(then, RunTimedOut):
        return (state.workflow.timeout or 0.0) + state.extension
    visit = next(each for each in state.visits.active.values() if (each.name, each.visit) == (then.task, then.visit))
    since = visit.since if isinstance(then, DelayElapsed) else visit.window[then.index].since
    return then.at - since


def _waits_outstanding(visits: Visits) -> Iterator[WaitUntil]:
    for visit in visits.active.values():
        if visit.state in {"delayed", "retrying"}:
            yield WaitUntil(delay_elapsed(visit))
        for index, item in sorted(visit.window.items()):
            if item.state == "waiting":
                yield WaitUntil(retry_due(visit, index, item))


def streams_outstanding(visits: Visits) -> list[Command]:
    """Return outstanding file commands, except WriteResult."""
    return [
        command for visit in visits.active.values() if isinstance(visit, StreamedVisit) for command in visit.outstanding
    ]


_NO_WINDOW: Final[dict[str, Any]] = {}


def task_reports(state: RunState) -> dict[str, dict[str, Any]]:
    """Return {name: {status, visits, items: {total, succeeded, failed, running}, window}} of every task.

    `total` is None until all items are read. `window` {concurrency, max_failures} is that of a fan-out which may start
    items. Its `max_failures` is the number of items that may fail. With None all items run, and a failure fails the
    task.
    """
    reports = {}
    for name in state.workflow.tasks:  # a comprehension is one more call of each run
        reports[name] = task_report(state, name)
    return reports


def task_report(state: RunState, name: str) -> dict[str, Any]:
    """Return the report of a task from its last visit. See `task_reports`."""
    last = state.visits.last.get(name)
    if last is None:
        items = {"total": 0, "succeeded": 0, "failed": 0, "running": 0}
        return {"status": "not_started", "visits": 0, "items": items}
    window = last.window
    running = sum(item.state == "running" for item in window.values()) if window else 0
    return {
        "status": last.state if not (state.task_requests or last.cancel_requested) else _status_of(state, last),
        "visits": last.visit,
        "items": {
            "total": last.total,
            "succeeded": last.succeeded + len(last.skipped),
            "failed": last.failed,
            "running": running,
        },
        **(_NO_WINDOW if last.task.with_items is None else _window_report(last)),
    }


def _status_of(state: RunState, visit: Visit) -> str:
    """Return the status of a visit. It is `pausing` or `cancelling` until no item of it runs.

    A paused task whose items only wait for people or events is paused. An answer still ends its item.
    """
    if (visit.name, visit.visit) not in state.active:
        return visit.state
    if visit.cancel_requested:
        return "cancelling"
    if not is_paused(state, visit):
        return visit.state
    return PAUSING if runs_code(state, visit) else "paused"


def _window_report(visit: Visit) -> dict[str, Any]:
    if not visit.opened or visit.stopped or visit.state != "running":
        return {}
    limit = visit.max_failures
    allowed = int(limit.of_all * len(visit.items)) if isinstance(limit, Share) else limit
    return {"window": {"concurrency": visit.concurrency, "max_failures": allowed}}


def context_now(state: RunState) -> Snapshot:
    """Return the context that a task would start with now. Where branches have contexts, they are laid together."""
    branches = [*(visit.branch for visit in state.active.values()), *(branch for _number, branch in state.terminal)]
    return state.context.look(state.context.final(branches), 0)


class VisitItems(msgspec.Struct, frozen=True):
    """The items of a visit, as far as no completion says it."""

    visit: int
    items: int
    """The number of items that are known."""
    begun: int
    """Each item with a lower index was started or skipped."""
    running: dict[int, int]
    """The attempt of each item in flight."""
    retrying: dict[int, int]
    """The last attempt of each item that waits for its next one."""
    skipped: frozenset[int]


def visit_items(state: RunState, task: str, number: int | None) -> VisitItems | None:
    """Return the items of a task's visit, or of its last one. None for a visit that has ended or not begun."""
    visit = state.visits.last.get(task) if number is None else state.active.get((task, number))
    if visit is None or (task, visit.visit) not in state.active:
        return None
    window = visit.window.items()
    running = {index: item.attempt for index, item in window if item.state == "running"}
    retrying = {index: item.attempt for index, item in window if item.state not in {"running", "held"}}
    retrying |= {index: failed.attempt for index, failed in visit.requeued.items()}
    known = len(visit.items) if visit.opened else 0
    return VisitItems(visit.visit, known, visit.next_index, running, retrying, frozenset(visit.skipped))


def waits(state: RunState, task: str | None) -> list[Wait]:
    """Return what the run, or one of its tasks, waits for. Raises `UnknownTask`."""
    deadline = state.deadline.at if state.deadline is not None else None
    status = RunStatus(state.status, state.since, state.paused_from_below, deadline)
    awaited = {key: state.made[number].made for key, number in state.awaited.items()}
    inspector = WaitInspector(
        state.workflow, state.visits, state.arrivals, state.paused_items, status,
        paused_visits=paused_visits(state), awaited=awaited,
    )  # fmt: skip
    return inspector.of_run() if task is None else inspector.of_task(task)


def failed_tasks(state: RunState) -> frozenset[str]:
    """Return the tasks because of which the run did not succeed; see `Conductor.failed_tasks`."""
    failed = {name for name, visit in state.visits.last.items() if _has_failed(state, visit)}
    return frozenset(failed | (state.errors.unhandled & state.workflow.tasks.keys()))


def partly_failed_tasks(state: RunState) -> frozenset[str]:
    """Return the tasks that succeeded although items failed; see `Conductor.partly_failed_tasks`."""
    return frozenset(name for name, visit in state.visits.last.items() if visit.state == "succeeded" and visit.failed)


def _has_failed(state: RunState, visit: Visit) -> bool:
    if (visit.name, visit.visit) in state.active or not visit.is_final:
        return True
    stopped_the_run = visit.state == "cancelled" and state.semantics.cancelled_action == "run"
    return stopped_the_run or ("fail" in visit.followed and "fail" not in state.workflow.tasks)


def counts_as(state: RunState, completed: ItemCompleted) -> str:
    """Return the outcome that an item will have when this event is handled."""
    item = _item(state, completed)
    return "skipped" if item is not None and item.skipping else completed.outcome


def may_resume(state: RunState, start: StartItem) -> bool:
    """Return whether recovery may run an attempt again of which no result is known."""
    if state.broken_off or (state.cancelled and state.status != "cleaning"):
        return False
    item = _item(state, start)
    return item is not None and (item.state, item.attempt) == ("running", start.attempt) and not item.stopping


def follows_cancel(state: RunState, start: StartItem) -> bool:
    """Return whether the run is cancelled because the sub-workflow of an attempt is being cancelled."""
    goes_on = state.semantics.cancelled_action == "run" and state.status in {"running", "paused"}
    return goes_on and may_resume(state, start)


def _item(state: RunState, of: ItemCompleted | StartItem) -> ItemAttempt | None:
    visit = state.active.get((of.task, of.visit))
    return visit.window.get(of.index) if visit is not None else None
