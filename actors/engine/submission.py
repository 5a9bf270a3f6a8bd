"""New runs: when the engine accepts them, and what a user may submit."""

import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.dispatch import Deferred, SparseFuture
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.history import checked_priority, find_by_key
from stretto.actors.journal import Idempotency, Link, Origin, Reader, Requester, RequestKey, StoreUnavailable
from stretto.actors.locating import is_path
from stretto.actors.outcome import EngineStopping, RunHandle
from stretto.actors.runs import (
    RememberedKeys,
    RunRequest,
    Services,
    bind_inputs,
    checked_key,
    checked_labels,
    idempotency_of,
)
from stretto.definitions.errors import LimitReached, StrettoError, UnknownWorkflow
from stretto.definitions.model import Workflow

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue


class TooManyRuns(LimitReached):
    """The engine has as many runs in progress as it may have. Retry when some have ended."""

    code = "too_many_runs"


class Admission:
    """Decides whether the engine accepts runs now. It is closed once, when the engine stops.

    Attributes:
        closed: Whether the engine stops.
        draining: Whether it gives its runs to others.

    Sub-workflows and recovered runs are not counted against the bound: a run that was accepted is never refused.
    """

    def __init__(self, journal: Link, table: RunTable, max_runs: int) -> None:
        self.closed = False
        self.draining = False
        self._journal = journal
        self._table = table
        self._max_runs = max_runs

    def close(self) -> None:
        """Accept no more runs."""
        self.closed = True

    def check(self) -> None:
        """Raise `EngineStopping` or `StoreUnavailable` if nothing can be recorded now."""
        if self.closed:
            raise EngineStopping("the engine is being stopped: it accepts no more runs")
        if self.draining:
            raise EngineStopping("the daemon is being drained, and accepts no more runs: ask another daemon")
        reason = self._journal.unavailable
        if reason is not None:
            raise StoreUnavailable(f"no run is accepted while the store cannot be written: {reason}")

    def refusal_of(self, key: str | None) -> StrettoError | None:
        """Return why no run is accepted now, for a request whose idempotency key may have one; None if it is.

        Raises:
            StrettoError: As `check_new_run`, for a request without a key, and for all once the engine stops.
        """
        try:
            self.check_new_run()
        except StrettoError as refusal:
            if key is None or self.closed:
                raise
            return refusal
        return None

    def check_new_run(self) -> None:
        """Raise as `check`, or `TooManyRuns` if as many runs as may be are in progress."""
        if self.closed or self.draining or self._journal.unavailable is not None:
            self.check()
        if len(self._table) >= self._max_runs:
            raise TooManyRuns(
                f"{len(self._table):,} runs are in progress, at most {self._max_runs:,} may be (engine.max_runs): "
                "submit it again when some have ended",
                "engine.max_runs",
                self._max_runs,
            )


