"""A run's turns: how it begins, what follows from an event until nothing more does, and how it ends."""

from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.commands import FinishRun, WaitUntil
from stretto.definitions.conductor.ending import end_visit
from stretto.definitions.conductor.events import RunTimedOut
from stretto.definitions.conductor.item_events import pause_from_below
from stretto.definitions.conductor.output import render_output
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.conductor.starting import start_as_reached, start_task, start_together
from stretto.definitions.conductor.states import ENDED
from stretto.definitions.conductor.status import abort, break_run, change_status, record_unsatisfied_joins
from stretto.definitions.conductor.steps import Steps
from stretto.definitions.conductor.visit import Arrival
from stretto.definitions.conductor.window import refill_in_portions
from stretto.definitions.data import EMPTY_LIST, FrozenDict
from stretto.definitions.errors import ExpressionError

MAX_INSTANT_TASKS = 10_000
"""Tasks that may end in one turn. A run with more is in an endless cycle of tasks that run no action."""


def enter_run(state: RunState) -> None:
    """Evaluate inputs and variables, and set the run's deadline."""
    state.entered = True
    if state.workflow.timeout is not None:
        state.deadline = RunTimedOut(state.at + state.workflow.timeout)
        state.commands.append(WaitUntil(state.deadline))
    if not state.workflow.inputs and not state.workflow.variables:
        state.arrivals.begin(state.initial.as_first())
        return
    branch, broken = _first_branch(state)
    if broken:
        break_run(state)
    else:
        state.arrivals.begin(branch)


def _first_branch(state: RunState) -> tuple[Branch, bool]:
    """Return the branch that the run begins with, and whether an expression of it is broken."""
    branch, broken = state.initial, False
    computed = frozenset(each.name for each in state.workflow.parameters.values() if each.secret and each.computed)
    for entries, secret in ((state.workflow.inputs, computed), (state.workflow.variables, frozenset[str]())):
        publication = state.context.publication(branch, 0)
        for entry in entries:
            if entry.value is None:
                continue
            try:
                value = entry.value.evaluate(publication.scope(), state.moment)
                if entry.name in secret:
                    state.mask.see((value,))
                publication.publish(entry.name, value)
            except ExpressionError as error:
                state.errors.of_expression(error)
                broken = True
                if state.semantics.broken_expression == "stops":
                    break
        branch = publication.branch()
    return branch.as_first(), broken


def complete_turn(state: RunState) -> Steps[None]:
    """Do everything that follows from the event: start tasks, settle visits, end the run."""
    if state.visits.refilling:
        yield from refill_in_portions(state)
    if state.begun and (state.ended or state.due or state.arrivals.waiting):
        yield from _settle(state)
    if state.paused_items or state.task_requests:
        pause_from_below(state)
    while not state.active and _is_done(state):
        _finish(state)
        if state.ended or state.due or state.arrivals.waiting or state.visits.refilling:
            yield from refill_in_portions(state)
            yield from _settle(state)


def _settle(state: RunState) -> Steps[None]:
    """Settle the visits that have ended, and start what follows, until nothing more does."""
    instant = 0
    together = state.semantics.starts == "together"
    arrivals = state.arrivals
    while (
        state.ended
        or (arrivals.waiting and start_as_reached(state))
        or (together and (yield from start_together(state)))
    ):
        if state.visits.refilling:
            yield from refill_in_portions(state)
        while state.ended:
            instant += 1
            if instant > MAX_INSTANT_TASKS and state.status == "running":
                message = f"{MAX_INSTANT_TASKS:,} tasks ended without running an action: an endless cycle"
                state.errors.of_run("limit_exceeded", message, state.ended[0].task.place)
                abort(state)
            yield from end_visit(state, state.ended.pop(0))
            if state.visits.refilling:
                yield from refill_in_portions(state)


def _is_done(state: RunState) -> bool:
    """Return whether a run without active visits ends now."""
    if state.status in ENDED or (state.status == "running" and not state.begun):
        return False
    return state.status != "paused" or not (state.arrivals.waiting or state.semantics.paused_end == "waits")


def _finish(state: RunState) -> None:
    """End the run with its output, or start its `on_cancel` task."""
    if state.status == "cancelling" and state.workflow.on_cancel is not None and not state.broken_off:
        change_status(state, "clean")
        start_task(state, Arrival(state.workflow.on_cancel, 0, NO_BRANCH))
        return
    if state.arrivals.has_joins and state.status in {"running", "paused"}:
        record_unsatisfied_joins(state)
    output, errors = (None, []) if state.workflow.output is None else _output(state)
    if not state.failed or state.semantics.output == "entry":
        for error in errors:
            state.errors.of_expression(error)
    if state.status in {"cancelling", "cleaning", "failing"}:
        change_status(state, "end")
    else:
        change_status(state, "fail" if state.failed or errors else "succeed")
    if output is not None and not state.is_child:  # the parent's task needs the real values
        output = state.masked(output)
    # The errors are masked again: a secret may have become known after they were recorded.
    records = state.masked_errors() if state.errors.records else EMPTY_LIST
    state.commands.append(FinishRun(state.status, output, records))


def _output(state: RunState) -> tuple[FrozenDict | None, list[ExpressionError]]:
    if state.broken_off:
        return None, []
    terminal = (branch for _, branch in sorted(state.terminal, key=lambda each: each[0]))
    return render_output(state.workflow, state.context, terminal, state.moment)
