"""Which visits are paused themselves, and which of them still run items."""

from collections.abc import Mapping

from stretto.definitions.conductor.events import PauseRequested
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.model import WAITING_ACTIONS


def is_paused(state: RunState, visit: Visit) -> bool:
    """Return whether the visit itself was paused, not only its run."""
    if not state.task_requests:
        return False
    return isinstance(state.task_requests.get((visit.name, visit.visit)), PauseRequested)


def paused_visits(state: RunState) -> Mapping[tuple[str, int], float]:
    """Return the visits that were paused themselves, each with the time of the request."""
    requests = state.task_requests.items()
    return {key: request.at for key, request in requests if isinstance(request, PauseRequested)}


def runs_code(state: RunState, visit: Visit) -> bool:
    """Return whether an item of a visit runs, and does not only wait for people or for an event."""
    return visit.task.action not in WAITING_ACTIONS and runs_items(state, visit)


def runs_items(state: RunState, visit: Visit) -> bool:
    """Return whether an item of a visit runs, and is no paused sub-workflow."""
    key = visit.name, visit.visit
    return any(
        item.state == "running" and (*key, index) not in state.paused_items for index, item in visit.window.items()
    )
