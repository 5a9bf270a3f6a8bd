"""Requests to quarantined runs: they are recovered again, or cancelled without a replay."""

from typing import Any

from stretto.actors.dispatch import Deferred, derived, handles
from stretto.actors.engine.quarantine import QuarantinedRuns
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.relay import Elsewhere, Relay
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.submission import Admission
from stretto.actors.engine.suspects import Suspects
from stretto.actors.history import not_quarantined_error
from stretto.actors.journal import Reader, Requester, asked_by
from stretto.actors.outcome import Outcome, UnknownRun
from stretto.actors.runs import ControlRun, Forwarded, RunReleased, Services
from stretto.definitions.conductor import ENDED, CancelRequested
from stretto.definitions.data import EMPTY_LIST
from stretto.metrics import get_logger

_log = get_logger("stretto.engine")


class Release:
    """Ends the quarantine of runs on request."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a released run goes back to
        self,
        services: Services,
        table: RunTable,
        quarantine: QuarantinedRuns,
        suspects: Suspects,
        recovery: RunRecovery,
        admission: Admission,
        relay: Relay,
    ) -> None:
        self._services = services
        self._relay = relay
        self._table = table
        self._quarantine = quarantine
        self._suspects = suspects
        self._recovery = recovery
        self._admission = admission

    def recover(self, run_id: str, by: Requester | None) -> Deferred:
        """Recover a quarantined run and the runs below it. See `Engine.recover`."""
        self._admission.check()
        quarantine = self._quarantine.of(run_id)
        if quarantine is None and self._table.get(run_id) is None:
            return self._not_here(run_id, self._relay.to(run_id, "recover", (), by))
        if quarantine is None or quarantine.run_id != run_id:
            raise not_quarantined_error(run_id, quarantine)
        return self._suspects.release(run_id, asked_by(by, "recover", run_id, self._services.now()))

    def _not_here(self, run_id: str, elsewhere: Elsewhere | None) -> Deferred:
        """Ask the engine that has a run, or refuse to recover it."""

        def read(reader: Reader) -> bool:
            row = reader.run(run_id)
            if row is None:
                raise UnknownRun(f"there is no run {run_id!r} in the store")
            if elsewhere is None or row.status in ENDED:
                raise not_quarantined_error(run_id, None)
            return True

        found = self._services.readers.ask_deferred(read)
        return derived(found, lambda _is_elsewhere: None if elsewhere is None else elsewhere())

    @handles(RunReleased)
    def _run_released(self, message: RunReleased) -> None:
        run = self._quarantine.get(message.run_id)
        if run is None or self._admission.closed:  # it was requested twice, or the next engine recovers it
            return
        _log.info("run_released", run_id=message.run_id)
        above = self._quarantine.of(run.parent)
        if above is None:
            self._recovery.recover_held(self._quarantine.take(message.run_id))
            return
        for each in self._quarantine.take(message.run_id):
            self._quarantine.hold(each, above)

    def cancel(self, run_id: str, by: Requester | None = None) -> Deferred:
        """End a quarantined run as cancelled, and cancel the runs below it. Answered once the end is durable.

        No expression of the run is evaluated. Raises `IllegalTransition` if not the run, but one above it is
        quarantined.
        """
        quarantine = self._quarantine.of(run_id)
        if quarantine is None or quarantine.run_id != run_id:
            self._quarantine.check("cancel", run_id)
        answer = Deferred()
        run, *below = self._quarantine.take(run_id)
        _log.info("quarantined_run_cancelled", run_id=run_id)
        self._recovery.hold_below(below)
        self._table.add(run)
        audit = asked_by(by, "cancel", run_id, self._services.now())
        self._recovery.end_unsupervised(run, Outcome("cancelled", None, EMPTY_LIST), ((answer, None),), audit)
        return answer

    def parent_requested(self, run_id: str, message: Any) -> None:
        """Cancel a quarantined child run as its parent requests, or keep the request until the run is recovered."""
        run, quarantine = self._quarantine.get(run_id), self._quarantine.of(run_id)
        if run is None or quarantine is None:
            return
        if quarantine.run_id == run_id and isinstance(message, ControlRun) and message.event is CancelRequested:
            self.cancel(run_id)
        else:
            run.tell(Forwarded(message, Deferred()))
