"""Requests to the run: pause, resume, cancel; another concurrency, a skip or a retry of an item; its limits."""

from functools import partial
from typing import Final

from stretto.definitions.conductor.commands import WaitUntil
from stretto.definitions.conductor.events import (
    CancelRequested,
    ConcurrencyRequested,
    EvaluationStopped,
    ExtensionRequested,
    MaxFailuresRequested,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    RunLate,
    RunTimedOut,
    SkipRequested,
)
from stretto.definitions.conductor.item_events import end_retry_wait
from stretto.definitions.conductor.requests import (
    check_task,
    visit_to_retry,
    visit_to_skip,
    visits_to_limit,
    visits_to_resize,
)
from stretto.definitions.conductor.run_state import Handlers, RunState
from stretto.definitions.conductor.starting import end_delay, start_held
from stretto.definitions.conductor.states import ENDED, IllegalTransition
from stretto.definitions.conductor.status import abort, break_off, change_status, start_nothing_more
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.conductor.window import advance_visit, may_start_later, stop_all_items, stop_item
from stretto.definitions.errors import Place
from stretto.definitions.expressions import stop_reason

MAX_EXTENSION_SECONDS: Final = 10 * 365 * 86_400
"""The longest extension of a run's deadline: ten years."""


def pause(state: RunState, _event: PauseRequested) -> None:
    """Pause the run: running items finish, nothing new starts."""
    change_status(state, "pause")
    state.paused_from_below = False


def resume(state: RunState, _event: ResumeRequested) -> None:
    """Resume the run."""
    resumed = state.status == "paused" or bool(state.task_requests)
    change_status(state, "resume")
    state.task_requests = {}
    state.paused_items = frozenset()  # the request is propagated to the sub-workflows
    state.paused_from_below = False
    if resumed:
        start_held(state)


def cancel(state: RunState, event: CancelRequested) -> None:
    """Cancel the run: nothing new starts, and running items finish or stop as its policy says."""
    already = state.status in {"cancelling", "cleaning"}
    change_status(state, "cancel")
    if already:
        return
    late = state.workflow.deadlines
    if event.late and late is not None:
        message = f"the run took longer than its deadline of {late.seconds or 0:g} s, and was cancelled"
        state.errors.of_run("run_timed_out", message, late.place)
    for visit in state.active.values():
        visit.cancelling = True
    start_nothing_more(state)
    if state.workflow.cancellation_policy == "cancel_running":
        stop_all_items(state)


def extend(state: RunState, event: ExtensionRequested) -> None:
    """Add seconds to the run's deadline."""
    if not 0 < event.seconds <= MAX_EXTENSION_SECONDS:
        raise IllegalTransition(
            f"seconds must be a positive number up to {MAX_EXTENSION_SECONDS:,}, got {event.seconds}"
        )
    if state.deadline is None:
        late = state.workflow.deadlines
        hint = "" if late is None or late.seconds is None else "; its `deadline` cannot be extended"
        raise IllegalTransition(f"the run has no timeout to extend{hint}")
    if state.status not in {"running", "paused"}:
        raise IllegalTransition(f"cannot extend the timeout of a run that is {state.status}")
    state.extension += event.seconds
    state.deadline = RunTimedOut(state.deadline.at + event.seconds)
    state.commands.append(WaitUntil(state.deadline))


def time_out(state: RunState, event: RunTimedOut) -> None:
    """Fail the run at its deadline, and stop its items."""
    if state.status not in {"running", "paused"}:
        return
    if state.deadline is not None and event.at < state.deadline.at:
        return  # the deadline before an extension
    timeout = (state.workflow.timeout or 0) + state.extension
    message = f"the run took longer than {timeout:g} s"
    place = state.workflow.timeout_place or Place(state.workflow.file, 1, 1)
    state.errors.of_run("run_timed_out", message, place)
    abort(state)
    stop_all_items(state)


