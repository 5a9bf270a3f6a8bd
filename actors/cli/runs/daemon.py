"""Runs of a daemon, asked for over its socket."""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from stretto.actors.gateway import Client, DaemonUnreachable
from stretto.actors.journal import RerunScope
from stretto.actors.operations import (
    Accepted,
    Cancel,
    Done,
    EntriesAnswer,
    Export,
    ExportAnswer,
    Item,
    ItemAnswer,
    ItemOutput,
    Items,
    ItemsAnswer,
    OutputAnswer,
    Pause,
    Prune,
    Pruned,
    Request,
    Rerun,
    Resume,
    RetryItem,
    Run,
    RunAnswer,
    Runs,
    RunsAnswer,
    SetConcurrency,
    SkipItem,
    Status,
    StatusAnswer,
    WaitsAnswer,
    Why,
)

Told = TypeVar("Told")


class DaemonRuns:
    """A source that asks a daemon. Every method raises `DaemonUnreachable` and `RequestRefused`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def runs(self, status: str | None, workflow: str | None, cursor: str | None, limit: int) -> dict[str, Any]:
        told = self._ask(Runs(status, workflow, cursor, limit), RunsAnswer)
        return {"runs": told.runs, "next": told.next}

    def run(self, run_id: str) -> dict[str, Any]:
        return self._ask(Run(run_id), RunAnswer).run

    def status(self, run_id: str) -> dict[str, Any]:
        return self._ask(Status(run_id), StatusAnswer).run

    def items(
        self, run_id: str, task: str | None, outcome: str | None, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        told = self._ask(Items(run_id, task, outcome, cursor, limit), ItemsAnswer)
        return {"items": told.items, "next": told.next}

    def item(self, run_id: str, task: str, index: int) -> dict[str, Any]:
        return self._ask(Item(run_id, task, index), ItemAnswer).item

    def output(self, run_id: str, task: str, index: int) -> dict[str, Any]:
        return self._ask(ItemOutput(run_id, task, index), OutputAnswer).output

    def why(self, run_id: str, task: str | None) -> list[dict[str, Any]]:
        return self._ask(Why(run_id, task), WaitsAnswer).reasons

    def export(self, run_id: str) -> tuple[dict[str, Any], Iterator[msgspec.Raw]]:
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
            raise DaemonUnreachable(f"the daemon at {self.client.url} went away before the export was complete")

        return head.run, entries()

    def cancel(self, run_id: str) -> None:
        self._ask(Cancel(run_id), Done)

    def pause(self, run_id: str) -> None:
        self._ask(Pause(run_id), Done)

    def resume(self, run_id: str) -> None:
        self._ask(Resume(run_id), Done)

    def rerun(self, run_id: str, scope: RerunScope) -> str:
        return self._ask(Rerun(run_id, scope), Accepted).run

    def set_concurrency(self, run_id: str, task: str, concurrency: int) -> None:
        self._ask(SetConcurrency(run_id, task, concurrency), Done)

    def skip_item(self, run_id: str, task: str, index: int) -> None:
        self._ask(SkipItem(run_id, task, index), Done)

    def retry_item(self, run_id: str, task: str, index: int) -> None:
        self._ask(RetryItem(run_id, task, index), Done)

    def prune(self, older_than_seconds: float | None, keep: int | None) -> int:
        return self._ask(Prune(older_than_seconds, keep), Pruned).runs

    def _ask(self, request: Request, kind: type[Told]) -> Told:
        answer = self.client.ask(request)
        if not isinstance(answer, kind):
            raise self._misfit(answer)
        return answer

    def _misfit(self, answer: object) -> DaemonUnreachable:
        return DaemonUnreachable(f"the daemon at {self.client.url} gave an answer that does not fit: {answer!r:.100}")
