"""A visit's window: which of its items start now, which stop, and when the visit has no more to run."""

from stretto.definitions.conductor.commands import CancelItem
from stretto.definitions.conductor.items import ItemAttempt
from stretto.definitions.conductor.pausing import is_paused
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.conductor.steps import Steps
from stretto.definitions.conductor.streamed import StreamedVisit
from stretto.definitions.conductor.visit import Visit


def may_start(state: RunState, visit: Visit) -> bool:
    """Return whether the visit may start items now."""
    if state.broken_off or is_paused(state, visit):
        return False
    return state.status in {"running", "cleaning"} or (visit.after_failure and state.status == "failing")


def may_start_later(state: RunState, visit: Visit) -> bool:
    """Return whether the visit may start items now, or when it or the run is resumed."""
    return state.status == "paused" or is_paused(state, visit) or may_start(state, visit)


def advance_visit(state: RunState, visit: Visit) -> None:
    """Refill the window as far as the run's status allows, and finish the visit when nothing is left.

    The starts beyond a portion are left to `refill_in_portions`.
    """
    starts = (state.status == "running" and not state.task_requests) or may_start(state, visit)
    if starts and visit.refill(state.at, state.commands):
        state.visits.refilling += (visit,)
    if visit.streams:
        write_results(state, visit)
    stopped = state.status in {"cancelling", "failing"} and not starts
    if not visit.window and (visit.exhausted or stopped):
        finish_visit(state, visit)


def refill_in_portions(state: RunState) -> Steps[None]:
    """Refill the windows that have room for more than a portion of items, with a pause before each portion."""
    while state.visits.refilling:
        yield
        _refill_first(state)


def refill_at_once(state: RunState) -> None:
    """Refill the windows before something else happens to them in the same event."""
    while state.visits.refilling:
        _refill_first(state)


def _refill_first(state: RunState) -> None:
    if not state.visits.refilling[0].refill(state.at, state.commands):
        state.visits.refilling = state.visits.refilling[1:]


def write_results(state: RunState, visit: Visit) -> None:
    """Command the lines of the results file, in the order in which the items ended."""
    if isinstance(visit, StreamedVisit):
        state.commands += visit.take_lines()


def finish_visit(state: RunState, visit: Visit) -> None:
    """Queue a visit without running items for settlement, once its results file is closed."""
    if isinstance(visit, StreamedVisit):
        state.commands += visit.finish()
        if not visit.finished:
            return
    state.ended.append(visit)


def start_retry(state: RunState, visit: Visit, index: int, item: ItemAttempt) -> None:
    """Start the next attempt of an item that has waited for it."""
    item.change("start", state.at)
    item.attempt += 1
    state.commands.append(visit.start(index, item))


def stop_item(state: RunState, visit: Visit, index: int, item: ItemAttempt) -> None:
    """Cancel an item's attempt, once."""
    if not item.stopping:
        item.stopping = True
        state.commands.append(CancelItem(visit.name, visit.visit, index))


def stop_all_items(state: RunState) -> None:
    """Cancel everything that runs."""
    for visit in state.active.values():
        for index, item in sorted(visit.window.items()):
            stop_item(state, visit, index, item)
