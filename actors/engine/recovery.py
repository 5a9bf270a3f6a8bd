"""Recovery of runs: those that an earlier engine left unfinished, and those whose supervisors crashed."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, handles
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.quarantine import QuarantinedRuns
from stretto.actors.engine.recovery_queue import FIRST_RESTART_SECONDS, MAX_RESTARTS, RecoveryQueue
from stretto.actors.engine.run_table import Run, RunTable
from stretto.actors.engine.submission import Admission
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.engine.suspects import Suspects
from stretto.actors.history import RunLoaded, RunNotLoaded
from stretto.actors.journal import (
    Answers,
    AuditEntries,
    Child,
    Ending,
    Happened,
    Quarantine,
    RunsClaimed,
    RunUnrecordable,
    StoreUnavailable,
    Suspicion,
    Unrecordable,
)
from stretto.actors.outcome import Outcome, RunHandle, RunWasParked, failed_with
from stretto.actors.runs import (
    CatchUpWithParent,
    ChildRefused,
    ControlChild,
    ControlRun,
    DiscardRun,
    RecoveringSupervisor,
    RecoverySource,
    RestartRun,
    RunCrashed,
    RunEnded,
    RunInterrupted,
    RunParked,
    RunRecovered,
    RunRequest,
    Services,
)
from stretto.definitions.conductor import CancelRequested
from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

LONGEST_READ_SECONDS: Final = 5.0
"""The longest wait before the next attempt to read a run from a store that could not be read."""

_log = get_logger("stretto.engine")


class RunRestarting(StrettoError):
    """The run's supervisor failed during the request and is being restarted. Check the run, then retry."""

    code = "run_restarting"


