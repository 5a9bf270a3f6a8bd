"""Runs that an engine takes up again: what an earlier one has left, what a crashed supervisor has, and reruns."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import pykka

from stretto.actors.catalogue import Catalogue
from stretto.actors.dispatch import Deferred
from stretto.actors.engine.recovery_queue import FIRST_RESTART_SECONDS, MAX_RESTARTS, Recovery
from stretto.actors.engine.run_table import MAX_REMEMBERED_RUNS, Run
from stretto.actors.engine.supervision import SupervisedRuns
from stretto.actors.history import RunLoaded, RunNotLoaded, kept_from
from stretto.actors.journal import (
    Child,
    Ending,
    Happened,
    Reader,
    Rerun,
    RerunScope,
    RunUnrecordable,
    StoreUnavailable,
    Unfinished,
    Unrecordable,
)
from stretto.actors.outcome import RunHandle, RunWasParked, UnknownRun, failed_with
from stretto.actors.packs import PackConfiguration
from stretto.actors.runs import (
    CatchUpWithParent,
    ChildRefused,
    DiscardRun,
    OldRunRead,
    RecoveringSupervisor,
    RecoverySource,
    RestartRun,
    RunCrashed,
    RunEnded,
    RunParked,
    RunRecovered,
    RunRequest,
    Services,
)
from stretto.definitions.conductor import CancelRequested, IllegalTransition
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

LONGEST_READ_SECONDS: Final = 5.0
"""The longest wait before it is tried again to read a run from a store that could not be read."""
SCOPES: Final = ("everything", "failed_tasks", "failed_items")

_log = get_logger("stretto.engine")


class RunRestarting(StrettoError):
    """The run's supervisor crashed while it was asked for something, and is being restarted: look, and ask again."""

    code = "run_restarting"


