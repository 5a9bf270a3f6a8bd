"""Requests to a run propagate to the sub-workflows that run its items. A crash can lose one in between.

So a recovered run passes its last request to its sub-workflows, and each of them applies it if it missed it, before
anything of it starts.
"""

from typing import Final, TypeAlias

from stretto.definitions.conductor.events import CancelRequested, PauseRequested, ResumeRequested

PropagatedRequest: TypeAlias = PauseRequested | ResumeRequested | CancelRequested
"""A request to a run that its sub-workflows follow, too."""

_CHANGES: Final = {
    PauseRequested: {"running"},
    ResumeRequested: {"paused"},
    CancelRequested: {"running", "paused", "failing"},
}
"""The statuses of a run that a request changes."""


def was_missed(request: PropagatedRequest, status: str, last: PropagatedRequest | None) -> bool:
    """Return whether a child run missed its parent's request. `last` is the child's own latest request.

    A later request of the child's own wins, but a cancelled parent always cancels the child.
    """
    if status not in _CHANGES[type(request)]:
        return False
    return type(request) is CancelRequested or last is None or last.at < request.at


def request_implied_by(before: str, after: str, at: float) -> PropagatedRequest | None:
    """Return the request that a status change implies for sub-workflows, or None.

    When a paused run fails, its paused sub-workflows must resume in order to end: the run itself cannot be resumed.
    """
    return ResumeRequested(at) if (before, after) == ("paused", "failing") else None
