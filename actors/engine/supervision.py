"""The runs in progress of an engine: how they begin, share its permits, call each other, and end."""

import contextlib
from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.catalogue import Catalogue
from stretto.actors.dispatch import Deferred, DispatchedActor, answer_error
from stretto.actors.engine.run_table import Run, RunTable
from stretto.actors.history import outcome_for_parent, stored_handle
from stretto.actors.journal import Child, Reader, RunExists, StoreUnavailable
from stretto.actors.outcome import RunHandle, RunWasParked
from stretto.actors.packs import PackConfiguration
from stretto.actors.runs import (
    MAX_DEPTH,
    AttachChild,
    BeginRun,
    ChildEnded,
    ChildPauseChanged,
    ChildRefused,
    ControlChild,
    DiscardRun,
    Forwarded,
    Grant,
    PermitsGranted,
    ReturnPermits,
    RunEnded,
    RunParked,
    RunPauseChanged,
    RunRefused,
    RunRequest,
    RunSupervisor,
    Services,
    SharePermits,
    StartChild,
    conflict_error,
)
from stretto.definitions.context import Mask, RunEnvironment
from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from collections.abc import Callable

READ_AGAIN_SECONDS: Final = 1.0
"""After this it is tried again to read from a store that could not be read."""


class SupervisedRuns(DispatchedActor):
    """Starts a supervisor for each run, and knows them until they have ended."""

    def __init__(self, services: Services, catalogue: Catalogue, surroundings: PackConfiguration) -> None:
        super().__init__()
        self._services = services
        self._catalogue = catalogue
        self._surroundings = surroundings
        self._runs = RunTable()
        self._listeners: list[pykka.ActorRef[Any]] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            SharePermits: lambda _message: None,
            RunEnded: self._run_ended,
            RunPauseChanged: self._run_pause_changed,
            RunRefused: self._run_refused,
            RunParked: self._run_parked,
            RunExists: self._run_exists,
            StartChild: self._start_child,
            AttachChild: self._attach_child,
            ControlChild: self._control_child,
        }

    def on_receive(self, message: Any) -> Any:
        """Handle a message; see `messages`, "to the engine"."""
        handler = self._handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(message)

    def on_turn_end(self) -> None:
        """Share out the permits, once for all that has been asked for and given back by now."""
        for change in self._services.permits.share_out():
            run = self._runs.get(change.run_id)
            if run is not None:
                granted = isinstance(change, Grant)
                run.tell(PermitsGranted(change.count) if granted else ReturnPermits(change.count))

    def _run_left(self) -> None:
        """A run is no more in progress."""

    # ---- runs begin

    def _start_run(self, request: RunRequest, item: pykka.ActorRef[Any] | None) -> None:
        """Start a run's supervisor; `item` is told the run's end, if it is a child."""
        parent, now = request.parent, self._services.now()
        run = Run(request.handle, request.accepted, now, None if parent is None else parent.run_id)
        run.item = item
        run.watchers = request.watchers
        run.scope = request.scope
        if parent is not None:
            run.as_child = Child(request.handle.id, parent.item, parent.attempt, now, ended=False)
        self._runs.add(run)
        request.surroundings = self._surroundings.of_workflow(request.workflow.ref)
        self._supervise(run, request, RunSupervisor)

    def _supervise(self, run: Run, request: RunRequest, kind: type[RunSupervisor], *more: Any) -> None:
        """Start a run's supervisor of that kind, which takes `more`, with all that is known here."""
        catalogue = run.scope or self._catalogue
        request.nested = catalogue.nested_refs()
        request.secrecy = catalogue.secrecy_of(request.workflow)
        request.mask = self._mask_of(run, request.surroundings)
        supervisor = kind.start_on(self._services.dispatcher, self._services, self.actor_ref, request, *more)
        run.supervised(supervisor)
        supervisor.tell(BeginRun())

    def _mask_of(self, run: Run, surroundings: RunEnvironment) -> Mask:
        """Return the one mask of a run and its children: what the parent passes on is as secret there."""
        parent = None if run.parent is None else self._runs.get(run.parent)
        if parent is not None:
            return self._mask_of(parent, surroundings)
        if run.mask is None:
            run.mask = Mask(base=surroundings.mask)
        return run.mask

    # ---- runs call each other

    def _start_child(self, message: StartChild) -> None:
        if message.depth > MAX_DEPTH:
            reason = f"workflows call workflows at most {MAX_DEPTH} levels deep; {message.workflow} would be the next"
            self._tell_item(message.item, ChildRefused("limit_exceeded", reason))
            return
        parent = self._runs.get(message.parent.run_id)
        scope = None if parent is None else parent.scope
        try:
            definition = (scope or self._catalogue).find(message.workflow)
        except StrettoError as error:
            self._tell_item(message.item, ChildRefused(error.code, str(error)))
            return
        handle = RunHandle(message.run_id, definition.ref, pykka.ThreadingFuture())
        request = RunRequest(definition, message.inputs, handle, Deferred())
        request.parent = message.parent
        request.scope = scope
        request.depth = message.depth
        self._start_run(request, message.item)

    def _attach_child(self, message: AttachChild) -> None:
        """Have an item know of the run that performs it already, or of how that one has ended."""
        run_id, item = message.run_id, message.item
        run = self._runs.get(run_id)
        if run is not None:
            run.item = item
            if run.paused:
                self._tell_item(item, ChildPauseChanged(paused=True))
            return

        def read(reader: Reader) -> ChildEnded:
            return ChildEnded(run_id, outcome_for_parent(reader, run_id))

        def refused(error: Exception) -> None:
            if isinstance(error, StoreUnavailable):  # it will be there again: the item waits for that
                self._services.timers.remind_after(READ_AGAIN_SECONDS, self.actor_ref, message)
            else:
                self._tell_item(item, ChildRefused("internal", str(error)))

        self._services.readers.read(read, lambda ended: self._tell_item(item, ended), refused)

    def _control_child(self, message: ControlChild) -> None:
        run = self._runs.get(message.run_id)
        if run is not None:
            run.tell(Forwarded(message.message, Deferred()))

    def _run_refused(self, message: RunRefused) -> None:
        run = self._runs.get(message.run_id)
        if run is not None:
            run.tell_item(ChildRefused("invalid_input", message.reason))
        self._forget(message.run_id)

    def _run_exists(self, message: RunExists) -> None:
        """Answer whoever submitted a run with the earlier one that has its key."""
        run = self._runs.get(message.run_id)
        if run is None:
            return
        run.tell(DiscardRun())
        self._forget(message.run_id)
        if not message.same_request:
            run.accepted.fail(conflict_error(message.existing))
            return
        earlier = self._runs.get(message.existing)
        if earlier is not None:
            run.accepted.resolve(earlier.handle)
            return
        existing = message.existing
        self._services.readers.read(
            lambda reader: stored_handle(existing, reader), run.accepted.resolve, run.accepted.fail
        )

    @staticmethod
    def _tell_item(item: pykka.ActorRef[Any], message: Any) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # it has timed out, or its run has crashed
            item.tell(message)

    # ---- runs end

    def _run_ended(self, message: RunEnded) -> None:
        run = self._runs.get(message.run_id)
        if run is None:
            return
        status = {
            "id": message.run_id,
            "workflow": run.handle.workflow,
            "status": message.outcome.status,
            "tasks": message.tasks,
        }
        self._runs.remember(status, None if self._services.journal.durable else message.again)
        for question in run.questions():
            question.answer_after_end(status)
        self._forget(message.run_id)
        run.handle.outcome.set(message.outcome)
        self._tell_listeners(message)
        run.tell_item(ChildEnded(message.run_id, message.unmasked or message.outcome))

    def _run_pause_changed(self, message: RunPauseChanged) -> None:
        run = self._runs.get(message.run_id)
        if run is not None:
            run.paused = message.paused
            run.tell_item(ChildPauseChanged(message.paused))

    def _run_parked(self, message: RunParked) -> None:
        reason = f"{message.why}; the run {message.run_id} goes on when its store is opened again"
        self._park(message.run_id, RunWasParked(reason))

    def _park(self, run_id: str, parked: RunWasParked) -> None:
        """Have nothing more to do with a run that has not ended, and tell whoever waits for it."""
        run = self._runs.get(run_id)
        if run is None:
            return
        run.accepted.fail(parked)
        run.fail_questions(parked)
        answer_error(run.handle.outcome, parked)
        self._tell_listeners(RunParked(run_id))
        self._forget(run_id)

    def _tell_listeners(self, message: RunEnded | RunParked) -> None:
        for listener in self._listeners:
            with contextlib.suppress(pykka.ActorDeadError):  # whoever it told is gone before the engine
                listener.tell(message)

    def _forget(self, run_id: str) -> None:
        self._runs.remove(run_id)
        self._services.permits.forget(run_id)
        self._run_left()
