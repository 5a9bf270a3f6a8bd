"""Sub-workflows: items start their child runs, attach to them, and control them."""

import contextlib
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, handles
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.quarantine import QuarantinedRuns
from stretto.actors.engine.release import Release
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.history import outcome_for_parent
from stretto.actors.journal import Reader, StoreUnavailable
from stretto.actors.outcome import RunHandle
from stretto.actors.runs import (
    MAX_DEPTH,
    AttachChild,
    ChildCancelling,
    ChildEnded,
    ChildPauseChanged,
    ChildRefused,
    ControlChild,
    Forwarded,
    RunPauseChanged,
    RunRequest,
    Services,
    StartChild,
)
from stretto.definitions.errors import StrettoError

READ_AGAIN_SECONDS: Final = 1.0
"""The wait before the next attempt to read from a store that could not be read."""


class Children:
    """Introduces items to the child runs that execute them."""

    def __init__(  # noqa: PLR0913, PLR0917 - where child runs may be
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        definitions: EffectiveDefinitions,
        table: RunTable,
        runs: RunSupervision,
        quarantine: QuarantinedRuns,
        release: Release,
    ) -> None:
        self._services = services
        self._engine = engine
        self._definitions = definitions
        self._table = table
        self._runs = runs
        self._quarantine = quarantine
        self._release = release

    @handles(StartChild)
    def _start_child(self, message: StartChild) -> None:
        if message.depth > MAX_DEPTH:
            reason = f"workflows can be nested at most {MAX_DEPTH} levels deep, and {message.workflow} is one deeper"
            _tell_item(message.item, ChildRefused("limit_exceeded", reason))
            return
        parent = self._table.get(message.parent.run_id)
        scope = None if parent is None else parent.scope
        try:
            definition = (scope or self._definitions.catalogue).find_ref(message.workflow)
        except StrettoError as error:
            _tell_item(message.item, ChildRefused(error.code, str(error)))
            return
        handle = RunHandle(message.run_id, definition.ref, SparseFuture())
        request = RunRequest(definition, message.inputs, handle, Deferred())
        request.parent = message.parent
        request.depth = message.depth
        request.origin = message.origin
        request.scope = scope
        if parent is not None:
            request.requested_by, request.event_depth = parent.requested_by, parent.event_depth
            request.priority = parent.priority
        self._runs.start(request, message.item)

    @handles(AttachChild)
    def _attach_child(self, message: AttachChild) -> None:
        """Connect an item to its unfinished run, or send it the outcome of its ended run."""
        run_id, item = message.run_id, message.item
        run = self._table.get(run_id) or self._quarantine.get(run_id)
        if run is not None:
            run.item = item
            if run.paused:
                _tell_item(item, ChildPauseChanged(paused=True))
            if run.cancelling:
                _tell_item(item, ChildCancelling(run_id))
            return

        def read(reader: Reader) -> ChildEnded:
            return ChildEnded(run_id, outcome_for_parent(reader, run_id))

        def refused(error: Exception) -> None:
            if isinstance(error, StoreUnavailable):  # it will be back, and the item waits for that
                self._services.timers.remind_after(READ_AGAIN_SECONDS, self._engine, message)
            else:
                _tell_item(item, ChildRefused("internal", str(error)))

        self._services.readers.read(read, lambda ended: _tell_item(item, ended), refused)

    @handles(ControlChild)
    def _control_child(self, message: ControlChild) -> None:
        run = self._table.get(message.run_id)
        if run is not None:
            run.tell(Forwarded(message.message, Deferred()))
        else:
            self._release.parent_requested(message.run_id, message.message)

    @handles(RunPauseChanged)
    def _run_pause_changed(self, message: RunPauseChanged) -> None:
        run = self._table.get(message.run_id)
        if run is not None:
            run.paused = message.paused
            run.tell_item(ChildPauseChanged(message.paused))

    @handles(ChildCancelling)
    def _child_cancelling(self, message: ChildCancelling) -> None:
        run = self._table.get(message.run_id)
        if run is not None:
            run.cancelling = True
            run.tell_item(message)


def _tell_item(item: pykka.ActorRef[Any], message: Any) -> None:
    with contextlib.suppress(pykka.ActorDeadError):  # it has timed out, or its run has crashed
        item.tell(message)
