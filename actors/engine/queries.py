"""What an engine answers from its store: lists, single runs, their items, exports; read on threads beside it."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.run_table import MAX_REMEMBERED_RUNS, has_ended
from stretto.actors.history import reports, stored_handle
from stretto.actors.journal import PAGE, NoStore, Prune, PruneRuns, Reader
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import ENDED, IllegalTransition

if TYPE_CHECKING:
    from stretto.actors.journal import OpenJournal
    from stretto.actors.runs import Services


class RunQueries:
    """The part of an engine's public API that reads its store. Every answer may fail with `StoreUnavailable`."""

    _services: "Services"
    _journal: "OpenJournal | None"

    def runs(
        self, status: str | None = None, workflow: str | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> Deferred:
        """Return a page of runs, the newest first: {runs: [...], next: a cursor or null}.

        Raises (from `.get()`) `NoStore`, `InvalidCursor`.
        """
        return self._read(partial(reports.list_runs, status=status, workflow=workflow, cursor=cursor, limit=limit))

    def run(self, run_id: str) -> Deferred:
        """Return a run with its inputs, output, errors (masked) and tasks. Raises (from `.get()`) `UnknownRun`."""
        return self._read(lambda reader: reports.show_run(reader, run_id))

    def items(
        self,
        run_id: str,
        task: str | None = None,
        outcome: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Deferred:
        """Return a page of the ended tries of a run's items. Raises (from `.get()`) `UnknownRun`, `InvalidCursor`."""
        return self._read(
            lambda reader: reports.list_items(reader, run_id, task=task, outcome=outcome, cursor=cursor, limit=limit)
        )

    def item(self, run_id: str, task: str, index: int) -> Deferred:
        """Return an item with its result, masked. Raises (from `.get()`) `UnknownRun`."""
        return self._read(lambda reader: reports.show_item(reader, run_id, task, index))

    def export(self, run_id: str) -> Deferred:
        """Return all that is known of a run, secrets masked. Raises (from `.get()`) `UnknownRun`."""
        return self._read(lambda reader: reports.export_run(reader, run_id))

    def _stored_handle(self, run_id: str) -> Deferred:
        if not self._services.journal.durable:
            raise UnknownRun(f"no run {run_id!r} is in progress, and without a store ended ones are not kept")
        return self._read(partial(stored_handle, run_id))

    def _read(self, read: Callable[[Reader], Any]) -> Deferred:
        return self._services.readers.ask_deferred(read)

    def _stored_status(self, run_id: str, verb: str | None) -> Deferred:
        """Answer with the status of a run that is not in progress, or why it cannot be asked for something."""
        if not self._services.journal.durable:
            raise UnknownRun(f"there is no run {run_id!r} (the last {MAX_REMEMBERED_RUNS:,} that ended are remembered)")

        def read(reader: Reader) -> dict[str, Any]:
            status: dict[str, Any] = reports.status_of(reader, run_id)
            if verb is not None:
                raise has_ended(verb, status) if status["status"] in ENDED else _not_here(verb, run_id)
            return status

        return self._read(read)

    def _prune(self, older_than_seconds: float | None, keep: int | None) -> Deferred:
        if (older_than_seconds is not None and older_than_seconds < 0) or (keep is not None and keep < 0):
            raise ValueError("runs are deleted by an age, and a number to keep, of at least 0")
        ended_before = None if older_than_seconds is None else self._services.now() - older_than_seconds
        return self._delete(Prune(ended_before, keep))

    def _delete(self, prune: Prune) -> Deferred:
        if self._journal is None or self._journal.actor is None:
            raise NoStore("this engine has no store, and so nothing to delete")
        answer = Deferred()
        self._journal.actor.tell(PruneRuns(prune, answer))
        return answer


def _not_here(verb: str, run_id: str) -> IllegalTransition:
    return IllegalTransition(f"cannot {verb} the run {run_id}: the engine could not rebuild it, as its log tells")
