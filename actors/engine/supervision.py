"""Runs in progress: their supervisors start, share the permits, and end."""

from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.dispatch import Deferred, Recipient, answer_error, handles
from stretto.actors.engine.effective_definitions import EffectiveDefinitions, RunStart
from stretto.actors.engine.run_table import Run, RunTable
from stretto.actors.history import stored_handle
from stretto.actors.journal import Child, RunExists
from stretto.actors.outcome import RunWasParked
from stretto.actors.runs import (
    BeginRun,
    ChildEnded,
    ChildRefused,
    DiscardRun,
    FileRules,
    Grant,
    PermitsGranted,
    ReturnPermits,
    RunEnded,
    RunParked,
    RunRefused,
    RunRequest,
    RunSupervisor,
    Services,
    SharePermits,
    conflict_error,
)
from stretto.definitions.context import Mask, RunEnvironment
from stretto.definitions.model import NORMAL, weight_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stretto.actors.dispatch import Lane
    from stretto.actors.engine.news import EngineNews

_BEGIN: Final = BeginRun()


class RunSupervision:
    """Starts a supervisor for each run, and removes the run at its end."""

    def __init__(
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        definitions: EffectiveDefinitions,
        table: RunTable,
        news: "EngineNews",
    ) -> None:
        self._services = services
        self._news = news
        self._engine = engine.actor_inbox
        self._definitions = definitions
        self._table = table
        self._listeners: list[Recipient] = []

    # ---- runs begin

    def check_files(self, request: RunRequest) -> None:
        """Raise `RefusedFile` if the run may not use a file whose path is known already."""
        if request.shape.uses_files:
            FileRules(request.workflow, request.origin, self._services.files.access).check_fixed_paths()

    def start(self, request: RunRequest, item: pykka.ActorRef[Any] | None = None) -> None:
        """Start a run. `item` waits for its end if the run is a sub-workflow."""
        parent, now = request.parent, self._services.now()
        run = Run(request.handle, request.accepted, now, None if parent is None else parent.run_id)
        run.item = item
        run.watchers = request.watchers
        run.labels = request.labels or run.labels
        run.scope = request.scope
        run.requested_by = request.requested_by
        run.event_depth = request.event_depth
        if parent is not None:
            run.as_child = Child(request.handle.id, parent.item, parent.attempt, now)
        self._table.add(run)
        request.limits = self._services.limits
        start = self._definitions.start_of(request.workflow, request.scope)
        request.surroundings = start.environment
        self.supervise(run, request, start, RunSupervisor)

    def is_in_progress(self, run_id: str) -> bool:
        """Return whether a run has been started here and has not ended."""
        return self._table.get(run_id) is not None

    def supervise(self, run: Run, request: RunRequest, start: RunStart, kind: type[RunSupervisor], *more: Any) -> None:
        """Start a run's supervisor, of class `kind`, whose constructor also takes `more`."""
        request.nested, request.secrecy = start.nested, start.secrecy
        request.mask = self.mask_of(run, request.surroundings)
        request.family = run.family
        request.followers = run.followers
        request.lane = lane = self._lane_of(run)
        if request.priority != NORMAL:
            run.priority = request.priority
            self._services.weights[request.handle.id] = weight_of(request.priority)
        run.attach_supervisor(kind.start_with(lane, _BEGIN, self._services, self._engine, request, *more))

    def _lane_of(self, run: Run) -> "Lane":
        """Return the one lane of a run and its children: many children get no more turns than one run."""
        if run.lane is None:
            parent = None if run.parent is None else self._table.get(run.parent)
            run.lane = self._services.dispatcher.lane() if parent is None else self._lane_of(parent)
        return run.lane

    def mask_of(self, run: Run, environment: RunEnvironment) -> Mask:
        """Return the one mask of a run and its children: a secret passed to a child stays a secret."""
        parent = None if run.parent is None else self._table.get(run.parent)
        if parent is not None:
            return self.mask_of(parent, environment)
        if run.mask is None:
            run.mask = Mask(base=environment.mask)
        return run.mask

    @handles(SharePermits)
    def _share_permits(self, message: SharePermits) -> None:
        """Do nothing: the engine shares out the permits at the end of every turn."""

    def notify_of_permits(self, changes: "Iterable[Any]", pool: str) -> None:
        """Send supervisors the permits of a pool that they are granted, or have to return."""
        for change in changes:
            run = self._table.get(change.run_id)
            if run is not None:
                granted = isinstance(change, Grant)
                run.tell(PermitsGranted(change.count, pool) if granted else ReturnPermits(change.count, pool))

    @handles(RunRefused)
    def _run_refused(self, message: RunRefused) -> None:
        run = self._table.get(message.run_id)
        if run is not None:
            run.tell_item(ChildRefused("invalid_input", message.reason))
        self.forget(message.run_id)

    @handles(RunExists)
    def _run_exists(self, message: RunExists) -> None:
        """Answer a submission with the earlier run that has its key."""
        run = self._table.get(message.run_id)
        if run is None:
            return
        run.tell(DiscardRun())
        self.forget(message.run_id)
        if not message.same_request:
            run.accepted.fail(conflict_error(message.existing))
            return
        self.replay_acceptance(message.existing, run.accepted)

    def replay_acceptance(self, run_id: str, answer: Deferred) -> None:
        """Answer a request with the run that an earlier one with its idempotency key has started."""
        earlier = self._table.get(run_id)
        if earlier is not None:
            answer.resolve(earlier.handle.as_replayed())
            return
        self._services.readers.read(
            lambda reader: stored_handle(run_id, reader).as_replayed(), answer.resolve, answer.fail
        )

    # ---- runs end

    @handles(RunEnded)
    def _run_ended(self, message: RunEnded) -> None:
        run = self._table.get(message.run_id)
        if run is None:
            return
        status = {
            "id": message.run_id,
            "workflow": run.handle.workflow,
            "status": message.outcome.status,
            "tasks": message.tasks,
        }
        self._table.remember(status, None if self._services.journal.durable else message.inputs)
        if message.outputs is not None:
            self._table.remember_outputs(message.run_id, message.outputs)
        if self._services.news_wanted:
            self._news.ended(run, message)
        for request in run.pending_requests():
            request.resolve_after_end(status)
        self._table.remove(message.run_id)  # its supervisor has released its permits
        run.handle.outcome.set(message.outcome)
        if self._listeners:
            self.notify_listeners(message)
        if run.item is not None:
            run.tell_item(ChildEnded(message.run_id, message.unmasked or message.outcome))

    def run_parked(self, message: RunParked) -> None:
        """Park a run until its store is opened again."""
        reason = f"{message.why}; the run {message.run_id} continues when its store is opened again"
        self.park(message.run_id, RunWasParked(reason))

    def park(self, run_id: str, parked: RunWasParked) -> None:
        """Drop an unfinished run and fail everything that waits for it."""
        run = self._table.get(run_id)
        if run is None:
            return
        run.accepted.fail(parked)
        run.fail_requests(parked)
        answer_error(run.handle.outcome, parked)
        self.notify_listeners(RunParked(run_id))
        self.forget(run_id)

    def forget(self, run_id: str) -> None:
        """Remove a run that is no longer in progress."""
        self._table.remove(run_id)
        self._services.forget_permits(run_id)

    def add_listener(self, listener: Recipient) -> None:
        """Send `RunEnded` and `RunParked` of every run to an actor, or to a part of the engine."""
        self._listeners.append(listener)

    def notify_listeners(self, message: RunEnded | RunParked) -> None:
        """Send the end of a run to all listeners."""
        for listener in tuple(self._listeners):
            try:
                listener.tell(message)
            except pykka.ActorDeadError:  # a listener may end before the engine
                self._listeners.remove(listener)
