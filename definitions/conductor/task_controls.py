"""Requests to a single task: cancel, pause, resume. They concern its active visits, not those that begin later."""

from typing import Final

from stretto.definitions.conductor.commands import HoldItems, ResumeItems, WithdrawItems
from stretto.definitions.conductor.events import (
    PauseRequested,
    ResumeRequested,
    TaskCancelRequested,
    TaskPauseRequested,
    TaskResumeRequested,
    TaskTimedOut,
)
from stretto.definitions.conductor.item_events import resume_from_below
from stretto.definitions.conductor.outcomes import late_failure
from stretto.definitions.conductor.pausing import is_paused
from stretto.definitions.conductor.requests import check_task
from stretto.definitions.conductor.run_state import Handlers, RunState
from stretto.definitions.conductor.starting import start_held_of
from stretto.definitions.conductor.states import ENDED, IllegalTransition
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.conductor.window import finish_visit, refill_at_once, stop_item, write_results


def pause_task(state: RunState, event: TaskPauseRequested) -> None:
    """Pause a task: running items finish, nothing new starts."""
    visits = _active_visits(state, event.task, "pause")
    if state.status != "running":
        raise IllegalTransition(f"cannot pause a task of a run that is {state.status}")
    for visit in visits:
        state.task_requests = {**state.task_requests, (visit.name, visit.visit): PauseRequested(event.at)}
        if visit.window:
            state.commands.append(HoldItems(visit.name, visit.visit))


def resume_task(state: RunState, event: TaskResumeRequested) -> None:
    """Resume a task that was paused. In a paused run, only the run can be resumed."""
    visits = _active_visits(state, event.task, "resume")
    if state.status == "paused" and not state.paused_from_below:
        raise IllegalTransition(f"cannot resume the task {event.task!r}: its run is paused; resume the run")
    paused = [visit for visit in visits if is_paused(state, visit)]
    for visit in paused:
        key = visit.name, visit.visit
        state.task_requests = {**state.task_requests, key: ResumeRequested(event.at)}
        state.paused_items = frozenset(item for item in state.paused_items if item[:2] != key)
        if visit.window:
            state.commands.append(ResumeItems(visit.name, visit.visit))
    resumes_run = state.paused_from_below and bool(paused)
    if resumes_run:
        resume_from_below(state)
    for visit in paused if not resumes_run else ():
        start_held_of(state, visit)


def cancel_task(state: RunState, event: TaskCancelRequested) -> None:
    """Cancel a task, or one visit of it: its items are stopped, and it ends cancelled."""
    visits = [
        visit
        for visit in _active_visits(state, event.task, "cancel")
        if event.visit is None or visit.visit == event.visit
    ]
    refill_at_once(state)
    for visit in visits:
        visit.was_late = event.visit is not None
        _cancel_visit(state, visit)
    if state.paused_from_below:
        resume_from_below(state)


def time_out_task(state: RunState, event: TaskTimedOut) -> None:
    """Time a visit out that is late: its items are stopped. One that has ended meanwhile stays as it is."""
    visit = state.active.get((event.task, event.visit))
    if visit is None or visit.ending or visit in state.ended or state.status in ENDED:
        return
    if state.status in {"cancelling", "failing"} and all(item.stopping for item in visit.window.values()):
        return  # its items are stopped already. Those that may finish are late, too
    refill_at_once(state)
    visit.is_late = True
    if not visit.window:
        visit.break_off(late_failure(visit))
    _cancel_visit(state, visit)
    if state.paused_from_below:
        resume_from_below(state)


def _cancel_visit(state: RunState, visit: Visit) -> None:
    if is_paused(state, visit):
        state.task_requests = {**state.task_requests, (visit.name, visit.visit): ResumeRequested(state.at)}
    visit.cancel_requested = visit.stopped = True
    visit.release_waiting()
    if visit.streams:
        write_results(state, visit)
    if not visit.window:
        finish_visit(state, visit)
        return
    state.commands.append(WithdrawItems(visit.name, visit.visit))
    for index, item in sorted(visit.window.items()):
        stop_item(state, visit, index, item)


def _active_visits(state: RunState, task: str, verb: str) -> list[Visit]:
    """Return the visits that a request changes. Raises `UnknownTask`, `IllegalTransition`."""
    check_task(state.workflow, task)
    if state.status in ENDED:
        raise IllegalTransition(f"cannot {verb} a task of a run that is {state.status}")
    visits = [visit for visit in state.visits.of(task) if not visit.ending and visit not in state.ended]
    if not visits:
        raise IllegalTransition(f"cannot {verb} the task {task!r}: it is not running")
    return visits


HANDLERS: Final[Handlers] = {
    TaskPauseRequested: pause_task,
    TaskResumeRequested: resume_task,
    TaskCancelRequested: cancel_task,
    TaskTimedOut: time_out_task,
}