class RunRecovery:
    """Recovers runs from the store, and fails those that cannot be recovered.

    Attributes:
        queue: The runs that wait to be recovered.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts below it
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        definitions: EffectiveDefinitions,
        table: RunTable,
        runs: RunSupervision,
        admission: Admission,
        quarantine: QuarantinedRuns,
        suspects: Suspects,
    ) -> None:
        self._services = services
        self._engine = engine
        self._definitions = definitions
        self._table = table
        self._runs = runs
        self._admission = admission
        self._quarantine = quarantine
        self._suspects = suspects
        self.queue = RecoveryQueue(engine, services.readers, suspects)

    @property
    def finished(self) -> Deferred:
        """Answered when the runs that were claimed at the start are recovered."""
        return self.queue.finished

    def runs_claimed(self, message: RunsClaimed) -> None:
        """Recover the runs that this engine has claimed, except for quarantined ones and those below them."""
        if self._admission.closed:  # they are given up again as the journal is closed
            return
        left, suspects = message.claimed.unfinished, message.claimed.suspects
        judged = self._suspects.review(suspects, (each.run_id for each in left))
        quarantined = {each.run_id: as_quarantine(each) for each in judged}
        recoverable = []
        for each in left:  # parents come before their children
            handle = RunHandle(each.run_id, sys.intern(each.workflow), SparseFuture())
            run = unsupervised_run(handle, each.accepted_at, each.parent)
            quarantine = quarantined.get(each.run_id) or self._quarantine.of(each.parent)
            if quarantine is None:
                self._table.add(run)
                recoverable.append(each)
            else:
                self._quarantine.hold(run, quarantine)
        self._cancel_orphans(self.queue.enqueue_unfinished(recoverable))

    def stop(self) -> None:
        """Recover no more runs: the engine stops."""
        self.queue.clear()

    # ---- runs are loaded and replayed

    @handles(RunLoaded)
    def _run_loaded(self, message: RunLoaded) -> None:
        accepted = message.accepted
        run = self._table.get(accepted.run_id)
        if run is None or self._admission.closed:
            self._finish(accepted.run_id)
            return
        request = RunRequest(accepted.workflow, EMPTY_OBJECT, run.handle, run.accepted)
        request.parent, request.depth = accepted.parent, accepted.depth
        request.origin, request.requested_by = accepted.origin, accepted.requested_by
        request.event_depth = run.event_depth = accepted.event_depth
        request.priority = accepted.priority
        request.rerun, request.reuse_plan = accepted.rerun, message.reuse_plan
        request.surroundings, request.limits = accepted.surroundings, accepted.limits
        # Both today's secrets and those of the time when the run began are masked.
        mask = self._runs.mask_of(run, self._definitions.pack_configuration.of_workflow(accepted.workflow.ref))
        mask.add(accepted.surroundings.mask.known()[0])
        request.watchers = run.watchers
        run.labels = accepted.labels or run.labels
        run.requested_by = accepted.requested_by
        children = (*message.children, *self._unrecorded_children(accepted.run_id, message.children))
        source = RecoverySource(accepted, children, self._suspects.trace_of(accepted.run_id), message.inquiries)
        start = self._definitions.start_of(request.workflow, run.scope)
        self._runs.supervise(run, request, start, RecoveringSupervisor, source)

    def _finish(self, run_id: str) -> None:
        """Go on with the next run: this one is recovered, or is not to blame for that it is not."""
        self._suspects.clear(run_id)
        self.queue.finished_one(run_id)

    def _unrecorded_children(self, run_id: str, recorded: Iterable[Child]) -> Iterator[Child]:
        """Yield the children that the crashed supervisor started and the store does not have yet."""
        ids = {child.run_id for child in recorded}
        for child_id, run in self._table.children_of(run_id):
            if run.as_child is not None and child_id not in ids:
                yield run.as_child

    @handles(RunRecovered)
    def _run_recovered(self, message: RunRecovered) -> None:
        """Send children the requests they missed before any of them starts."""
        for child_id, request in message.children.items():
            if request is None:
                continue
            child = self._table.get(child_id)
            if child is not None:
                child.tell(CatchUpWithParent(request))
            elif self._quarantine.get(child_id) is not None:
                self._engine.tell(ControlChild(child_id, ControlRun(type(request))))
        run = self._table.get(message.run_id)
        if run is not None:
            run.failed_reads = 0
        waiting = self.queue.take_children(message.run_id)
        self._cancel_orphans(child_id for child_id in waiting if child_id not in message.children)
        self.queue.enqueue(waiting)
        if message.restarted:
            self.queue.restarted(message.run_id)
        else:
            self._finish(message.run_id)

    def _cancel_orphans(self, run_ids: Iterable[str]) -> None:
        """Cancel child runs whose parent items have already ended."""
        for run_id in run_ids:
            run = self._table.get(run_id)
            if run is not None:
                run.tell(CatchUpWithParent(CancelRequested(self._services.now())))

    @handles(RunNotLoaded)
    def _run_not_loaded(self, message: RunNotLoaded) -> None:
        run_id, reason = message.run_id, message.reason
        run = self._table.get(run_id)
        if run is None:
            self._finish(run_id)
            return
        was_supervised = run.supervisor is not None
        run.detach_supervisor()
        self._services.forget_permits(run_id)
        if message.again == "soon":
            if was_supervised:  # that supervisor has stopped, and takes its requests along
                run.fail_requests(StoreUnavailable(f"the run {run_id} cannot be read now: {reason}"))
            log = _log.debug if run.failed_reads else _log.warning
            log("run_not_recovered_yet", run_id=run_id, reason=reason)
            self._read_later(run_id, run)
            return
        _log.error("run_not_recovered", run_id=run_id, reason=reason)
        if message.again == "with the key":
            self._park_subtree(run_id, reason)
        elif message.again == "at the next start":
            self.count_broken(run_id, reason)
        else:
            self._fail_unsupervised(run, "recovery_failed", f"the run cannot be recovered: {reason}")

    def _park_subtree(self, run_id: str, reason: str) -> None:
        """Park a run and its children until an engine with the right key opens the store."""
        for child_id in self.queue.take_children(run_id):
            self._park_subtree(child_id, reason)
        self._runs.park(run_id, RunWasParked(f"the run {run_id} continues when an engine can read it: {reason}"))
        self._finish(run_id)

    # ---- runs crash the engine, and are quarantined

    def count_broken(self, run_id: str, reason: str) -> None:
        """Park a run whose recovery was broken off. This counts like a crash while the run was alone in recovery.

        Args:
            run_id: The run. Its supervisor has stopped, or stops without a report.
            reason: A clause: "its replay was broken off: ...".
        """
        run = self._table.get(run_id)
        if run is None:
            return
        counted = self._suspects.count_broken(run_id, reason)
        if counted.quarantined_at is None:
            self._park_below(run_id, RunWasParked(f"the run {run_id} waits for the next engine: {reason}"))
        else:
            self._hold_below(run_id, as_quarantine(counted))
        self.queue.finished_one(run_id)

    def _park_below(self, run_id: str, parked: RunWasParked) -> None:
        for child_id in self.queue.take_children(run_id):
            self._park_below(child_id, parked)
        self._runs.park(run_id, parked)

    def _hold_below(self, run_id: str, quarantine: Quarantine) -> None:
        run = self._table.get(run_id)
        if run is None:
            return
        held = unsupervised_run(RunHandle(run_id, run.handle.workflow, SparseFuture()), run.since, run.parent)
        held.item = run.item
        self._quarantine.hold(held, quarantine)
        self._runs.park(run_id, RunWasParked(f"the run {run_id} is {quarantine.reason}"))
        for child_id in self.queue.take_children(run_id):
            self._hold_below(child_id, quarantine)

    def recover_held(self, runs: Iterable[Run]) -> None:
        """Recover a run that was quarantined, which is the first, and the runs below it."""
        run, *below = runs
        self._table.add(run)
        self.hold_below(below)
        self.queue.enqueue([run.handle.id])

    def hold_below(self, runs: Iterable[Run]) -> None:
        """Queue child runs behind the recovery, or the end, of their parents."""
        for run in runs:
            self._table.add(run)
            self.queue.add_child(run.parent or "", run.handle.id)

    # ---- supervisors crash

    @handles(RunCrashed)
    def _run_crashed(self, message: RunCrashed) -> None:
        run = self._table.get(message.run_id)
        if run is None:
            return
        if not self._services.journal.durable or run.restarts >= MAX_RESTARTS:
            self._fail_unsupervised(run, "supervisor_crashed", message.reason)
            return
        run.restarts += 1
        self._services.instruments.supervisor_restarts.inc()
        self._leave_supervisor(message.run_id, run, "crashed")
        self._restart_later(message.run_id, run)

    @handles(RunInterrupted)
    def _run_interrupted(self, message: RunInterrupted) -> None:
        run = self._table.get(message.run_id)
        if run is None:
            return
        self._leave_supervisor(message.run_id, run, "was interrupted")
        self.queue.postpone(message.run_id)
        self._restart_run(RestartRun(message.run_id, flushed=False))

    def _leave_supervisor(self, run_id: str, run: Run, what: str) -> None:
        run.detach_supervisor()
        run.fail_requests(
            RunRestarting(
                f"the supervisor of the run {run_id} {what} and is being restarted; the request may have taken effect: "
                "check the run, then retry"
            )
        )
        self._services.forget_permits(run_id)

    def _read_later(self, run_id: str, run: Run) -> None:
        """Retry to load a run, at growing intervals: many runs may wait for the same store."""
        self.queue.postpone(run_id)
        wait = min(FIRST_RESTART_SECONDS * 2**run.failed_reads, LONGEST_READ_SECONDS)
        run.failed_reads = min(run.failed_reads + 1, 16)
        self._services.timers.remind_after(wait, self._engine, RestartRun(run_id, flushed=False))

    def _restart_later(self, run_id: str, run: Run) -> None:
        """Recover a run after a wait that grows with each restart."""
        self.queue.postpone(run_id)
        wait = FIRST_RESTART_SECONDS * 4 ** max(run.restarts - 1, 0)
        self._services.timers.remind_after(wait, self._engine, RestartRun(run_id, flushed=False))

    @handles(RestartRun)
    def _restart_run(self, message: RestartRun) -> None:
        run = self._table.get(message.run_id)
        if run is None or run.supervisor is not None:
            return
        if self._admission.closed or self._admission.draining:
            self._engine.tell(RunParked(message.run_id))  # so that it is given up
        elif message.flushed:
            self.queue.enqueue([message.run_id])
        else:  # the crashed supervisor's last records must be durable before they are read
            self._services.journal.record(
                None, ((self._engine, RestartRun(message.run_id, flushed=True)),), (), run.family
            )

    # ---- runs fail without a supervisor

    @handles(RunUnrecordable)
    def _run_unrecordable(self, message: RunUnrecordable) -> None:
        run = self._table.get(message.run_id)
        if run is None:
            return
        run.tell(DiscardRun())
        if run.accepted.fail(Unrecordable(message.reason)):
            run.tell_item(ChildRefused(Unrecordable.code, message.reason))
            self._runs.forget(message.run_id)
            return
        reason = f"the store rejected the run's data: {message.reason}"
        self._fail_unsupervised(run, Unrecordable.code, reason)

    def _fail_unsupervised(self, run: Run, code: str, reason: str) -> None:
        """Fail a run that has no supervisor, and record its end."""
        self.end_unsupervised(run, failed_with(code, reason))

    def end_unsupervised(self, run: Run, outcome: Outcome, answers: Answers = (), audit: AuditEntries = ()) -> None:
        """End a run that has no supervisor, and record its end. Its child runs are cancelled."""
        run_id = run.handle.id
        run.accepted.resolve(run.handle)
        self._services.permits.forget(run_id)
        ended, now = RunEnded(run_id, outcome, {}), self._services.now()
        ending = Ending(outcome.status, None, outcome.errors, now)
        happened = Happened(
            run_id=run_id, first=0, entries=(), secret=False, status=outcome.status, ending=ending, audit=audit
        )
        instruments = self._services.instruments.workflow(run.handle.workflow)
        instruments.run_finished(outcome.status, max(now - run.since, 0.0), now)
        self._services.journal.record(happened, ((self._engine, ended),), answers, run.family)
        self._cancel_orphans(child_id for child_id, _ in self._table.children_of(run_id))
        self.queue.enqueue(self.queue.take_children(run_id))
        self._finish(run_id)


def unsupervised_run(handle: RunHandle, since: float, parent: str | None) -> Run:
    """Return an accepted run that waits for its recovery."""
    run = Run(handle, Deferred(), since, parent)
    run.accepted.resolve(run.handle)
    return run


def as_quarantine(suspicion: Suspicion) -> Quarantine:
    """Return the quarantine of a quarantined suspect."""
    return Quarantine(suspicion.run_id, suspicion.quarantined_at or 0.0, suspicion.reason or "")
