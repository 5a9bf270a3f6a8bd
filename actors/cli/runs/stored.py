"""Runs in a store: read beside its daemon, if it has one; changed only where it has none."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.support.stores import keyring_of
from stretto.actors.history import reports
from stretto.actors.journal import RerunScope, open_reader, open_store
from stretto.definitions.conductor import (
    CancelRequested,
    ConcurrencyRequested,
    Event,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    SkipRequested,
)
from stretto.metrics import configure_logging

if TYPE_CHECKING:
    from stretto.actors.history import OfflineRuns


class StoreRuns:
    """A source that reads a store, and opens it as its owner to change something."""

    def __init__(self, url: str, key_file: str | None) -> None:
        """Open it for reading. Raises `CannotOpenStore`."""
        configure_logging("WARNING")
        self._url = url
        self._keyring = keyring_of(url, key_file)
        self._reader = open_reader(url, self._keyring)

    def close(self) -> None:
        """Close it."""
        self._reader.close()

    def runs(self, status: str | None, workflow: str | None, cursor: str | None, limit: int) -> dict[str, Any]:
        return reports.list_runs(self._reader, status=status, workflow=workflow, cursor=cursor, limit=limit)

    def run(self, run_id: str) -> dict[str, Any]:
        return reports.show_run(self._reader, run_id)

    def status(self, run_id: str) -> dict[str, Any]:
        return reports.status_of(self._reader, run_id)

    def items(
        self, run_id: str, task: str | None, outcome: str | None, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        return reports.list_items(self._reader, run_id, task=task, outcome=outcome, cursor=cursor, limit=limit)

    def item(self, run_id: str, task: str, index: int) -> dict[str, Any]:
        return reports.show_item(self._reader, run_id, task, index)

    def output(self, run_id: str, task: str, index: int) -> dict[str, Any]:  # noqa: ARG002 - a source's signature
        raise click.UsageError(
            "a store does not hold what an item in flight writes: ask the daemon that runs it, with --daemon URL"
        )

    def why(self, run_id: str, task: str | None) -> list[dict[str, Any]]:
        return reports.why(self._reader, run_id, task)

    def export(self, run_id: str) -> tuple[dict[str, Any], Iterator[Any]]:
        return reports.export_parts(self._reader, run_id)

    def cancel(self, run_id: str) -> None:
        self._request(run_id, CancelRequested)

    def pause(self, run_id: str) -> None:
        self._request(run_id, PauseRequested)

    def resume(self, run_id: str) -> None:
        self._request(run_id, ResumeRequested)

    def rerun(self, run_id: str, scope: RerunScope) -> str:
        with self._owned() as runs:
            return runs.rerun(run_id, scope)

    def set_concurrency(self, run_id: str, task: str, concurrency: int) -> None:
        self._request(run_id, partial(ConcurrencyRequested, task, concurrency))

    def skip_item(self, run_id: str, task: str, index: int) -> None:
        self._request(run_id, partial(SkipRequested, task, index))

    def retry_item(self, run_id: str, task: str, index: int) -> None:
        self._request(run_id, partial(RetryRequested, task, index))

    def prune(self, older_than_seconds: float | None, keep: int | None) -> int:
        with self._owned() as runs:
            return runs.prune(older_than_seconds, keep)

    def _request(self, run_id: str, request: Callable[[float], Event]) -> None:
        with self._owned() as runs:
            runs.request(run_id, request)

    @contextlib.contextmanager
    def _owned(self) -> "Iterator[OfflineRuns]":
        from stretto.actors.history import OfflineRuns

        # It was there, and of this version, when it was opened for reading: nothing is made of it here.
        with open_store(self._url, self._keyring) as store:
            yield OfflineRuns(store)
