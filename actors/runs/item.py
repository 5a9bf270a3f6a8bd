"""One try of one item: renders its input, has the action called, owns the try's timeout, tells the outcome, stops."""

import contextlib
import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import pykka

from stretto.actors.actions import Action, InvalidActionInput, UnknownAction
from stretto.actors.dispatch import DispatchedActor
from stretto.actors.journal import ItemKey, ParentItem
from stretto.actors.runners import Call, Finished, Running, call_inline
from stretto.actors.runs.child import ChildRun, failure_of
from stretto.actors.runs.item_output import has_just_ended, told_output
from stretto.actors.runs.messages import (
    ActionBegan,
    ActionEnded,
    AttachChild,
    AttemptTimedOut,
    ChildEnded,
    ChildPauseChanged,
    ChildRefused,
    ItemEnded,
    LetGo,
    PauseItem,
    PauseRun,
    PerformItem,
    ResumeItem,
    ResumeRun,
    StartChild,
    StopItem,
    StopTookTooLong,
    TellOutput,
)
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import Failure, ItemCompleted, ItemPaused, ItemResumed, StartItem, masked_input
from stretto.definitions.data import Data, FrozenDict, object_of
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import Moment
from stretto.definitions.model import Task
from stretto.definitions.validation import RENDERED_HINT, computed_members
from stretto.metrics import CallIds, get_logger

STOP_GRACE_SECONDS = 10.0
"""How long a stopped action may take to end before its item is reported without it."""

_log = get_logger("stretto.items")


