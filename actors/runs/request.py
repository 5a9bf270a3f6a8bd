"""The arguments of a run's supervisor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, Guard, Overran
from stretto.actors.journal import (
    NO_NEEDS,
    AuditEntries,
    Child,
    Idempotency,
    Inquiry,
    MatchKey,
    Needs,
    Origin,
    ParentItem,
    ReplayTrace,
    RequestedBy,
    Requester,
    RequestKey,
    Rerun,
    RunAccepted,
    asked_by,
)
from stretto.actors.outcome import RunHandle
from stretto.actors.runs.idempotency import idempotency_of, idempotency_of_rerun
from stretto.actors.runs.shape import shape_of
from stretto.definitions.context import NO_ENVIRONMENT, NO_SECRECY
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions import DEFAULT_LIMITS
from stretto.definitions.model import NORMAL, Priority, Workflow, bind

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue
    from stretto.actors.dispatch import Lane
    from stretto.definitions.conductor import ReusePlan
    from stretto.definitions.context import Mask


@dataclass(frozen=True, slots=True)
class RecoverySource:
    """A run that was accepted before, the runs of its sub-workflows, and its inquiries that wait.

    A run that may have crashed an engine marks its place in the replay in `trace`.
    """

    accepted: RunAccepted
    children: tuple[Child, ...]
    trace: ReplayTrace | None = None
    inquiries: tuple[Inquiry, ...] = ()


class RunInputs(msgspec.Struct, frozen=True):
    """The definition, inputs, origin, labels and priority of an ended run, for a rerun from memory."""

    workflow: Workflow
    parameters: FrozenDict
    origin: Origin
    labels: dict[str, str] = {}
    priority: Priority = NORMAL


def bind_inputs(guard: Guard, workflow: Workflow, inputs: Mapping[str, Any]) -> FrozenDict:
    """Return a run's parameters.

    Args:
        guard: Stops the check of inputs if it takes too long.
        workflow: The definition.
        inputs: The inputs as the client gave them.

    Raises:
        InvalidInput: They do not fit.
        LimitExceeded: Their check was stopped.
    """
    if not workflow.parameters and type(inputs) is dict and not inputs:
        return EMPTY_OBJECT  # as `bind` does
    try:
        return guard.call(bind, workflow, inputs)
    except Overran as overran:
        reason = f"the check of the inputs of {workflow.ref} was stopped because it took longer than its limit"
        raise LimitExceeded(f"{reason} of {overran.seconds:g} s; submit smaller inputs") from None


NO_LABELS: Final[dict[str, str]] = {}
"""Shared: most runs have none. Nothing is added to it."""


class RunRequest:
    """A run to start, or to recover.

    Attributes:
        workflow: The definition.
        inputs: The inputs, not bound yet.
        handle: The run's handle.
        accepted: Resolved with `handle`, or failed with `InvalidInput`.
        watchers: Actors that get `RunProgressed`.
        followers: Actors that get `RunChanged` and ask for the changes.
        nested: The refs that start no call: those of workflows, and of actions that wait.
        family: The id of the run at the top, or None if that is this run.
        lane: Where the run's actors start, or None to start them on the dispatcher.
        parent: The parent item of a sub-workflow's run.
        depth: The number of runs above this one.
        surroundings: The values that the run gets besides its inputs.
        mask: The secrets of the run and of its parent.
        secrecy: The values that the run passes to secret parameters.
        origin: Who started the run.
        labels: Its labels, as `checked_labels` returns them. A sub-workflow's run has none.
        scope: The catalogue of a run that was started from a file, or None.
        key: The client's idempotency key, with more of its request.
        rerun: The earlier run that this one repeats.
        shape: The features that the run uses.
        reuse_plan: The results of that run to reuse.
        limits: The limits on the run's expressions.
        requested_by: Who started the run, or None if a program did in its own process.
        audit: Recorded with the acceptance.
        priority: Its priority, at first that of its definition.
        match: The answer of a rule to an event that it is started for, or None.
        event_depth: The runs before it in its chain of events and runs. A sub-workflow has the depth of its parent.
    """

    __slots__ = (
        "accepted", "audit", "depth", "event_depth", "family", "followers", "handle", "inputs", "key",
        "labels", "lane", "limits", "mask", "match", "nested", "origin", "parent", "priority", "requested_by", "rerun",
        "reuse_plan", "scope", "secrecy", "shape", "surroundings", "watchers", "workflow",
    )  # fmt: skip

    def __init__(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        handle: RunHandle,
        accepted: Deferred,
        watcher: pykka.ActorRef[Any] | None = None,
    ) -> None:
        self.workflow = workflow
        self.shape = shape_of(workflow)
        self.inputs = inputs
        self.handle = handle
        self.accepted = accepted
        self.watchers = [] if watcher is None else [watcher]
        self.followers: tuple[pykka.ActorRef[Any], ...] = ()
        self.nested: frozenset[str] = frozenset()
        self.parent: ParentItem | None = None
        self.depth = self.event_depth = 0
        self.priority: Priority = workflow.priority
        self.origin: Origin = "owner"
        self.labels = NO_LABELS
        self.surroundings = NO_ENVIRONMENT
        self.mask: Mask | None = None
        self.lane: Lane | None = None
        self.family: str | None = None
        self.secrecy = NO_SECRECY
        self.scope: Catalogue | None = None
        self.key: RequestKey | None = None
        self.rerun: Rerun | None = None
        self.reuse_plan: ReusePlan | None = None
        self.limits = DEFAULT_LIMITS
        self.requested_by: RequestedBy | None = None
        self.audit: AuditEntries = ()
        self.match: MatchKey | None = None

    def ask_by(self, by: Requester | None, operation: str, target: str, at: float) -> None:
        """Set who started the run, and the audit of that.

        Args:
            by: Who asks for the run, or None.
            operation: The name of the operation.
            target: What the request names.
            at: The time of the request, in seconds since the epoch.
        """
        self.requested_by = None if by is None else by.of_run
        self.audit = asked_by(by, operation, target, at, f"run {self.handle.id}")

    def acceptance(
        self, parameters: FrozenDict, accepted_at: float, needs: Needs = NO_NEEDS, *, secret: bool
    ) -> RunAccepted:
        """Return the journal's record of the accepted run.

        Args:
            parameters: The bound inputs.
            accepted_at: Seconds since the epoch.
            needs: What an engine must have to go on with the run.
            secret: Whether the run's mask has secrets.
        """
        return RunAccepted(
            run_id=self.handle.id, workflow=self.workflow, parameters=parameters, surroundings=self.surroundings,
            accepted_at=accepted_at, secret=secret or self.secrecy != NO_SECRECY, parent=self.parent,
            depth=self.depth, root=None if self.family == self.handle.id else self.family, rerun=self.rerun,
            origin=self.origin, limits=self.limits,
            labels=self.labels, requested_by=self.requested_by, audit=self.audit, match=self.match,
            event_depth=self.event_depth, needs=needs, priority=self.priority,
            idempotency=self._idempotency(),
        )  # fmt: skip

    def _idempotency(self) -> Idempotency | None:
        key = self.key
        if key is None:
            return None
        if self.rerun is not None:
            return idempotency_of_rerun(key, self.rerun)
        return idempotency_of(key, self.workflow, self.inputs)
