"""The run's status: how it changes, and what ends with it."""

from typing import Any

from stretto.definitions.conductor.commands import ResumeItems, WithdrawItems
from stretto.definitions.conductor.pausing import is_paused
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.conductor.states import advance
from stretto.definitions.conductor.visit import Arrival, Visit
from stretto.definitions.conductor.window import finish_visit, refill_at_once, write_results


def change_status(state: RunState, event: str) -> None:
    """Take the run to the status that `event` leads to. Raises `IllegalTransition`."""
    before, state.status = state.status, advance(state.status_table, state.status, event)
    if state.status != before:
        state.since = state.at
    state.cancelled = state.cancelled or event == "cancel"


def fail(state: RunState) -> None:
    """Record an unhandled failure; under fail_fast, abort and report unsatisfied joins."""
    state.failed = True
    if state.fail_fast:
        abort(state)
    if state.semantics.fail_fast:
        record_unsatisfied_joins(state)


def abort(state: RunState) -> None:
    """Fail the run: running items finish, nothing new starts."""
    _end_early(state, "abort")


def break_run(state: RunState) -> None:
    """Fail the run because one of its expressions cannot be evaluated."""
    _end_early(state, "break")


def break_off(state: RunState) -> None:
    """Fail the run because an evaluation was stopped: from now on it evaluates nothing."""
    state.broken_off = state.failed = True
    change_status(state, "stop")
    start_nothing_more(state)


def _end_early(state: RunState, event: str) -> None:
    state.failed = True
    before = state.status
    change_status(state, event)
    if before != "failing":
        start_nothing_more(state)


def be_cancelled(state: RunState) -> None:
    """Cancel the run because one of its actions was cancelled."""
    if state.status in {"running", "paused"}:
        change_status(state, "cancel")
        start_nothing_more(state)
    check_joins_on_cancel(state)


def check_joins_on_cancel(state: RunState) -> None:
    """Fail a cancelled run at its end for its unsatisfied joins, if the dialect asks for that."""
    ends = state.status == "cancelling" and not state.active
    if ends and state.semantics.final_failure and record_unsatisfied_joins(state):
        break_run(state)


def start_nothing_more(state: RunState) -> None:
    """Withdraw all that has not started, and let what was paused come to its end."""
    refill_at_once(state)
    _resume_tasks(state)
    if state.semantics.after_the_end == "ignored":
        state.arrivals.waiting.clear()
    for visit in state.active.values():
        visit.release_waiting()
        if visit.streams:
            write_results(state, visit)
        if visit.window:
            if state.status != "failing" or state.semantics.commanded_items == "withdrawn":
                state.commands.append(WithdrawItems(visit.task.name, visit.visit))
        elif visit not in state.ended:
            finish_visit(state, visit)


def _resume_tasks(state: RunState) -> None:
    for visit in state.active.values() if state.task_requests else ():
        if is_paused(state, visit):
            state.commands.append(ResumeItems(visit.name, visit.visit))
    state.task_requests = {}


def record_unsatisfied_joins(state: RunState) -> bool:
    """Record the joins that can no longer be satisfied; return whether there are any."""
    waiting = state.arrivals.waiting
    idle = not state.active and not (waiting and any(each.ready for each in waiting))
    unsatisfied = state.arrivals.unsatisfied(idle=idle)
    for each in unsatisfied:
        place = state.workflow.tasks[each.task].place
        message = f"the join of {each.task!r} was reached but never satisfied: "
        message += f"{', '.join(each.missing)} did not lead to it"
        details = {"route": each.route} if state.semantics.arrivals == "by_route" else {}
        state.errors.of_run("join_unsatisfied", message, place, task=each.task, details=details)
        state.failed = True
    return bool(unsatisfied)


def route_details(state: RunState, at: Visit | Arrival, edge: str = "") -> dict[str, Any]:
    """Return the fields that error records have only in runs with routes."""
    if state.semantics.arrivals != "by_route":
        return {}
    return {"route": at.route, "transition": edge} if edge else {"route": at.route}
