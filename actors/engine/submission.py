"""New runs: when the engine accepts them, and what a user may submit."""

import contextlib
import os
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.catalogue import refused_to_remote
from stretto.actors.dispatch import Deferred, SparseFuture
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.supervision import EffectiveDefinitions, RunSupervision
from stretto.actors.journal import Link, Origin, Requester, StoreUnavailable
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
from stretto.definitions.errors import Finding, InvalidDefinition, StrettoError, UnknownWorkflow
from stretto.definitions.model import Workflow, once_per_workflow

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue


class TooManyRuns(StrettoError):
    """The engine has as many runs in progress as it may have. Retry when some have ended."""

    code = "too_many_runs"


class Admission:
    """Decides whether the engine accepts runs now. It is closed once, when the engine stops.

    Sub-workflows and recovered runs are not counted against the bound: a run that was accepted is never refused.
    """

    def __init__(self, journal: Link, table: RunTable, max_runs: int) -> None:
        self.closed = False
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
        reason = self._journal.unavailable
        if reason is not None:
            raise StoreUnavailable(f"no run is accepted while the store cannot be written: {reason}")

    def check_new_run(self) -> None:
        """Raise as `check`, or `TooManyRuns` if as many runs as may be are in progress."""
        self.check()
        if len(self._table) >= self._max_runs:
            raise TooManyRuns(
                f"{len(self._table):,} runs are in progress, at most {self._max_runs:,} may be (engine.max_runs): "
                "submit it again when some have ended"
            )


class Submissions:
    """Accepts runs from users."""

    def __init__(
        self,
        services: Services,
        definitions: EffectiveDefinitions,
        runs: RunSupervision,
        admission: Admission,
        keys: RememberedKeys,
    ) -> None:
        self._services = services
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
    ) -> Deferred:
        """Start a run. See `Engine.submit`."""
        self._admission.check_new_run()
        if isinstance(workflow, PathLike):
            workflow = os.fspath(workflow)
        if not isinstance(workflow, str | Workflow):
            raise UnknownWorkflow(f"a workflow must be a ref, a file's path or a Workflow, got {workflow!r}")
        if origin == "remote" and isinstance(workflow, str) and is_path(workflow):
            raise UnknownWorkflow(f"a remote client must not name a file of this machine, got {workflow!r}; use a ref")
        catalogue = self._definitions.catalogue
        scope = catalogue.scope_of(workflow) if isinstance(workflow, str) else catalogue
        definition = scope.find(workflow) if isinstance(workflow, str) else workflow
        self._check_names(definition, scope, origin)
        given: Mapping[str, Any] = {} if inputs is None else inputs
        handle = RunHandle(self._services.new_run_id(), definition.ref, SparseFuture())
        request = RunRequest(definition, given, handle, Deferred(), checked_watcher(watcher))
        request.origin = origin
        request.labels = checked_labels(labels)
        request.ask_by(by, "submit", definition.ref, self._services.now())
        request.scope = None if scope is catalogue else scope
        self._runs.check_files(request)
        request.idempotency_key = checked_key(idempotency_key)
        if idempotency_key is not None and not self._services.journal.durable:
            bind_inputs(self._services.guard, definition, given)  # invalid inputs must not take the key
            idempotency = idempotency_of(idempotency_key, definition, given)
            earlier = self._keys.find(idempotency)
            if earlier is not None:
                request.accepted.resolve(earlier.as_replayed())
                return request.accepted
            self._keys.keep(idempotency, handle)
        self._runs.start(request)
        return request.accepted

    def _check_names(self, workflow: Workflow, scope: "Catalogue", origin: Origin) -> None:
        """Raise `InvalidDefinition` if the workflow, or one that it calls, needs what this run does not get.

        That is a name that the engine lacks, or a command with an expression in a run of a remote client.
        """
        configuration, nested = self._definitions.pack_configuration, scope.nested_refs()
        found, seen, left = list[Finding](), {workflow.ref}, [workflow]
        while left:
            each = left.pop()
            found += configuration.missing_names(each)
            if origin == "remote":
                found += refused_to_remote(each, self._services.actions)
            called = (_actions_of(each) & nested) - seen
            seen |= called
            for ref in sorted(called):
                with contextlib.suppress(UnknownWorkflow):  # its item fails when it comes to it
                    left.append(scope.find_ref(ref))
        if found:
            raise InvalidDefinition(found)


@once_per_workflow
def _actions_of(workflow: Workflow) -> frozenset[str]:
    return frozenset(task.action for task in workflow.tasks.values() if task.action is not None)


def checked_watcher(watcher: pykka.ActorRef[Any] | None) -> pykka.ActorRef[Any] | None:
    """Return a watcher. Raises `TypeError` if it is not an actor's reference."""
    if watcher is not None and not isinstance(watcher, pykka.ActorRef):
        raise TypeError(f"a watcher must be an ActorRef, got {type(watcher).__name__}")
    return watcher
