"""The supervisor of one run: the actor that owns its execution, and with it the run's single authoritative context.

    messages --> RunExecution: events in, commands out
    requests --> answers: now, or once they are durable

Nothing else ever changes the run's context. Metrics, permits, the journal and watchers wait for the end of the turn.
Nothing starts before the run's acceptance is durable.
"""

import itertools
from functools import partial
from typing import Any, ClassVar, Final

from stretto.actors.dispatch import (
    Deferred,
    DispatchedActor,
    Overran,
    Recipient,
    ask_deferred,
    forward,
    handles,
    when_settled,
)
from stretto.actors.history import (
    count_cancelled,
    ended_output,
    explain_waits,
    kept_report,
    quarantined_children,
)
from stretto.actors.outcome import abandoned
from stretto.actors.pools import CallsEnded
from stretto.actors.runners import describe
from stretto.actors.runs.blockers import blockers_of
from stretto.actors.runs.change_messages import (
    FollowRun,
    NewsKind,
    ReportChanges,
    RunChanges,
    RunStatusChanged,
    UnfollowRun,
)
from stretto.actors.runs.changes import count_items
from stretto.actors.runs.ending import last_entry
from stretto.actors.runs.event_feed import WHILE_UNFINISHED
from stretto.actors.runs.execution import EXECUTION_HANDLERS, RunExecution
from stretto.actors.runs.item_output import ItemNotInFlight, check_attempt, find_item_in_flight, item_just_ended_error
from stretto.actors.runs.looking import PreviewCancel, ReportCells, ReportItem, report_visit
from stretto.actors.runs.messages import (
    AbandonRun,
    BeginRun,
    ControlRun,
    DiscardRun,
    ExplainWaits,
    Forwarded,
    ParkWhenIdle,
    ReportItemOutput,
    ReportOutput,
    ReportStatus,
    ReportVersion,
    RunRecorded,
    RunRefused,
    WatcherReady,
    WatchRun,
)
from stretto.actors.runs.needs import needs_of
from stretto.actors.runs.request import RunRequest, bind_inputs
from stretto.actors.runs.services import Services
from stretto.actors.runs.waiting_messages import CancelMadeInquiry, MakeInquiry, ReportMadeInquiry
from stretto.definitions.conductor import Conductor, IllegalTransition
from stretto.definitions.data import FrozenDict
from stretto.definitions.errors import InvalidInput, LimitExceeded, StrettoError
from stretto.metrics import mask_run

_ANSWERED_WHEN_DURABLE: Final = frozenset(
    {ControlRun, ReportChanges, MakeInquiry, CancelMadeInquiry, ReportMadeInquiry}
)
_POSTPONED: Final = frozenset({*EXECUTION_HANDLERS, ReportChanges})
"""The requests that wait for the end of an unfinished event: a report would be ahead of the entry that it names."""


_RECORDED: Final = RunRecorded()

_VERSIONS: Final = itertools.count()
"""The versions of all runs: no supervisor has one of another, nor of the one before it."""


