"""A visit ends: it is retried as a whole, or its transitions are taken and its outcome changes the run."""

from stretto.definitions.conductor.commands import TaskEnded, TaskStarted
from stretto.definitions.conductor.outcomes import close, count_outcomes, failures_as_a_whole, lateness, record_of
from stretto.definitions.conductor.preparing import prepare
from stretto.definitions.conductor.retrying import visit_wants_retry
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.conductor.starting import start_as_reached, start_delay
from stretto.definitions.conductor.status import (
    be_cancelled,
    break_run,
    check_joins_on_cancel,
    fail,
    route_details,
)
from stretto.definitions.conductor.steps import Steps
from stretto.definitions.conductor.transitions import NONE_FOLLOWED, Followed
from stretto.definitions.conductor.visit import Arrival, Visit
from stretto.definitions.data import Data
from stretto.definitions.errors import ExpressionError, Place
from stretto.definitions.model import COMMANDS, Task


def end_visit(state: RunState, visit: Visit) -> Steps[None]:
    """Settle a visit whose items have ended, and do what follows from it."""
    task = visit.task
    if (task.name, visit.visit) not in state.active:
        return
    outcome = close(visit)
    record = record_of(visit)
    if state.semantics.retries == "visit" and (yield from _retries(state, visit, outcome, record.result)):
        return
    visit.ended_at = state.at
    state.visits.end(visit)
    state.context.record_task(record)
    state.commands.append(
        TaskEnded(
            task.name,
            visit.visit,
            outcome,
            len(visit.items),
            visit.failed,
            max(state.at - visit.started_at, 0.0),
            count_outcomes(visit),
            visit.route,
            record.result,
            visit.attempt,
        )
    )
    _follow(state, visit, outcome, record.result)


# ---- the retry of a whole visit


def _retries(state: RunState, visit: Visit, outcome: str, result: Data) -> Steps[bool]:
    """Retry the whole visit if its `retry` asks for it; return whether the visit has not ended after all."""
    if state.status not in {"running", "paused"} or visit.all_skipped or visit.cancel_requested:
        return False
    try:
        if not visit_wants_retry(visit, outcome, result, state.moment):
            return False
    except ExpressionError as error:
        _break_with(state, visit, error)
        return False
    _record_failures(state, visit, outcome, handled=True)
    visit.start_over()
    visit.change("retry")
    try:  # again, because the values that it reads from other tasks may have changed
        preparation = yield from prepare(visit.task, visit.snapshot, state.moment)
    except ExpressionError as error:
        _break_with(state, visit, error)
        return True
    visit.prepared = preparation.calls
    if visit.retry is not None and visit.retry.delay > 0:
        start_delay(state, visit, visit.retry.delay)
    else:
        state.due += (visit,)
    return True


def _break_with(state: RunState, visit: Visit, error: ExpressionError) -> None:
    state.errors.of_expression(error, visit.name, route_details(state, visit))
    break_run(state)


# ---- what follows


def _follow(state: RunState, visit: Visit, outcome: str, result: Data) -> None:
    """Take the transitions of a visit that has ended, and let its outcome change the run."""
    before = state.status
    succeeded = outcome == "succeeded" and not visit.failures
    if succeeded and before == "running" and not state.transitions.any_of(visit.task):
        visit.is_final = True  # as below: nothing follows
        if state.semantics.output == "entry":
            _keep_terminal_branch(state, visit)
        if state.arrivals.waiting:
            start_as_reached(state)
        return
    followed = _take_transitions(state, visit, outcome, result)
    handled = _judge(visit, followed, outcome, before)
    _record_failures(state, visit, outcome, handled=handled)
    arrived = [state.arrivals.arrive(visit, edge, target, branch) for edge, target, branch in followed.taken]
    _change_run(state, visit, followed, outcome, handled=handled)
    if arrived:
        _run_engine_commands(state, [each for each in arrived if each is not None])
    _keep_terminal_branch(state, visit)
    start_as_reached(state)


