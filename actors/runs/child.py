"""The run of a sub-workflow, as its parent item sees it."""

import contextlib
from collections.abc import Callable
from typing import Any, Final

import pykka

from stretto.actors.journal import Child, ItemKey, ParentItem
from stretto.actors.runners import Began
from stretto.actors.runs.messages import (
    ChildCancelling,
    ChildEnded,
    ChildPauseChanged,
    ControlChild,
    ControlRun,
    ItemCancelling,
    RunItem,
)
from stretto.definitions.conductor import CancelRequested, Failure, ItemPaused, ItemResumed, StartItem
from stretto.definitions.data import Data, object_of
from stretto.definitions.model import Task

MAX_DEPTH = 16
"""How deep workflows may call workflows. A workflow that calls itself ends here."""


class ChildRun:
    """A child run. It can be cancelled like any other running action (`Running`)."""

    __slots__ = ("_engine", "began", "run_id")

    printed: Final = ()
    """Nothing: only the child's own items have output."""

    def __init__(self, engine: pykka.ActorRef[Any], run_id: str, began: Began) -> None:
        self._engine = engine
        self.run_id = run_id
        self.began = began

    def cancel(self) -> bool:
        """Cancel the child run under its own policy. ChildEnded follows."""
        self.send(ControlRun(CancelRequested))
        return True

    def watch(self, _watcher: Callable[[], object]) -> None:
        """Call nothing: only the child's own items have output."""

    def output(self) -> None:
        """Return None: only the child's own items have output."""

    def send(self, message: Any) -> None:
        """Send a message to the run's supervisor."""
        with contextlib.suppress(pykka.ActorDeadError):  # the engine has ended, and its runs with it
            self._engine.tell(ControlChild(self.run_id, message))


def child_of(message: RunItem) -> Child | None:
    """Return the run of an item's sub-workflow if it exists already."""
    return message.child if isinstance(message.child, Child) else None


def begin_of_child(known: Child | None, now: float, monotonic: float) -> Began:
    """Return when the run of a sub-workflow began: at its acceptance if it is `known`, else now.

    For one that has ended already, the monotonic time is as long ago as it took.
    """
    if known is None:
        return Began(now, monotonic)
    elapsed = (now if known.ended_at is None else known.ended_at) - known.accepted_at
    return Began(known.accepted_at, monotonic - max(elapsed, 0.0))


def parent_of(start: StartItem, task: Task, run_id: str, workflow: str) -> ParentItem:
    """Return the item that a child run executes, and what the child's expressions see of it."""
    item_index = start.index if task.with_items else None
    shown = object_of({"run_id": run_id, "workflow": workflow, "task": start.task, "item_index": item_index})
    return ParentItem(run_id, ItemKey(start.task, start.visit, start.index), start.attempt, shown)


def change_of_child(
    message: ChildPauseChanged | ChildCancelling, start: StartItem, now: float
) -> ItemPaused | ItemResumed | ItemCancelling:
    """Return what a change of a sub-workflow's run means for its item, for the parent's supervisor."""
    if isinstance(message, ChildCancelling):
        return ItemCancelling(start)
    changed = ItemPaused if message.paused else ItemResumed
    return changed(start.task, start.visit, start.index, now)


def child_failure(ended: ChildEnded, workflow: str, masked_input: Data) -> Failure:
    """Return the failure of an item with a sub-workflow. It quotes the child's first unhandled error."""
    outcome = ended.outcome
    unhandled = [error for error in outcome.errors if not error.get("handled")]
    reason = f": {unhandled[0]['message']}" if unhandled else ""
    details = object_of({"run": ended.run_id, "errors": outcome.errors})
    message = f"the run {ended.run_id} of {workflow} {outcome.status}{reason}"
    return Failure("workflow", message, result=outcome.output, input=masked_input, details=details)