class ItemActor(DispatchedActor):
    """Performs one try of one item.

    Item actors are not in Pykka's registry: their supervisor knows them all, and stops them.
    """

    registered = False

    # On the class as long as they are what they are for nearly every item: each costs at birth.
    _input: Data = None
    _running: Running | None = None
    _reminder: int | None = None
    _stopping = False
    _began = 0.0
    _digest: bytes | None = None
    _timed_out_with: Failure | None = None

    def __init__(self, services: Services, run_id: str, workflow: str) -> None:
        super().__init__()
        self._services = services
        self._run_id = run_id
        self._workflow = workflow
        self._perform: PerformItem | None = None

    def on_receive(self, message: Any) -> Any:
        """Handle a message; see `messages`, "to an item"."""
        if type(message) is PerformItem:
            return self._begin_try(message)
        return self._handlers[type(message)](self, message)

    def on_failure(self, *_exc_info: object) -> None:
        """Report that this actor broke: its supervisor must not wait for it for ever."""
        if self._perform is not None:
            self._report_failure(
                "failed", Failure("internal", "the item's actor crashed; its log tells why", retryable=False)
            )

    def _begin_try(self, message: PerformItem) -> None:
        self._perform = message
        services = self._services
        self._began = services.timers.monotonic()
        if message.caused_at is not None:
            services.instruments.transition_latency.observe(self._began - message.caused_at)
        start, task = message.start, message.task
        try:
            rendered = self._render(start, task)
            self._input = rendered
            if start.scope.facts.secrecy.inputs:
                start.scope.facts.see_input(start.task, rendered)
            if message.depth is not None:
                self._start_child(message, rendered, message.depth)
                return
            action = services.actions.get(_ref_of(start, task), message.core_actions)
            action.check(rendered)
            if action.literal and services.actions.refuses_rendered(message.core_actions):
                _check_literal(action, task, rendered)
        except ExpressionError as error:
            failure = Failure("expression", error.explanation, retryable=False, expression=error.expression,
                              where=error.place)  # fmt: skip
            self._report_failure("failed", failure)
            return
        except (InvalidActionInput, UnknownAction) as error:
            self._report_failure("failed", self._failure(error.code, str(error), retryable=False))
            return
        ids = CallIds(self._run_id, self._workflow, start.task, start.index if task.with_items else None)
        if services.check_digests:
            self._digest = _digest(rendered)
        if action.runner == "inline":
            self._action_ended(call_inline(action, rendered, ids))
            return
        on_begin = None if start.timeout is None else self._tell_begin
        self._running = services.runners.start(Call(action, rendered, ids, on_begin, start), self._tell_end)

    def _render(self, start: StartItem, task: Task) -> FrozenDict:
        if start.prepared is not None:
            return start.prepared.input
        moment = Moment(start.at, self._run_id, start.task, start.visit, start.index)
        rendered = task.input.evaluate(start.scope, moment)
        assert isinstance(rendered, FrozenDict)  # noqa: S101 - the reader takes nothing else for an input
        return rendered

    def _start_child(self, message: PerformItem, inputs: FrozenDict, depth: int) -> None:
        """Have a workflow perform the item, or wait for the run that does; its timeout counts from its start."""
        start, task, known = message.start, message.task, message.child
        child = ChildRun(self._services.engine, self._services.new_run_id() if known is None else known.run_id)
        self._running = child
        if start.timeout is not None:
            gone = 0.0 if known is None else self._services.now() - known.accepted_at
            self._remind(self._began + start.timeout - gone, AttemptTimedOut())
        if known is not None:
            self._services.engine.tell(AttachChild(child.run_id, self.actor_ref))
            return
        told = object_of(
            {
                "run_id": self._run_id,
                "workflow": self._workflow,
                "task": start.task,
                "item_index": start.index if task.with_items else None,
            }
        )
        parent = ParentItem(self._run_id, ItemKey(start.task, start.visit, start.index), start.attempt, told)
        self._services.engine.tell(
            StartChild(child.run_id, _ref_of(start, task), inputs, parent, depth, self.actor_ref)
        )

    def _child_ended(self, message: ChildEnded) -> None:
        outcome, perform = message.outcome, self._perform
        if outcome.status == "succeeded":
            self._report("succeeded", outcome.output, None, self._services.timers.monotonic())
        elif outcome.status == "cancelled":
            self._report_cancelled(f"the run {message.run_id} was cancelled")
        elif perform is not None:
            self._report_failure(
                "failed", failure_of(message, _ref_of(perform.start, perform.task), self._told_input())
            )

    def _child_pause_changed(self, message: ChildPauseChanged) -> None:
        perform = self._perform
        if perform is None:
            return
        start = perform.start
        changed = ItemPaused if message.paused else ItemResumed
        with contextlib.suppress(pykka.ActorDeadError):  # the run has ended
            perform.supervisor.tell(changed(start.task, start.visit, start.index, self._services.now()))

    def _child_refused(self, message: ChildRefused) -> None:
        self._report_failure("failed", self._failure(message.code, message.message, retryable=False))

    def _send_to_child(self, message: Any) -> None:
        if isinstance(self._running, ChildRun):
            self._running.send(message)

    def _tell_begin(self) -> None:
        """Take the action's begin on a runner's thread, and send it here."""
        with contextlib.suppress(pykka.ActorDeadError):  # it was cancelled while it waited for a thread
            self.actor_ref.tell(ActionBegan(self._services.timers.monotonic()))

    def _action_began(self, at: float) -> None:
        timeout = self._perform.start.timeout if self._perform is not None else None
        if timeout is not None and not self._stopping:
            self._remind(at + timeout, AttemptTimedOut())

    def _remind(self, at: float, message: Any) -> None:
        self._reminder = self._services.timers.remind(at, self.actor_ref, message)

    def _tell_end(self, finished: Finished) -> None:
        """Take the action's end on a runner's thread, and send it here; if the item has ended, it comes too late."""
        try:
            if self._perform is not None:
                self.actor_inbox.tell(ActionEnded(finished))
                return
        except pykka.ActorDeadError:
            pass
        self._drop(finished)

    def _drop(self, finished: Finished) -> None:
        if finished.status != "cancelled":
            self._services.instruments.late_results.inc()

    def _action_ended(self, finished: Finished) -> None:
        if self._perform is None:
            self._drop(finished)
            return
        if self._timed_out_with is not None:
            self._report_failure("timed_out", self._timed_out_with)
            return
        if finished.status == "cancelled":
            message = "it was cancelled" if self._stopping else "the action was cancelled"
            failure = self._failure("cancelled", message, retryable=not self._stopping, result=finished.result)
            self._report_failure("cancelled", failure)
            return
        if self._digest is not None and _digest(self._input) != self._digest:
            message = "the action changed its input, which other items share, by going around its methods"
            self._report_failure("failed", Failure("frozen", message, retryable=False))
            return
        if finished.status == "succeeded":
            self._report("succeeded", finished.result, None, finished.finished_at)
            return
        kind = finished.kind or "failed"
        failure = self._failure(
            kind, finished.error or "it failed", retryable=kind != "not_data", result=finished.result
        )
        self._report(finished.status, finished.result, failure, finished.finished_at)

    def _timed_out(self) -> None:
        if self._perform is None:
            return  # it ended in time, in the same turn
        self._reminder = None
        timeout = self._perform.start.timeout
        self._timed_out_with = self._failure("timed_out", f"it took longer than {timeout:g} s")
        # What can be stopped is waited for, so that it does not run beside the next try; a sub-workflow ends by its
        # own policy, however long that takes, and a thread cannot be stopped.
        if self._running is not None and self._running.cancel() and not isinstance(self._running, ChildRun):
            self._remind(self._services.timers.monotonic() + STOP_GRACE_SECONDS, StopTookTooLong())
        else:
            if not isinstance(self._running, ChildRun):
                _log.warning("thread_left_behind", **self._ids())
            self._report_failure("timed_out", self._timed_out_with)

    def _ids(self) -> dict[str, Any]:
        """Return what a log line about this item carries."""
        start = self._perform.start if self._perform is not None else None
        return {
            "run_id": self._run_id,
            "workflow": self._workflow,
            "task": start.task if start else None,
            "item_index": start.index if start else None,
        }

    def _stop_took_too_long(self) -> None:
        if self._timed_out_with is not None:
            self._report_failure("timed_out", self._timed_out_with)
        else:
            self._report_cancelled("it was cancelled, and did not end in time")

    def _stop_action(self) -> None:
        if self._stopping or self._timed_out_with is not None:
            return  # it is being stopped already
        self._stopping = True
        if isinstance(self._running, ChildRun):
            self._running.cancel()  # it ends by its own policy, however long what it runs may take
        elif self._running is not None and self._running.cancel():
            self._forget_reminder()
            self._remind(self._services.timers.monotonic() + STOP_GRACE_SECONDS, StopTookTooLong())
        else:
            self._report_cancelled("it was cancelled")

    def _let_go(self) -> None:
        """End without a report: the sub-workflow goes on, and will be found again."""
        self._perform = None
        self._forget_reminder()
        self._stop()

    def _tell_output(self) -> dict[str, Any]:
        if self._perform is None:
            raise has_just_ended()
        return told_output(self._perform.start, self._running)

    def _forget_reminder(self) -> None:
        if self._reminder is not None:
            self._services.timers.forget(self._reminder)
            self._reminder = None

    def _report_cancelled(self, message: str) -> None:
        self._report_failure("cancelled", self._failure("cancelled", message, retryable=False))

    def _failure(self, kind: str, message: str, *, retryable: bool = True, result: Data = None) -> Failure:
        return Failure(kind, message, retryable=retryable, result=result, input=self._told_input())

    def _told_input(self) -> Data:
        """Return what the run's record and the journal have of the input: it may be as large as the context."""
        return None if self._perform is None else masked_input(self._input, self._perform.start.scope.facts.mask)

    def _report_failure(self, outcome: str, failure: Failure) -> None:
        self._report(outcome, failure.result, failure, self._services.timers.monotonic())

    def _report(self, outcome: str, result: Data, failure: Failure | None, finished_at: float) -> None:
        """Tell the supervisor the outcome, and stop: there is exactly one report."""
        perform, self._perform = self._perform, None
        if perform is None:
            return
        if self._reminder is not None:
            self._forget_reminder()
        start = perform.start
        completed = ItemCompleted(
            start.task, start.visit, start.index, start.attempt, outcome, result, failure, self._services.now()
        )
        try:
            perform.supervisor.tell(ItemEnded(completed, finished_at - self._began, finished_at))
        except pykka.ActorDeadError:
            _log.debug(
                "item_without_supervisor", run_id=self._run_id, workflow=self._workflow, task=start.task,
                item_index=start.index,
            )  # fmt: skip
        self._stop()  # at once: whatever else it is told comes too late

    _handlers: ClassVar[dict[type, Callable[..., Any]]] = {
        ActionBegan: lambda self, message: self._action_began(message.at),
        ActionEnded: lambda self, message: self._action_ended(message.finished),
        AttemptTimedOut: lambda self, _message: self._timed_out(),
        StopItem: lambda self, _message: self._stop_action(),
        LetGo: lambda self, _message: self._let_go(),
        StopTookTooLong: lambda self, _message: self._stop_took_too_long(),
        TellOutput: lambda self, _message: self._tell_output(),
        ChildEnded: _child_ended,
        ChildPauseChanged: _child_pause_changed,
        ChildRefused: _child_refused,
        PauseItem: lambda self, _message: self._send_to_child(PauseRun()),
        ResumeItem: lambda self, _message: self._send_to_child(ResumeRun()),
    }


def _ref_of(start: StartItem, task: Task) -> str:
    """Return what performs an item."""
    return start.prepared.action if start.prepared is not None else task.action or ""


def _check_literal(action: Action, task: Task, rendered: FrozenDict) -> None:
    """Refuse inputs that are code and were computed: only here is known what the name of an action, or a whole input,
    has come to. What the definition itself shows was refused when it was read."""
    for name in sorted(computed_members(task.input, action.literal & rendered.keys())):
        raise InvalidActionInput(action.ref, [f"{name} must be a literal text, {RENDERED_HINT}"])


def _digest(data: Data) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(data)).digest()
