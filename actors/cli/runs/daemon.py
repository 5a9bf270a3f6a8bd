"""The runs of a daemon, over its socket."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from stretto.actors.gateway import Client, DaemonUnreachable, StreamEvent
from stretto.actors.operations import (
    ControlRequest,
    Done,
    EntriesAnswer,
    Export,
    ExportAnswer,
    FollowOutput,
    Request,
    StatusAnswer,
)

A = TypeVar("A")


class DaemonRuns:
    """A source that asks a daemon. Every method raises `DaemonUnreachable` and `RequestRefused`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def ask(self, request: Request, kind: type[A]) -> A:
        """Send a request and return its answer."""
        answer = self.client.ask(request)
        if not isinstance(answer, kind):
            raise self._misfit(answer)
        return answer

    def control(self, request: ControlRequest) -> None:
        """Change a run."""
        self.ask(request, StatusAnswer)

    def mark_interrupted(self, runs: Iterable[dict[str, Any]]) -> None:
        """Mark none: the daemon continues its runs."""

    def follow(self, request: FollowOutput) -> Iterator[StreamEvent]:
        """Yield the output of an item as it is written."""
        return self.client.output(request)

    def export(self, run_id: str) -> tuple[dict[str, Any], Iterator[msgspec.Raw]]:
        """Return everything of a run except its entries, and those as they arrive."""
        answers = self.client.answers(Export(run_id))
        head = next(answers, None)
        if not isinstance(head, ExportAnswer):
            raise self._misfit(head)

        def entries() -> Iterator[msgspec.Raw]:
            for answer in answers:
                if isinstance(answer, Done):
                    return
                if not isinstance(answer, EntriesAnswer):
                    raise self._misfit(answer)
                yield from answer.entries
            raise DaemonUnreachable(f"the daemon at {self.client.url} closed the connection during the export")

        return head.run, entries()

    def _misfit(self, answer: object) -> DaemonUnreachable:
        return DaemonUnreachable(f"the daemon at {self.client.url} sent an unexpected answer: {answer!r:.100}")
