"""Reading and pruning an engine's store: lists, single runs, items, exports, retention."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.catalogue import Catalogue
from stretto.actors.dispatch import Deferred, derived, handles
from stretto.actors.engine.elsewhere import RunsElsewhere
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.submission import Admission
from stretto.actors.history import ItemInput, KeptReports, item_input, pruned, reports, show_timeline, stored_handle
from stretto.actors.journal import (
    Audited,
    AuditEntries,
    DeleteRun,
    Link,
    NoJournal,
    NoStore,
    Prune,
    PruneAudit,
    PruneEvents,
    PruneRuns,
    Reader,
    Requester,
    RunNeeded,
    asked_by,
)
from stretto.actors.outcome import RunHandle, UnknownRun, chosen_run, is_abbreviated, matching_ids
from stretto.actors.runs import PruneDue, Services

if TYPE_CHECKING:
    from stretto.actors.engine.retention import Retention
    from stretto.actors.journal import OpenJournal

PRUNE_SECONDS = 3600.0
"""How often ended runs and entries of the audit beyond the retention are deleted."""
_AUDIT_LANE = "audit"
"""Where records of the audit alone wait: they follow no run's records."""


class StoreQueries:
    """Reads the store on its readers' threads. Every answer may fail with `StoreUnavailable` or `NoStore`."""

    def __init__(self, services: Services, table: RunTable, elsewhere: RunsElsewhere) -> None:
        self._elsewhere = elsewhere
        self._services = services
        self._table = table
        self._reports = KeptReports()

    def read(self, report: Callable[..., Any], *arguments: Any, **options: Any) -> Deferred:
        """Answer with a report, a function that takes the reader, then `arguments` and `options`."""
        return self._services.readers.ask_deferred(lambda reader: report(reader, *arguments, **options))

    def read_long(self, report: Callable[..., Any], *arguments: Any, **options: Any) -> Deferred:
        """Answer with a report that reads or replays a whole run, in the lane of long reads."""
        return self._services.readers.long.ask_deferred(lambda reader: report(reader, *arguments, **options))

    def read_kept(self, report: Callable[..., Any], *arguments: Any) -> Deferred:
        """Answer with a report of a replay, which is kept: it takes the reports that are kept as `kept`."""
        return self.read_long(report, *arguments, kept=self._reports)

    def definition(self, run_id: str, catalogue: Catalogue) -> Deferred:
        """Return the definition of a run, compared with that of the catalogue. See `Engine.definition`."""

        def now(ref: str) -> str | None:
            return catalogue.find_ref(ref).text if ref in catalogue.refs() else None

        return self.read(reports.show_definition, run_id, now)

    def item_input(self, run_id: str, item: ItemInput, catalogue: Catalogue) -> Deferred:
        """Return the input of an item. Secrets are masked, also those that only the catalogue's actions say."""
        return self.read_long(item_input, run_id, item, catalogue.secrecy_of)

    def timeline(self, run_id: str) -> Deferred:
        """Return the timeline of a run, until now if it is in progress. See `Engine.timeline`."""
        return self.read(show_timeline, run_id, clock=self._services.now)

    def handle(self, run_id: str) -> RunHandle | Deferred:
        """Return the handle of a run in progress, or of a stored one. See `Engine.handle`."""
        run = self._table.get(run_id)
        if run is not None:
            return run.handle
        if not self._services.journal.durable:
            raise UnknownRun(f"no run {run_id!r} is in progress, and without a store ended ones are not kept")

        def read(reader: Reader) -> RunHandle:
            row = reader.run(run_id)
            if row is not None and row.ended_at is None and self._elsewhere.has(run_id, reader):
                return self._elsewhere.handle(run_id, row.workflow)
            return stored_handle(run_id, reader)

        return self._services.readers.ask_deferred(read)

    def find(self, text: str) -> str | Deferred:
        """Return the id of a run, of which `text` may be a part. See `Engine.find_run`."""
        if self._services.journal.durable:
            return self.read(reports.find_run, text)
        known = [*self._table.ids(), *self._table.ended_ids()][::-1]
        return text if text in known else chosen_run(text, matching_ids(text, known) if is_abbreviated(text) else [])

    def export(self, run_id: str, by: Requester | None) -> Deferred:
        """Return everything of a run, once the audit of that is durable. See `Engine.export`."""
        if by is None:
            return self.read_long(reports.export_run, run_id)
        answer, audit = Deferred(), by.asks("export", run_id, self._services.now())
        self._services.readers.long.read(
            lambda reader: reports.export_run(reader, run_id),
            lambda exported: record_audit(self._services.journal, audit, answer, exported),
            answer.fail,
        )
        return answer

    def audit(self, since: float | None, who: str | None, cursor: str | None, limit: int) -> dict[str, Any] | Deferred:
        """Return a page of the audit. See `Engine.audit`."""
        if isinstance(self._services.journal, NoJournal):
            return reports.audit_of(self._services.journal.audit, since=since, who=who, cursor=cursor, limit=limit)
        return self.read(reports.list_audit, since=since, who=who, cursor=cursor, limit=limit)


def record_audit(journal: Link, audit: AuditEntries, answer: Deferred, value: object = None) -> None:
    """Record entries of the audit alone, and resolve an answer with a value once they are durable."""
    journal.record(Audited(audit), (), ((answer, value),), _AUDIT_LANE)


class Pruning:
    """Deletes ended runs and old entries of the audit from the store, when asked and by the retention."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it works with
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        journal: "OpenJournal | None",
        retention: "Retention",
        admission: Admission,
        table: RunTable,
    ) -> None:
        self._services = services
        self._table = table
        self._engine = engine
        self._journal = journal
        self._retention = retention
        self._admission = admission

    def prune(self, older_than_seconds: float | None, keep: int | None, by: Requester | None) -> Deferred:
        """Delete ended runs. See `Engine.prune`."""
        if (older_than_seconds is not None and older_than_seconds < 0) or (keep is not None and keep < 0):
            raise ValueError("an age in seconds and a number of runs to keep must be at least 0")
        now = self._services.now()
        ended_before = None if older_than_seconds is None else now - older_than_seconds
        return self._delete(Prune(ended_before, keep), asked_by(by, "prune", pruned(older_than_seconds, keep), now))

    @handles(PruneDue)
    def _prune_by_retention(self, message: PruneDue) -> None:
        if self._retention.is_limited and not self._admission.closed:
            now = self._services.now()
            for prune in (self._retention.at(now), self._retention.of_audit_at(now), self._retention.of_events_at(now)):
                if prune is not None:
                    self._delete(prune)
            self._services.timers.remind_after(PRUNE_SECONDS, self._engine, message)

    def delete_run(self, run_id: str, by: Requester | None) -> Deferred:
        """Delete an ended run. See `Engine.delete_run`."""
        if self._table.get(run_id) is not None:
            raise RunNeeded(f"the run {run_id} has not ended: cancel it first")
        deleted = self._delete(DeleteRun(run_id, asked_by(by, "delete_run", run_id, self._services.now())))
        self._table.forget_ended(run_id)  # the store has its status, as long as it has the run
        return derived(deleted, lambda _runs: None)

    def _delete(self, prune: Prune | PruneAudit | PruneEvents | DeleteRun, audit: AuditEntries = ()) -> Deferred:
        if self._journal is None or self._journal.actor is None:
            raise NoStore("this engine has no store, so there are no runs to delete")
        answer = Deferred()
        self._journal.actor.tell(PruneRuns(prune, answer, audit))
        return answer