class Submissions:
    """Accepts runs from users."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a submission needs
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        definitions: EffectiveDefinitions,
        runs: RunSupervision,
        admission: Admission,
        keys: RememberedKeys,
    ) -> None:
        self._services = services
        self._engine = engine
        self._definitions = definitions
        self._runs = runs
        self._admission = admission
        self._keys = keys

    def submit(  # noqa: PLR0913, PLR0917 - the arguments of `Engine.submit`
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None,
        watcher: pykka.ActorRef[Any] | None,
        idempotency_key: str | None,
        labels: Mapping[str, str] | None,
        origin: Origin,
        by: Requester | None,
        priority: str | None = None,
    ) -> Deferred:
        """Start a run. See `Engine.submit`."""
        refusal = self._admission.refusal_of(idempotency_key)
        scope: Catalogue | None = None
        definition = self._definitions.checked(workflow, origin) if type(workflow) is str else None
        if definition is None:
            definition, scope = self._checked(workflow, origin)
        given: Mapping[str, Any] = {} if inputs is None else inputs
        handle = RunHandle(self._services.new_run_id(), definition.ref, SparseFuture())
        request = RunRequest(
            definition, given, handle, Deferred(), None if watcher is None else checked_watcher(watcher)
        )
        request.origin = origin
        request.scope = scope
        if priority is not None:
            request.priority = checked_priority(priority)
        if labels is not None:
            request.labels = checked_labels(labels)
        if by is not None:
            request.ask_by(by, "submit", definition.ref, self._services.now())
        if request.shape.uses_files:
            self._runs.check_files(request)
        if idempotency_key is not None:
            key = checked_key(idempotency_key)
            request.key = RequestKey(key, None if labels is None else request.labels, self._text_of(workflow))
            if self._answers_again(request, request.key, refusal):
                return request.accepted
        self._runs.start(request)
        return request.accepted

    def _text_of(self, workflow: str | PathLike[str] | Workflow) -> str | None:
        """Return the text of a workflow that came with its request; None of one that was named."""
        if not isinstance(workflow, Workflow):
            return None
        return None if self._definitions.catalogue.workflows().get(workflow.ref) is workflow else workflow.text

    def _checked(self, workflow: str | PathLike[str] | Workflow, origin: Origin) -> "tuple[Workflow, Catalogue | None]":
        """Return a workflow that may run, with the workflows beside its file if it was named by one."""
        scope: Catalogue | None = None
        if isinstance(workflow, str | PathLike):
            definition, scope = self._find(os.fspath(workflow), origin)
        elif isinstance(workflow, Workflow):
            definition = workflow
        else:
            raise UnknownWorkflow(f"a workflow must be a ref, a file's path or a Workflow, got {workflow!r}")
        self._definitions.check(definition, scope, origin)
        return definition, scope

    def _find(self, name: str, origin: Origin) -> "tuple[Workflow, Catalogue | None]":
        """Return a workflow by its ref or its file's path, with the workflows beside that file."""
        catalogue = self._definitions.catalogue
        if not is_path(name):
            return catalogue.find_ref(name), None
        if origin == "remote":
            raise UnknownWorkflow(f"a remote client must not name a file of this machine, got {name!r}; use a ref")
        scope = catalogue.file_scope(Path(name))
        return scope.find(name), scope

    def _answers_again(self, request: RunRequest, key: RequestKey, refusal: StrettoError | None) -> bool:
        """Return whether a request is answered without a new run: by an earlier one with its key, or by a refusal.

        Raises:
            IdempotencyConflict, StrettoError: The key belongs to another request, or the refusal.
        """
        if self._services.journal.durable:
            if refusal is None:
                return False  # the store knows the earlier ones
            bind_inputs(self._services.guard, request.workflow, request.inputs)
            self._replay_or_fail(idempotency_of(key, request.workflow, request.inputs), request.accepted, refusal)
            return True
        bind_inputs(self._services.guard, request.workflow, request.inputs)  # invalid inputs must not take the key
        idempotency = idempotency_of(key, request.workflow, request.inputs)
        earlier = self._keys.find(idempotency)
        if earlier is not None:
            request.accepted.resolve(earlier.as_replayed())
            return True
        if refusal is not None:
            raise refusal
        self._keys.keep(idempotency, request.handle)
        return False

    def _replay_or_fail(self, idempotency: Idempotency, answer: Deferred, refusal: StrettoError) -> None:
        """Answer a request that is refused now with the run that an earlier one with its key has started, if any."""

        def read(reader: Reader) -> None:
            known = find_by_key(reader, idempotency, answer)
            if known is None:
                answer.fail(refusal)
            else:
                self._engine.tell(known)

        self._services.readers.read(read, lambda _value: None, lambda _error: answer.fail(refusal))


def checked_watcher(watcher: pykka.ActorRef[Any] | None) -> pykka.ActorRef[Any] | None:
    """Return a watcher. Raises `TypeError` if it is not an actor's reference."""
    if watcher is not None and not isinstance(watcher, pykka.ActorRef):
        raise TypeError(f"a watcher must be an ActorRef, got {type(watcher).__name__}")
    return watcher
