"""What is requested of a run is handed down to the sub-workflows that perform its items; a crash may come in between.

So a run that is rebuilt tells its sub-workflows what was last requested of it, and each of them does that unless it
has: when it is rebuilt, before anything of it starts.
"""

from typing import Final, TypeAlias

from stretto.definitions.conductor.events import CancelRequested, PauseRequested, ResumeRequested

HandedDown: TypeAlias = PauseRequested | ResumeRequested | CancelRequested
"""Requests to a run that its sub-workflows are to follow, too."""

_CHANGES: Final = {
    PauseRequested: {"running"},
    ResumeRequested: {"paused"},
    CancelRequested: {"running", "paused", "failing"},
}
"""The states of a run that a request changes."""


def is_news(request: HandedDown, status: str, last: HandedDown | None) -> bool:
    """Tell whether a run has missed what was requested of its parent: `last` is what was requested of itself.

    A later request to the run itself stands, but no run goes on for a parent that wants it no more.
    """
    if status not in _CHANGES[type(request)]:
        return False
    return type(request) is CancelRequested or last is None or last.at < request.at


def of_change(before: str, after: str, at: float) -> HandedDown | None:
    """Return what a change of a run's status requests of its sub-workflows, if nobody has requested it.

    When a paused run fails, what it has in flight is to end, and nobody can resume it any more.
    """
    return ResumeRequested(at) if (before, after) == ("paused", "failing") else None
