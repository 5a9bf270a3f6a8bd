"""Recovery of runs: those that an earlier engine left unfinished, and those whose supervisors crashed."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, handles
from stretto.actors.engine.recovery_queue import FIRST_RESTART_SECONDS, MAX_RESTARTS, RecoveryQueue
from stretto.actors.engine.run_table import Run, RunTable
from stretto.actors.engine.submission import Admission
from stretto.actors.engine.supervision import EffectiveDefinitions, RunSupervision
from stretto.actors.history import RunLoaded, RunNotLoaded
from stretto.actors.journal import Child, Ending, Happened, RunUnrecordable, StoreUnavailable, Unfinished, Unrecordable
from stretto.actors.outcome import RunHandle, RunWasParked, failed_with
from stretto.actors.runs import (
    CatchUpWithParent,
    ChildRefused,
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
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

LONGEST_READ_SECONDS: Final = 5.0
"""The longest wait before the next attempt to read a run from a store that could not be read."""

_log = get_logger("stretto.engine")


class RunRestarting(StrettoError):
    """The run's supervisor failed during the request and is being restarted. Check the run, then retry."""

    code = "run_restarting"


class RunRecovery:
    """Recovers runs from the store, and fails those that cannot be recovered."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts below it
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        definitions: EffectiveDefinitions,
        table: RunTable,
        runs: RunSupervision,
        admission: Admission,
    ) -> None:
        self._services = services
        self._engine = engine
        self._definitions = definitions
        self._table = table
        self._runs = runs
        self._admission = admission
        self._queue = RecoveryQueue(engine, services.readers)

    @property
    def finished(self) -> Deferred:
        """Answered when the unfinished runs of the earlier engine are recovered."""
        return self._queue.finished

    def recover_unfinished(self, unfinished: Iterable[Unfinished]) -> None:
        """Recover the runs that an earlier engine left."""
        left = tuple(unfinished)
        for each in left:
            handle = RunHandle(each.run_id, each.workflow, SparseFuture())
            run = Run(handle, Deferred(), each.accepted_at, each.parent)
            run.accepted.resolve(run.handle)
            self._table.add(run)
        self._cancel_orphans(self._queue.enqueue_unfinished(left))

    def stop(self) -> None:
        """Recover no more runs: the engine stops."""
        self._queue.clear()

    # ---- runs are loaded and replayed

    @handles(RunLoaded)
    def _run_loaded(self, message: RunLoaded) -> None:
        accepted = message.accepted
        run = self._table.get(accepted.run_id)
        if run is None or self._admission.closed:
            self._queue.finished_one(accepted.run_id)
            return
        request = RunRequest(accepted.workflow, {}, run.handle, run.accepted)
        request.parent, request.depth = accepted.parent, accepted.depth
        request.origin = accepted.origin
        request.rerun, request.reuse_plan = accepted.rerun, message.reuse_plan
        request.surroundings, request.limits = accepted.surroundings, accepted.limits
        # Both today's secrets and those of the time when the run began are masked.
        mask = self._runs.mask_of(run, self._definitions.pack_configuration.of_workflow(accepted.workflow.ref))
        mask.add(accepted.surroundings.mask.known()[0])
        request.watchers = run.watchers
        children = (*message.children, *self._unrecorded_children(accepted.run_id, message.children))
        self._runs.supervise(run, request, RecoveringSupervisor, RecoverySource(accepted, children))

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
            child = self._table.get(child_id)
            if child is not None and request is not None:
                child.tell(CatchUpWithParent(request))
        run = self._table.get(message.run_id)
        if run is not None:
            run.failed_reads = 0
        waiting = self._queue.take_children(message.run_id)
        self._cancel_orphans(child_id for child_id in waiting if child_id not in message.children)
        self._queue.enqueue(waiting)
        self._queue.finished_one(message.run_id)

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
            self._queue.finished_one(run_id)
            return
        was_supervised = run.supervisor is not None
        run.detach_supervisor()
        self._services.permits.forget(run_id)
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
            self._recovery_broken_off(run_id, reason)
        else:
            self._fail_unsupervised(run_id, run, "recovery_failed", f"the run cannot be recovered: {reason}")

    def _recovery_broken_off(self, run_id: str, reason: str) -> None:
        """Park a run whose replay was broken off because an evaluation took too long. That fails nothing."""
        self._park_subtree(run_id, reason)

    def _park_subtree(self, run_id: str, reason: str) -> None:
        """Park a run and its children until an engine with the right key opens the store."""
        for child_id in self._queue.take_children(run_id):
            self._park_subtree(child_id, reason)
        self._runs.park(run_id, RunWasParked(f"the run {run_id} continues when an engine can read it: {reason}"))
        self._queue.finished_one(run_id)

    # ---- supervisors crash

    @handles(RunCrashed)
    def _run_crashed(self, message: RunCrashed) -> None:
        run = self._table.get(message.run_id)
        if run is None:
            return
        if not self._services.journal.durable or run.restarts >= MAX_RESTARTS:
            self._fail_unsupervised(message.run_id, run, "supervisor_crashed", message.reason)
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
        self._queue.postpone(message.run_id)
        self._restart_run(RestartRun(message.run_id, flushed=False))

    def _leave_supervisor(self, run_id: str, run: Run, what: str) -> None:
        run.detach_supervisor()
        run.fail_requests(
            RunRestarting(
                f"the supervisor of the run {run_id} {what} and is being restarted; the request may have taken effect: "
                "check the run, then retry"
            )
        )
        self._services.permits.forget(run_id)

    def _read_later(self, run_id: str, run: Run) -> None:
        """Retry to load a run, at growing intervals: many runs may wait for the same store."""
        self._queue.postpone(run_id)
        wait = min(FIRST_RESTART_SECONDS * 2**run.failed_reads, LONGEST_READ_SECONDS)
        run.failed_reads = min(run.failed_reads + 1, 16)
        self._services.timers.remind_after(wait, self._engine, RestartRun(run_id, flushed=False))

    def _restart_later(self, run_id: str, run: Run) -> None:
        """Recover a run after a wait that grows with each restart."""
        self._queue.postpone(run_id)
        wait = FIRST_RESTART_SECONDS * 4 ** max(run.restarts - 1, 0)
        self._services.timers.remind_after(wait, self._engine, RestartRun(run_id, flushed=False))

    @handles(RestartRun)
    def _restart_run(self, message: RestartRun) -> None:
        run = self._table.get(message.run_id)
        if run is None or run.supervisor is not None:
            return
        if self._admission.closed:
            self._runs.run_parked(RunParked(message.run_id))
        elif message.flushed:
            self._queue.enqueue([message.run_id])
        else:  # the crashed supervisor's last records must be durable before they are read
            self._services.journal.record(None, ((self._engine, RestartRun(message.run_id, flushed=True)),))

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
        self._fail_unsupervised(message.run_id, run, Unrecordable.code, reason)

    def _fail_unsupervised(self, run_id: str, run: Run, code: str, reason: str) -> None:
        """Fail a run that has no supervisor, and record its end."""
        outcome = failed_with(code, reason)
        run.accepted.resolve(run.handle)
        ended = RunEnded(run_id, outcome, {})
        now = self._services.now()
        ending = Ending(outcome.status, None, outcome.errors, now)
        happened = Happened(run_id=run_id, first=0, entries=(), secret=False, status=outcome.status, ending=ending)
        self._services.instruments.workflow(run.handle.workflow).run_finished("failed", max(now - run.since, 0.0))
        self._services.journal.record(happened, ((self._engine, ended),))
        self._cancel_orphans(child_id for child_id, _ in self._table.children_of(run_id))
        self._queue.enqueue(self._queue.take_children(run_id))
        self._queue.finished_one(run_id)
