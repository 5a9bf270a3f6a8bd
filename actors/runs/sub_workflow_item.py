"""One attempt of an item with a sub-workflow: it has no thread and no permit, and ends with the run of that."""

import contextlib

import pykka

from stretto.actors.dispatch import handles
from stretto.actors.runs.child import ChildRun, begin_of_child, change_of_child, child_failure, child_of, parent_of
from stretto.actors.runs.item import ItemActor
from stretto.actors.runs.messages import (
    AttachChild,
    AttemptTimedOut,
    ChildCancelling,
    ChildEnded,
    ChildPauseChanged,
    ChildRefused,
    RunItem,
    StartChild,
)
from stretto.definitions.conductor import StartItem
from stretto.definitions.data import FrozenDict
from stretto.definitions.model import Task


class SubWorkflowItem(ItemActor, label="ItemActor"):
    """Starts a sub-workflow's run, or attaches to one that was recovered, and reports its end as its own."""

    def _start_child(self, message: RunItem, ref: str, inputs: FrozenDict, depth: int) -> None:
        """Start a sub-workflow's run, or attach to it. Its timeout counts from its start."""
        start, task, services, known = message.start, message.task, self._services, child_of(message)
        began = begin_of_child(known, services.now(), self._began)
        child = ChildRun(services.engine, services.new_run_id() if known is None else known.run_id, began)
        self._running = child
        if start.timeout is not None:
            self._remind(began.monotonic + start.timeout, AttemptTimedOut())
        if known is not None:
            services.engine.tell(AttachChild(child.run_id, self.actor_ref))
            return
        parent = parent_of(start, task, self._run_id, self._workflow)
        services.engine.tell(StartChild(child.run_id, ref, inputs, parent, depth, message.origin, self.actor_ref))

    @handles(ChildEnded)
    def _child_ended(self, message: ChildEnded) -> None:
        outcome, request = message.outcome, self._request
        if outcome.status == "succeeded":
            self._report("succeeded", outcome.output, None, self._services.timers.monotonic())
        elif outcome.status == "cancelled":
            self._report_cancelled(f"the run {message.run_id} was cancelled")
        elif request is not None:
            ref = _ref_of(request.start, request.task)
            self._report_failure("failed", child_failure(message, ref, self._masked_input()))

    @handles(ChildPauseChanged, ChildCancelling)
    def _child_changed(self, message: ChildPauseChanged | ChildCancelling) -> None:
        request = self._request
        if request is not None:
            with contextlib.suppress(pykka.ActorDeadError):  # the run has ended
                request.supervisor.tell(change_of_child(message, request.start, self._services.now()))

    @handles(ChildRefused)
    def _child_refused(self, message: ChildRefused) -> None:
        self._running = None  # there is no run
        self._report_failure("failed", self._failure(message.code, message.message, retryable=False))


def _ref_of(start: StartItem, task: Task) -> str:
    """Return the ref of an item's action, or of its sub-workflow."""
    return start.prepared.action if start.prepared is not None else task.action or ""