class RecoveredRuns(SupervisedRuns):
    """Rebuilds runs from the store."""

    def __init__(self, services: Services, catalogue: Catalogue, surroundings: PackConfiguration) -> None:
        super().__init__(services, catalogue, surroundings)
        self._stopped: Deferred | None = None
        self._recovery = Recovery(self.actor_ref, services.readers)
        self._handlers |= {
            RunCrashed: self._run_crashed,
            RestartRun: self._restart_run,
            RunLoaded: self._run_loaded,
            RunNotLoaded: self._run_not_loaded,
            RunRecovered: self._run_rebuilt,
            RunUnrecordable: self._run_unrecordable,
            OldRunRead: self._old_run_read,
        }

    def _take_up(self, unfinished: Iterable[Unfinished]) -> None:
        """Rebuild the runs that an earlier engine has left."""
        left = tuple(unfinished)
        for each in left:
            run = Run(
                RunHandle(each.run_id, each.workflow, pykka.ThreadingFuture()),
                Deferred(),
                each.accepted_at,
                each.parent,
            )
            run.accepted.resolve(run.handle)
            self._runs.add(run)
        self._give_up_children(self._recovery.add_left(left))

    def _check_that_runs_are_accepted(self) -> None:
        """Raise why no run is accepted now."""

    def _run_loaded(self, message: RunLoaded) -> None:
        accepted = message.accepted
        run = self._runs.get(accepted.run_id)
        if run is None or self._stopped is not None:
            self._recovery.done(accepted.run_id)
            return
        request = RunRequest(accepted.workflow, {}, run.handle, run.accepted)
        request.parent, request.depth = accepted.parent, accepted.depth
        request.rerun, request.kept = accepted.rerun, message.kept
        request.surroundings = accepted.surroundings
        # What is secret now, and what was when the run began.
        mask = self._mask_of(run, self._surroundings.of_workflow(accepted.workflow.ref))
        mask.add(accepted.surroundings.mask.known()[0])
        request.watchers = run.watchers
        children = (*message.children, *self._children_under_way(accepted.run_id, message.children))
        self._supervise(run, request, RecoveringSupervisor, RecoverySource(accepted, children))

    def _children_under_way(self, run_id: str, known: Iterable[Child]) -> Iterator[Child]:
        """Yield a run's children that the supervisor before had started, and that are not in the store yet."""
        ids = {child.run_id for child in known}
        for child_id, run in self._runs:
            if run.parent == run_id and run.as_child is not None and child_id not in ids:
                yield run.as_child

    def _run_rebuilt(self, message: RunRecovered) -> None:
        """Have a run's sub-workflows follow it before anything of them starts."""
        for child_id, request in message.children.items():
            child = self._runs.get(child_id)
            if child is not None and request is not None:
                child.tell(CatchUpWithParent(request))
        run = self._runs.get(message.run_id)
        if run is not None:
            run.unread = 0
        below = self._recovery.below(message.run_id)
        self._give_up_children(child_id for child_id in below if child_id not in message.children)
        self._recovery.add(below)
        self._recovery.done(message.run_id)

    def _give_up_children(self, run_ids: Iterable[str]) -> None:
        """Have the runs of sub-workflows end whose items have ended without them."""
        for run_id in run_ids:
            run = self._runs.get(run_id)
            if run is not None:
                run.tell(CatchUpWithParent(CancelRequested(self._services.now())))

    def _run_not_loaded(self, message: RunNotLoaded) -> None:
        run_id, reason = message.run_id, message.reason
        run = self._runs.get(run_id)
        if run is None:
            self._recovery.done(run_id)
            return
        asked = run.supervisor is not None
        run.unsupervised()
        self._services.permits.forget(run_id)
        if message.again == "soon":
            if asked:  # what was asked of its supervisor, nobody answers any more
                run.fail_questions(StoreUnavailable(f"the run {run_id} cannot be read now: {reason}"))
            log = _log.debug if run.unread else _log.warning
            log("run_not_rebuilt_yet", run_id=run_id, reason=reason)
            self._read_later(run_id, run)
            return
        _log.error("run_not_rebuilt", run_id=run_id, reason=reason)
        if message.again == "with the key":
            self._leave_run(run_id, reason)
        else:
            self._break_run(run_id, run, "recovery_failed", f"the run cannot be rebuilt: {reason}")

    def _leave_run(self, run_id: str, reason: str) -> None:
        """Leave a run, and its sub-workflows, to an engine that can read it: nobody has said that it should end."""
        for child_id in self._recovery.below(run_id):
            self._leave_run(child_id, reason)
        self._park(run_id, RunWasParked(f"the run {run_id} goes on when an engine can read it: {reason}"))
        self._recovery.done(run_id)

    def _run_crashed(self, message: RunCrashed) -> None:
        run = self._runs.get(message.run_id)
        if run is None:
            return
        if not self._services.journal.durable or run.restarts >= MAX_RESTARTS:
            self._break_run(message.run_id, run, "supervisor_crashed", message.reason)
            return
        run.restarts += 1
        run.unsupervised()
        run.fail_questions(
            RunRestarting(
                f"the supervisor of the run {message.run_id} crashed, and is made anew: whether "
                "it has done what was asked, the run itself tells"
            )
        )
        self._services.instruments.supervisor_restarts.inc()
        self._services.permits.forget(message.run_id)
        self._restart_later(message.run_id, run)

    def _read_later(self, run_id: str, run: Run) -> None:
        """Rebuild a run when the store can be read again, perhaps; less and less often, there may be many of them."""
        self._recovery.postpone(run_id)
        wait = min(FIRST_RESTART_SECONDS * 2**run.unread, LONGEST_READ_SECONDS)
        run.unread = min(run.unread + 1, 16)
        self._services.timers.remind_after(wait, self.actor_ref, RestartRun(run_id, flushed=False))

    def _restart_later(self, run_id: str, run: Run) -> None:
        """Rebuild a run after a while, longer each time."""
        self._recovery.postpone(run_id)
        wait = FIRST_RESTART_SECONDS * 4 ** max(run.restarts - 1, 0)
        self._services.timers.remind_after(wait, self.actor_ref, RestartRun(run_id, flushed=False))

    def _restart_run(self, message: RestartRun) -> None:
        run = self._runs.get(message.run_id)
        if run is None or run.supervisor is not None:
            return
        if self._stopped is not None:
            self._run_parked(RunParked(message.run_id))
        elif message.flushed:
            self._recovery.add([message.run_id])
        else:  # what its supervisor had sent before it crashed must be there to be read
            self._services.journal.record(None, ((self.actor_ref, RestartRun(message.run_id, flushed=True)),))

    def _run_unrecordable(self, message: RunUnrecordable) -> None:
        run = self._runs.get(message.run_id)
        if run is None:
            return
        run.tell(DiscardRun())
        if run.accepted.fail(Unrecordable(message.reason)):
            run.tell_item(ChildRefused(Unrecordable.code, message.reason))
            self._forget(message.run_id)
            return
        reason = f"what happened cannot be written into the store: {message.reason}"
        self._break_run(message.run_id, run, Unrecordable.code, reason)

    def _break_run(self, run_id: str, run: Run, code: str, reason: str) -> None:
        """Fail a run that nobody supervises any more, and have its end written."""
        outcome = failed_with(code, reason)
        run.accepted.resolve(run.handle)
        ended = RunEnded(run_id, outcome, {})
        now = self._services.now()
        ending = Ending(outcome.status, None, outcome.errors, now)
        happened = Happened(run_id=run_id, first=0, entries=(), secret=False, status=outcome.status, ending=ending)
        self._services.instruments.workflow(run.handle.workflow).run_finished("failed", max(now - run.since, 0.0))
        self._services.journal.record(happened, ((self.actor_ref, ended),))
        self._give_up_children(child_id for child_id, other in self._runs if other.parent == run_id)
        self._recovery.add(self._recovery.below(run_id))
        self._recovery.done(run_id)

    # ---- runs are done again

    def rerun(self, run_id: str, scope: RerunScope = "everything") -> Any:
        """Start a run that does an ended one again, with its definition and inputs; answered with its `RunHandle`.

        `scope`: "everything"; "failed_tasks": what succeeded and does not follow on a failed task is kept;
        "failed_items": of a failed task's items, too, those that succeeded. The old run stays as it was.
        Raises (from `.get()`) `UnknownRun`, `IllegalTransition` if it has not ended, `NothingToRerun`, `CannotKeep`,
        and as `submit`.
        """
        self._check_that_runs_are_accepted()
        if scope not in SCOPES:
            raise ValueError(f"the scope of a rerun is one of {', '.join(SCOPES)}, not {scope!r}")
        if self._runs.get(run_id) is not None:
            raise IllegalTransition(f"cannot rerun the run {run_id}: it has not ended; cancel it first")
        if not self._services.journal.durable:
            return self._rerun_from_memory(run_id, scope)
        later = Deferred()

        def read(reader: Reader) -> None:
            accepted = reader.accepted(run_id)
            if accepted is None:
                raise UnknownRun(f"there is no run {run_id!r}")
            kept = kept_from(reader, accepted, scope)
            self.actor_ref.tell(OldRunRead(accepted, kept, Rerun(run_id, scope), later))

        self._services.readers.read(read, lambda _value: None, later.fail)
        return later

    def _rerun_from_memory(self, run_id: str, scope: RerunScope) -> Deferred:
        if self._runs.ended(run_id) is None:
            raise UnknownRun(f"there is no run {run_id!r} (the last {MAX_REMEMBERED_RUNS:,} that ended are remembered)")
        again = self._runs.inputs_of(run_id)
        if scope != "everything" or again is None:
            raise UnknownRun(
                f"what came of the run {run_id} is not known any more: an engine without a store does only recent runs "
                "again, and those as a whole"
            )
        handle = RunHandle(self._services.new_run_id(), again.workflow.ref, pykka.ThreadingFuture())
        request = RunRequest(again.workflow, again.parameters, handle, Deferred())
        request.rerun = Rerun(run_id, scope)
        self._start_run(request, None)
        return request.accepted

    def _old_run_read(self, message: OldRunRead) -> None:
        old = message.accepted
        handle = RunHandle(self._services.new_run_id(), old.workflow.ref, pykka.ThreadingFuture())
        request = RunRequest(old.workflow, old.parameters, handle, message.answer)
        request.rerun, request.kept = message.rerun, message.kept
        try:
            self._check_that_runs_are_accepted()
            self._start_run(request, None)
        except StrettoError as error:
            message.answer.fail(error)
