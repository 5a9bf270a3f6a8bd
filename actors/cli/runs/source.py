"""What the commands ask for, whoever answers: a daemon, or a store."""

from collections.abc import Iterator
from typing import Any, Protocol

from stretto.actors.journal import RerunScope


class Source(Protocol):
    """Runs, and what can be done with them. What is told is as `stretto.actors.history.reports` tells it."""

    def runs(self, status: str | None, workflow: str | None, cursor: str | None, limit: int) -> dict[str, Any]:
        """Return {runs, next}."""

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run."""

    def status(self, run_id: str) -> dict[str, Any]:
        """Return {id, workflow, status, tasks}, as `Engine.status` tells it."""

    def items(
        self, run_id: str, task: str | None, outcome: str | None, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """Return {items, next}."""

    def item(self, run_id: str, task: str, index: int) -> dict[str, Any]:
        """Return the last ended try of an item, with its result."""

    def output(self, run_id: str, task: str, index: int) -> dict[str, Any]:
        """Return {task, visit, index, attempt, stdout, stderr, truncated} of an item in flight."""

    def why(self, run_id: str, task: str | None) -> list[dict[str, Any]]:
        """Return what a run waits for: {kind, text, ...} each."""

    def export(self, run_id: str) -> tuple[dict[str, Any], Iterator[Any]]:
        """Return everything of a run but its entries, and those, each as something that is encoded as JSON."""

    def cancel(self, run_id: str) -> None:
        """End a run by its cancellation policy."""

    def pause(self, run_id: str) -> None:
        """Have a run start nothing new."""

    def resume(self, run_id: str) -> None:
        """Let a paused run go on."""

    def rerun(self, run_id: str, scope: RerunScope) -> str:
        """Have a run done again; return the new run's id."""

    def set_concurrency(self, run_id: str, task: str, concurrency: int) -> None:
        """Let so many items of a task be in flight at once."""

    def skip_item(self, run_id: str, task: str, index: int) -> None:
        """Have an item end without a result."""

    def retry_item(self, run_id: str, task: str, index: int) -> None:
        """Try an item again now."""

    def prune(self, older_than_seconds: float | None, keep: int | None) -> int:
        """Delete ended runs; return how many."""
