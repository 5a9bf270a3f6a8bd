"""The requests that propagate from a parent run, through this run, to its sub-workflows."""

from collections.abc import Mapping
from typing import Final

from stretto.actors.runs.in_flight import ItemsInFlight
from stretto.actors.runs.messages import ChildCancelling, PauseItem, ResumeItem, RunPauseChanged, StopItem
from stretto.definitions.conductor import (
    CancelRequested,
    Conductor,
    PauseRequested,
    PropagatedRequest,
    ResumeRequested,
    was_missed,
)

CHILD_MESSAGES: Final[Mapping[type, PauseItem | ResumeItem | StopItem]] = {
    PauseRequested: PauseItem(),
    ResumeRequested: ResumeItem(),
    CancelRequested: StopItem(),
}
"""The message for items with a sub-workflow, by the run's request."""

_CANCELLED: Final = frozenset({"cancelling", "cleaning"})


class Propagation:
    """Passes requests on to sub-workflows, and catches up with the parent's.

    A crash can lose a request between the parent's journal and that of this run. So a recovered parent repeats its
    latest request, which this run applies if it has missed it.
    """

    __slots__ = ("_items", "_of_parent", "_reported_cancel", "_reported_pause", "_run_id", "latest")

    def __init__(self, run_id: str, items: ItemsInFlight) -> None:
        self.latest: PropagatedRequest | None = None
        """The run's own latest request."""
        self._run_id = run_id
        self._items = items
        self._of_parent: PropagatedRequest | None = None
        self._reported_cancel = False
        self._reported_pause: bool | None = False

    def pass_on(self, request: PropagatedRequest) -> None:
        """Send a request to all sub-workflows."""
        self.latest = request
        self._items.send_to_children(CHILD_MESSAGES[type(request)])

    def keep(self, request: PropagatedRequest) -> None:
        """Keep the parent's latest request until this run can apply it."""
        self._of_parent = request

    def take_missed(self, conductor: Conductor) -> PropagatedRequest | None:
        """Return the parent's latest request if the run has missed it, else None."""
        request, self._of_parent = self._of_parent, None
        if request is not None and was_missed(request, conductor.status, self.latest):
            return request
        return None

    def report_pause_again(self) -> None:
        """Report the next state to the parent in any case: it may have missed the last change."""
        self._reported_pause = None

    def changes(self, status: str | None) -> list[RunPauseChanged | ChildCancelling]:
        """Return the messages for the parent item: the run was paused, resumed or cancelled since the last call."""
        changes: list[RunPauseChanged | ChildCancelling] = []
        paused = status == "paused"
        if paused != self._reported_pause:
            self._reported_pause = paused
            changes.append(RunPauseChanged(self._run_id, paused))
        if status in _CANCELLED and not self._reported_cancel:
            self._reported_cancel = True
            changes.append(ChildCancelling(self._run_id))
        return changes