class RunSupervisor(DispatchedActor):
    """Conducts one run from its acceptance to its end.

    Supervisors are not in Pykka's registry, a list that each removal scans: the engine stops them when it ends.
    """

    registered = False
    recovers: ClassVar[bool] = False
    """Whether the run was in progress before."""

    def __init__(self, services: Services, engine: Recipient, request: RunRequest) -> None:
        self._services = services  # the base does nothing
        self._request = request
        self._run = RunExecution(services, engine, request, self.actor_inbox)
        self._early: tuple[Forwarded, ...] = ()
        """Requests that came before the run has begun."""
        self._changed = True
        """Whether the run may have changed since its watchers' last report."""
        self._touched = True
        """Whether this turn may change the run."""
        self._version = next(_VERSIONS)
        self._reported_status: str | None = None
        """The status that those who listen to the engine know."""

    def on_receive(self, message: Any) -> Any:
        """Pass events to the execution, and handle all other messages here."""
        handler = EXECUTION_HANDLERS.get(type(message))
        try:
            if handler is None:
                handler = self._message_handlers.get(type(message))  # as the class above
                return super().on_receive(message) if handler is None else handler(self, message)
            self._changed = self._touched = True
            if self._run.unfinished is not None and type(message) not in WHILE_UNFINISHED:
                return self._run.postpone(self._run.unfinished, message)
            return handler(self._run, message)
        except Overran:
            if not self._run.interrupted:
                raise
            return None  # the run has failed, or another supervisor fails it

    def on_turn_end(self) -> None:  # noqa: C901 - a call less for each turn
        """Start the items that this turn made room for, and flush what it gathered."""
        run, conductor = self._run, self._run.conductor
        status: str | None = None
        if not run.ended:
            run.start_items()
            run.telemetry.flush(conductor)
        if self._touched:
            self._touched, self._version = False, next(_VERSIONS)
        if conductor is not None:
            if run.uses_files:
                run.streams.flush(conductor.mask)
            if run.begun:
                status = conductor.status if conductor.status != "paused" else run.status
                if status != self._reported_status and not run.ended:
                    self._report_status(conductor, status)
            run.log.flush(status, conductor.mask)
        if run.ended or not run.begun or conductor is None:
            return
        run.schedule_step()
        run.update_permits()
        if self._request.parent is not None:
            for change in run.propagation.changes(status):
                run.listeners.notify_engine(change)
        if run.ending.parks_when_idle and run.unfinished is None and run.ending.is_idle(conductor):
            self._park()
        if run.listeners.watchers or (self._changed and run.listeners.asked):
            run.listeners.end_turn(run.run_id, conductor, run.status, changed=self._changed)
        self._changed = False

    def _report_status(self, conductor: Conductor, status: str) -> None:
        """Report a change of the run's status to those who listen to the engine, once it is durable."""
        if self._services.news_wanted:
            kind: NewsKind = "status" if self._reported_status or not self.recovers else "recovered"
            counts = count_items(conductor.tasks())
            self._run.log.tell(self._run.listeners.engine, RunStatusChanged(self._run.run_id, kind, status, counts))
        self._reported_status = status

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stop the items and report to the engine: a crash of a supervisor affects its run only."""
        run = self._run
        reason = describe(error) if error is not None else "it was stopped"
        if run.conductor is not None:
            reason = run.conductor.mask.text(reason)
            # The events before the one that failed are true.
            run.log.flush(None, run.conductor.mask)
        run.unfinished = None
        run.ending.leave()
        run.close()
        if not run.ended:
            run.ending.crash(reason)

    def on_stop(self) -> None:
        """Report to the engine if this actor is stopped before its run has ended."""
        run = self._run
        run.close()
        if not run.ended:
            run.items.leave()
            run.ending.report_crash("the run's supervisor was stopped")

    # ---- the begin

    @handles(BeginRun)
    def _begin_run(self, _message: BeginRun) -> None:
        run, request = self._run, self._request
        try:
            parameters = bind_inputs(self._services.guard, request.workflow, request.inputs)
        except (InvalidInput, LimitExceeded) as error:
            run.ended = True
            run.listeners.notify_engine(RunRefused(run.run_id, str(error)))
            request.accepted.fail(error)
            self.stop()
            return
        accepted_at = self._services.now()
        conductor = self._make_conductor(parameters, accepted_at)
        if not run.log.durable and not request.audit:
            request.accepted.resolve(request.handle)
            self._start_conducting(_RECORDED)
            return
        needs = needs_of(self._services, request)
        accepted = request.acceptance(parameters, accepted_at, needs, secret=bool(conductor.mask))
        run.log.accept(accepted, (self.actor_inbox, _RECORDED), (request.accepted, request.handle))

    def _make_conductor(self, parameters: FrozenDict, accepted_at: float) -> Conductor:
        run, request = self._run, self._request
        run.ending.parameters = parameters
        run.conductor = conductor = self._services.make_conductor(
            request.workflow, run.run_id, parameters, accepted_at,
            None if request.parent is None else request.parent.system_parent,
            surroundings=request.surroundings, mask=request.mask, secrecy=request.secrecy,
            limits=request.limits, user="" if request.requested_by is None else request.requested_by.who,
        )  # fmt: skip
        run.connect(conductor)
        # Also without secrets: those of its sub-workflows are added to this mask.
        mask_run(run.run_id, conductor.mask.anything)
        return conductor

    @handles(RunRecorded)
    def _start_conducting(self, _message: RunRecorded) -> None:
        run = self._run
        if run.conductor is None or run.ended:
            return
        run.telemetry.started()
        if self._services.news_wanted:
            counts = count_items(run.conductor.tasks())
            run.listeners.notify_engine(RunStatusChanged(run.run_id, "accepted", "accepted", counts))
        run.begun = True
        if run.deadlines is not None:
            run.deadlines.run_started(self._services.now())
        run.begin(run.conductor)
        if self._request.parent is not None:
            run.catch_up_with_parent()
        run.start_items()
        if self._services.news_wanted and not run.ended:
            self._report_status(run.conductor, run.status)  # now: the run may end in this turn
        if self._early:
            self._handle_early()

    def _handle_early(self) -> None:
        early, self._early = self._early, ()
        for message in early:
            self._forwarded(message)

    @handles(CallsEnded)
    def _calls_ended(self, message: CallsEnded) -> None:
        for item, finished in message.ends:
            item.end_within_turn(finished, message.at)

    # ---- requests

    @handles(Forwarded)
    def _forwarded(self, message: Forwarded) -> None:
        if not self._run.begun:
            self._early += (message,)
            return
        if self._run.unfinished is not None and type(message.message) in _POSTPONED:
            self._run.postpone(self._run.unfinished, message)
            return
        try:
            value = self.on_receive(message.message)
        except StrettoError as error:
            message.answer.fail(error)
            return
        if self._run.interrupted:
            return  # the engine answers
        if type(message.message) in _ANSWERED_WHEN_DURABLE:
            self._run.answer_recorded(message.answer, value)
        else:
            forward(value, message.answer)

    @handles(ReportStatus)
    def _status(self, _message: ReportStatus) -> dict[str, Any]:
        conductor = self._run.conductor
        return {
            "id": self._run.run_id, "workflow": self._request.workflow.ref, "status": self._run.status,
            "tasks": conductor.tasks() if conductor is not None else {},
        }  # fmt: skip

    @handles(ReportVersion)
    def _report_version(self, _message: ReportVersion) -> int:
        return next(_VERSIONS) if self._touched else self._version

    @handles(ExplainWaits)
    def _waits(self, message: ExplainWaits) -> list[dict[str, Any]]:
        run = self._run
        if run.conductor is None:
            return []
        children = quarantined_children(message.quarantined)
        return [*children, *explain_waits(run.conductor, message.task, blockers_of(self._services, run))]

    @handles(ReportItemOutput)
    def _item_output(self, message: ReportItemOutput) -> dict[str, Any] | Deferred:
        run, task, index = self._run, message.task, message.index
        try:
            check_attempt(run.conductor, message)
            item = find_item_in_flight(run.items.mailboxes(), self._request.workflow, task, index)
        except ItemNotInFlight as error:
            return self._ended_output(message, error)
        return ask_deferred(item, ReportOutput(message.watcher), item_just_ended_error())

    @handles(ReportCells, ReportItem)
    def _visit(self, message: ReportCells | ReportItem) -> Deferred:
        return report_visit(self._services, self._run, message)

    @handles(PreviewCancel)
    def _preview_cancel(self, _message: PreviewCancel) -> dict[str, Any]:
        conductor = self._run.conductor
        if conductor is None:
            raise RuntimeError("a run that has begun has a conductor")
        return count_cancelled(conductor)

    def _ended_output(self, message: ReportItemOutput, not_in_flight: ItemNotInFlight) -> dict[str, Any] | Deferred:
        """Return the output of an item that has ended, from memory, or from the store once its end is durable."""
        run, task, index = self._run, message.task, message.index
        if not run.log.durable:
            kept = None if run.log.in_memory is None else run.log.in_memory.find(task, index)
            if kept is None or message.attempt not in {None, kept.attempt}:
                raise not_in_flight
            return kept_report(kept)
        answer, recorded = Deferred(), Deferred()
        read = partial(ended_output, run.run_id, task, index, not_in_flight, attempt=message.attempt)
        run.log.answer(recorded, None)
        when_settled(recorded, lambda: self._services.readers.read(read, answer.resolve, answer.fail))
        return answer

    @handles(WatchRun)
    def _watch(self, message: WatchRun) -> None:
        self._run.listeners.add_watcher(message.watcher)

    @handles(WatcherReady)
    def _watcher_ready(self, message: WatcherReady) -> None:
        self._run.listeners.watcher_ready(message.watcher)

    @handles(FollowRun)
    def _follow(self, message: FollowRun) -> None:
        self._run.listeners.follow(message.follower)

    @handles(UnfollowRun)
    def _unfollow(self, message: UnfollowRun) -> None:
        self._run.listeners.unfollow(message.follower)

    @handles(ReportChanges)
    def _report_changes(self, message: ReportChanges) -> RunChanges:
        run, conductor = self._run, self._run.conductor
        if conductor is None or run.ended:
            raise IllegalTransition(f"the run {run.run_id} has ended")
        return run.listeners.changes(message, run.status, run.run_id, conductor, last_entry(conductor, run.log))

    # ---- the end

    @handles(AbandonRun)
    def _abandon_run(self, _message: AbandonRun) -> None:
        run = self._run
        if run.ended:
            return
        if run.log.durable:
            self._park()
        else:
            run.items.stop()
            run.finish(abandoned())

    @handles(ParkWhenIdle)
    def _park_when_idle(self, _message: ParkWhenIdle) -> None:
        self._run.ending.parks_when_idle = self._run.log.durable

    def _park(self) -> None:
        """Stop without an end: the journaled run continues when an engine opens the store again."""
        run = self._run
        run.leave_unfinished()
        run.ending.park(run.conductor if run.begun else None, run.log)
        run.ended = True  # not before: a supervisor that fails without a report to the engine has crashed
        self.stop()

    @handles(DiscardRun)
    def _discard_run(self, _message: DiscardRun) -> None:
        self._run.ended = True
        self._run.ending.leave()
        self.stop()
