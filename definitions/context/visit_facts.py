"""The visits of a run as functions of expressions ask for them."""

from typing import Final, Protocol

from stretto.definitions.data import FrozenDict


class VisitFacts(Protocol):
    """Tells expressions about visits. Each is of a task's last one on a route, or on the nearest that led to it."""

    def status_of(self, task: str, route: int) -> str | None:
        """Return the status of a visit. None means that the task has not run."""

    def execution_of(self, task: str, route: int, run_id: str) -> FrozenDict | None:
        """Return what `task()` tells of a visit. None means that the task has not run."""


class _NoVisits:
    """A run in which no task has run."""

    def status_of(self, task: str, route: int) -> str | None:  # noqa: ARG002 - as the protocol has it
        """Return None."""
        return None

    def execution_of(self, task: str, route: int, run_id: str) -> FrozenDict | None:  # noqa: ARG002 - as above
        """Return None."""
        return None


NO_VISITS: Final = _NoVisits()
