"""The interface of a source of runs: a daemon, or a store."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from stretto.actors.gateway import StreamEvent
from stretto.actors.operations import ControlRequest, FollowOutput, Request

A = TypeVar("A")


class Source(Protocol):
    """Answers requests about runs."""

    def ask(self, request: Request, kind: type[A]) -> A:
        """Return the answer to a request of `operations.OPERATIONS`, which is of this kind."""

    def control(self, request: ControlRequest) -> None:
        """Change a run."""

    def mark_interrupted(self, runs: Iterable[dict[str, Any]]) -> None:
        """Set `interrupted` of the runs that have not ended, and that no process continues now."""

    def follow(self, request: FollowOutput) -> Iterator[StreamEvent]:
        """Yield the output of an item: `output` with all so far, then `more`, and `ended`."""

    def export(self, run_id: str) -> tuple[dict[str, Any], Iterator[Any]]:
        """Return everything of a run except its entries, and those, each as something that JSON can encode."""