def _take_transitions(state: RunState, visit: Visit, outcome: str, result: Data) -> Followed:
    if not state.transitions.any_of(visit.task):
        return NONE_FOLLOWED
    followed = Followed()
    goes_on = state.status in {"running", "paused"}
    if goes_on or (state.semantics.after_the_end == "evaluated" and not state.broken_off):
        followed = state.transitions.follow(visit, outcome, result, state.moment)
    visit.followed = frozenset(followed.matched)
    return followed


def _judge(visit: Visit, followed: Followed, outcome: str, status: str) -> bool:
    """Return whether the outcome is handled: it is a success, or leads to another task."""
    succeeded = outcome in {"succeeded", "skipped"}
    handled = succeeded or any(target != "continue" for _, target, _ in followed.taken)
    # A failure while the run was ending might otherwise have been retried, or handled differently.
    visit.is_final = handled and (status in {"running", "paused"} or (succeeded and not visit.failures))
    return handled


def _record_failures(state: RunState, visit: Visit, outcome: str, *, handled: bool) -> None:
    if not visit.failures and not ((visit.streams or visit.is_late or visit.was_late) and failures_as_a_whole(visit)):
        return
    hint = f"; {lateness(visit)}" if visit.was_late and visit.failures else ""
    if outcome == "timed_out" and not handled and _asks_failed(visit.task):
        hint = "; failed() is false after a timeout: write failed() or timed_out()"
    state.errors.of_task(visit, hint, route_details(state, visit), handled=handled)


def _asks_failed(task: Task) -> bool:
    """Return whether a transition of the task calls `failed()`."""
    return any(
        "failed" in expression.calls
        for transition in task.transitions
        if transition.when is not None
        for expression in transition.when.expressions()
    )


def _change_run(state: RunState, visit: Visit, followed: Followed, outcome: str, *, handled: bool) -> None:
    """Change the run's status if the visit ended in a way that requires it."""
    for error, edge in followed.errors:
        state.errors.of_expression(error, visit.name, route_details(state, visit, edge.id))
    if followed.errors:
        break_run(state)
    elif outcome == "cancelled" and state.semantics.cancelled_action == "run":
        be_cancelled(state)
    elif state.status == "cancelling":
        check_joins_on_cancel(state)
    elif not handled and state.status in {"running", "paused"}:
        fail(state)


def _run_engine_commands(state: RunState, arrived: list[Arrival]) -> None:
    """Run the engine commands, such as `fail`, among the arrivals."""
    if any(each.task == "fail" for each in arrived):
        for arrival in arrived:
            arrival.after_failure = arrival.ready
    for arrival in arrived:
        if arrival.task not in COMMANDS or arrival not in state.arrivals.waiting:
            continue
        state.arrivals.waiting.remove(arrival)
        visit, number = state.visits.number_command(arrival.task)
        state.commands.append(TaskStarted(arrival.task, visit, arrival.route))
        state.end_branch(number, arrival.branch)
        if arrival.task == "fail":
            message = "the command `fail` was reached"
            place = Place(state.workflow.file, 1, 1)
            state.errors.of_run("fail_command", message, place, task="fail", details=route_details(state, arrival))
            if state.status in {"running", "paused"}:
                fail(state)


def _keep_terminal_branch(state: RunState, visit: Visit) -> None:
    """Keep the branch for the run's output if it ends with this visit."""
    reads_branches = state.semantics.output == "entry"
    if reads_branches and (not state.transitions.any_of(visit.task) or _is_over(state)):
        state.end_branch(visit.number, visit.branch)


def _is_over(state: RunState) -> bool:
    """Return whether no task follows, as far as that is known now."""
    if state.status == "failing":
        return True
    if state.active or state.status == "paused":
        return False
    return state.status == "cancelling" or not any(each.ready for each in state.arrivals.waiting)