def fail_late_run(state: RunState, event: RunLate) -> None:  # noqa: ARG001 - as of all handlers
    """Fail a run that is late by its own deadline, and stop its items."""
    late = state.workflow.deadlines
    if late is None or state.status not in {"running", "paused"}:
        return
    message = f"the run took longer than its deadline of {late.seconds or 0:g} s"
    state.errors.of_run("run_timed_out", message, late.place)
    abort(state)
    stop_all_items(state)


def stop_evaluation(state: RunState, event: EvaluationStopped) -> None:
    """Fail the run, and evaluate nothing more of it. A run that was about to begin ends without a task."""
    if state.status in ENDED:
        return
    if not event.begun:
        state.entered = state.begun = True
    state.errors.of_run("limit_exceeded", stop_reason(event.seconds), event.place, expression=event.expression)
    break_off(state)


def set_concurrency(state: RunState, event: ConcurrencyRequested) -> None:
    """Resize the windows of a task's visits."""
    visits = _changeable_visits(state, event.task)
    task = state.workflow.tasks[event.task]
    for visit in visits_to_resize(task, visits, event.concurrency, partial(may_start_later, state)):
        visit.concurrency = event.concurrency
        if visit.state == "running":
            advance_visit(state, visit)


def set_max_failures(state: RunState, event: MaxFailuresRequested) -> None:
    """Let another number of items fail. With more failures already, no further item of a visit starts."""
    visits = _changeable_visits(state, event.task)
    task = state.workflow.tasks[event.task]
    for visit in visits_to_limit(task, visits, event.max_failures, partial(may_start_later, state)):
        visit.max_failures = event.max_failures
        if visit.fails_too_often():
            visit.stopped = True
            visit.fail_requeued()
        if visit.state == "running":
            advance_visit(state, visit)


def skip_item(state: RunState, event: SkipRequested) -> None:
    """Skip an item: stop its attempt, or never start it."""
    visits = _changeable_visits(state, event.task)
    visit = visit_to_skip(visits, event.index, partial(may_start_later, state))
    item = visit.window.get(event.index)
    if item is not None and item.state == "running":
        # If the action runs more than once, the first call to end would count.
        running = visit.window if visit.deciding_index is not None else {event.index: item}
        for index, each in sorted(running.items()):
            state.skipping = each.skipping = True
            stop_item(state, visit, index, each)
        return
    visit.skip_item(event.index)
    if visit.state == "running":
        advance_visit(state, visit)
    elif visit.all_skipped:
        visit.change("release" if visit.state == "held" else "elapse")
        state.ended.append(visit)


def retry_item(state: RunState, event: RetryRequested) -> None:
    """Retry a failed item, or start a retry before its wait is over."""
    visits = _changeable_visits(state, event.task)
    visit = visit_to_retry(visits, event.index, partial(may_start_later, state))
    item = visit.window.get(event.index)
    if visit.state == "retrying":
        end_delay(state, visit)
    elif item is not None:
        end_retry_wait(state, visit, event.index, item)
    elif visit.state == "running":
        visit.requeue(event.index)
        advance_visit(state, visit)


def _changeable_visits(state: RunState, task: str) -> list[Visit]:
    """Return the visits of a task that a request may change. Raises `UnknownTask`, `IllegalTransition`."""
    check_task(state.workflow, task)
    if state.status in ENDED:
        raise IllegalTransition(f"cannot change a task of a run that is {state.status}")
    return [visit for visit in state.visits.of(task) if not visit.ending]


HANDLERS: Final[Handlers] = {
    PauseRequested: pause,
    ResumeRequested: resume,
    CancelRequested: cancel,
    ExtensionRequested: extend,
    RunTimedOut: time_out,
    RunLate: fail_late_run,
    EvaluationStopped: stop_evaluation,
    ConcurrencyRequested: set_concurrency,
    MaxFailuresRequested: set_max_failures,
    SkipRequested: skip_item,
    RetryRequested: retry_item,
}
