"""One attempt of one item: an actor that renders the input, calls the action, and reports the outcome."""

import contextlib
import hashlib
from typing import Any

import pykka

from stretto.actors.actions import InvalidActionInput, UnknownAction
from stretto.actors.dispatch import LightActor, Overran, handles
from stretto.actors.pools import HERE, PooledCall, PoolNeedsKey, UnknownPool, UnmetNeeds
from stretto.actors.runners import Began, Call, Finished, Running, call_inline
from stretto.actors.runs.child import ChildRun
from stretto.actors.runs.filled_inputs import filled
from stretto.actors.runs.item_failures import check_code, too_large_message, unrendered_failure
from stretto.actors.runs.item_output import (
    OutputWatchers,
    end_watching,
    item_just_ended_error,
    kept_output,
    output_report,
    watch_output,
)
from stretto.actors.runs.messages import (
    ActionBegan,
    ActionEnded,
    AttemptTimedOut,
    ControlRun,
    Detach,
    ItemEnded,
    PauseItem,
    ReportOutput,
    ResumeItem,
    RunItem,
    StopItem,
    StopTookTooLong,
    WithdrawItem,
)
from stretto.actors.runs.pooled_calls import announced_action, pool_of_item, start_in, timeout_of
from stretto.actors.runs.services import Services
from stretto.actors.runs.waiting_messages import WaitEnded
from stretto.definitions.conductor import (
    Failure,
    ItemCompleted,
    PauseRequested,
    ResumeRequested,
    masked_input,
)
from stretto.definitions.data import Data, FrozenDict, encode_json, object_of, weigh
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import NOT_QUICK, Constant, Moment, NotQuick
from stretto.metrics import CallIds, get_logger

STOP_GRACE_SECONDS = 10.0
"""After this an item reports without its stopped action."""

NOT_RETRIED = frozenset({"not_data", "result_too_large", "may_have_run", "worker_lost"})
"""The kinds of failures of which a further attempt would have the same, or must not be."""

_log = get_logger("stretto.items")


class ItemActor(LightActor):
    """Runs one attempt of one item. Not in Pykka's registry: the supervisor knows all items, and stops them."""

    # Defaults on the class, which most items never change: an attribute costs time at each start.
    _input: Data = None
    _running: Running | None = None
    _inline_began: Began | None = None
    _reminder: int | None = None
    _stopping = False
    _began = 0.0
    _digest: bytes | None = None
    _timed_out_with: Failure | None = None
    _watchers: OutputWatchers | None = None
    _waited: WaitEnded | None = None

    def __init__(self, services: Services, run_id: str, workflow: str) -> None:  # the base does nothing
        self._services = services
        self._run_id = run_id
        self._workflow = workflow
        self._request: RunItem | None = None

    def on_receive(self, message: Any) -> Any:
        """Handle a message, the first one first."""
        if type(message) is RunItem:
            return self._begin_attempt(message)
        return self._message_handlers[type(message)](self, message)

    def on_failure(self, *_exc_info: object) -> None:
        """Report the failure of this actor, because its supervisor waits for a report."""
        if self._request is not None:
            message = "the item's actor crashed; see the log"
            self._report_failure("failed", Failure("internal", message, retryable=False))

    def _begin_attempt(self, message: RunItem) -> None:  # noqa: C901 - a call less for each item
        self._request = message
        services = self._services
        self._began = services.timers.monotonic()
        if message.preceding_end is not None:
            services.instruments.transition_latency.observe(self._began - message.preceding_end)
        start, task = message.start, message.task
        prepared, facts = start.prepared, start.scope.facts
        try:
            value: Data | NotQuick
            if prepared is not None:
                ref, value = prepared.action, prepared.input
            elif type(task.input) is Constant:
                ref, value = task.action or "", task.input.value
            else:
                ref, value = task.action or "", task.input.quick(start.scope)
                if value is NOT_QUICK:
                    moment = Moment(start.at, self._run_id, start.task, start.visit, start.index, limits=facts.limits)
                    value = services.guard.call(task.input.evaluate, start.scope, moment)
            assert isinstance(value, FrozenDict)  # noqa: S101 - or the definition was refused
            self._input = rendered = value
            if facts.secrecy.inputs:
                facts.see_input(start.task, rendered)
            if message.depth is not None:
                self._start_child(message, ref, rendered, message.depth)
                return
            pool = None if message.pool == HERE else pool_of_item(services, message, self._run_id)
            action = services.actions.find(ref, message.core_actions) or announced_action(services, pool, message, ref)
            action.check(rendered)
            if action.fill is not None:
                rendered = filled(action, action.fill, rendered, services, facts.mask)
            if action.literal or action.renders_code:
                check_code(action, message, rendered, services.actions)
        except (ExpressionError, Overran) as error:
            failure = unrendered_failure(error, services, _log_fields(self._run_id, self._workflow, message))
            self._report_failure("failed", failure)
            return
        except (InvalidActionInput, PoolNeedsKey, UnknownAction, UnknownPool, UnmetNeeds) as error:
            self._report_failure("failed", self._failure(error.code, str(error), retryable=False))
            return
        ids = CallIds(self._run_id, self._workflow, start.task, start.index if task.with_items else None)
        if services.check_digests:
            self._digest = _digest(rendered)
        if action.runner == "inline" and rendered.weight <= action.inline_bytes:
            self._inline_began = Began(services.now(), services.timers.monotonic())
            self._finish(call_inline(action, rendered, ids), services.timers.monotonic())
            return
        call = Call(ref, rendered, ids, start.timeout, start.visit, start.index, start.attempt, task.may_ask)
        begun = None if start.timeout is None else self._send_begin
        if pool is None or action.runner == "inline":
            self._running = services.runners.start(action, call, self.end_later, begun)
        else:
            self._may_rest = True
            self._running = start_in(pool, message, action, call, self, begun)

    def _start_child(self, message: RunItem, ref: str, inputs: FrozenDict, depth: int) -> None:
        """Begin what takes no permit. The kinds of items that do it have their own."""
        raise NotImplementedError

    @handles(PauseItem)
    def _pause(self, _message: PauseItem) -> None:
        if isinstance(self._running, ChildRun):
            self._running.send(ControlRun(PauseRequested))

    @handles(ResumeItem)
    def _resume(self, _message: ResumeItem) -> None:
        if isinstance(self._running, ChildRun):
            self._running.send(ControlRun(ResumeRequested))

    def _send_begin(self) -> None:
        """Called on a runner's thread: forward the action's begin to this actor."""
        with contextlib.suppress(pykka.ActorDeadError):  # the item was cancelled while it waited for a thread
            self.actor_ref.tell(ActionBegan(self._services.timers.monotonic()))

    @handles(ActionBegan)
    def _action_began(self, message: ActionBegan) -> None:
        timeout = None if self._request is None else timeout_of(self._request)
        if timeout is not None and not self._stopping and self._timed_out_with is None:
            self._forget_reminder()
            self._remind(message.at + timeout, AttemptTimedOut())

    def _remind(self, at: float, message: Any) -> None:
        self._reminder = self._services.timers.remind(at, self.actor_inbox, message)

    def end_later(self, finished: Finished) -> None:
        """Called on any thread: forward the result to this actor, or drop it if the item has ended."""
        try:
            if self._request is None:
                self._drop(finished)
            else:
                self.actor_inbox.tell(ActionEnded(finished, self._services.timers.monotonic()))
        except pykka.ActorDeadError:
            self._drop(finished)

    def end_within_turn(self, finished: Finished, at: float) -> None:
        """Called within a turn of the supervisor: take the end of a call in a pool."""
        try:
            self._handle_within_turn(ActionEnded(finished, at))
        except pykka.ActorDeadError:
            self._drop(finished)

    def _drop(self, finished: Finished) -> None:
        if finished.status != "cancelled":
            self._services.instruments.late_results.inc()

    @handles(ActionEnded)
    def _action_ended(self, message: ActionEnded) -> None:
        self._finish(message.finished, message.at)

    def _finish(self, finished: Finished, at: float) -> None:
        if self._request is None:
            self._drop(finished)
            return
        if self._timed_out_with is not None:
            self._report_failure("timed_out", self._timed_out_with)
            return
        if finished.status == "cancelled":
            message = "it was cancelled" if self._stopping else "the action was cancelled"
            failure = self._failure("cancelled", message, retryable=not self._stopping, ended=finished)
            self._report_failure("cancelled", failure)
            return
        if self._digest is not None and _digest(self._input) != self._digest:
            message = "the action bypassed the methods of its input to change it, but other items share that input"
            self._report_failure("failed", Failure("frozen", message, retryable=False))
            return
        if weigh(finished.result) > self._services.max_result_bytes:
            message = too_large_message(weigh(finished.result), self._services.max_result_bytes)
            self._report_failure("failed", self._failure("result_too_large", message, retryable=False))
            return
        if finished.status == "succeeded":
            self._report("succeeded", finished.result, None, at, finished.seconds)
            return
        kind = finished.kind or "failed"
        failure = self._failure(kind, finished.error or "it failed", retryable=kind not in NOT_RETRIED, ended=finished)
        self._report(finished.status, finished.result, failure, at, finished.seconds)

    @handles(AttemptTimedOut)
    def _timed_out(self, _message: AttemptTimedOut) -> None:
        if self._request is None:
            return  # it ended in time, in the same turn
        self._reminder = None
        timeout = self._request.start.timeout
        self._timed_out_with = self._failure("timed_out", f"it took longer than {timeout:g} s")
        # The item waits for the end of an action that can be stopped, so that it does not run beside the next attempt.
        # A sub-workflow ends by its own policy, which may take any time, and a thread cannot be stopped.
        if self._running is not None and self._running.cancel() and not isinstance(self._running, ChildRun):
            self._remind(self._services.timers.monotonic() + STOP_GRACE_SECONDS, StopTookTooLong())
        else:
            if not isinstance(self._running, ChildRun):
                _log.warning("thread_left_behind", **_log_fields(self._run_id, self._workflow, self._request))
            self._report_failure("timed_out", self._timed_out_with)

    @handles(StopTookTooLong)
    def _stop_took_too_long(self, _message: StopTookTooLong) -> None:
        if self._timed_out_with is not None:
            self._report_failure("timed_out", self._timed_out_with)
        else:
            self._report_cancelled("it was cancelled, and did not end in time")

    @handles(StopItem)
    def _stop_action(self, _message: StopItem) -> None:
        if self._stopping or self._timed_out_with is not None:
            return  # it is being stopped already
        self._stopping = True
        if isinstance(self._running, ChildRun):
            self._running.cancel()  # it ends by its own policy, which may take any time
        elif self._running is not None and self._running.cancel():
            self._forget_reminder()
            self._remind(self._services.timers.monotonic() + STOP_GRACE_SECONDS, StopTookTooLong())
        else:
            self._report_cancelled("it was cancelled")

    @handles(WithdrawItem)
    def _withdraw_call(self, _message: WithdrawItem) -> None:
        if isinstance(self._running, PooledCall):
            self._running.withdraw()  # its end follows, unless a worker has got it

    @handles(Detach)
    def _detach(self, _message: Detach) -> None:
        """Stop without a report. The sub-workflow continues, and a later item will attach to it."""
        self._request = None
        self._forget_reminder()
        end_watching(self._watchers)
        self._stop()

    @handles(ReportOutput)
    def _output(self, message: ReportOutput) -> dict[str, Any]:
        if self._request is None:
            raise item_just_ended_error()
        if message.watcher is not None:  # before the report, so that nothing is missed in between
            self._watchers = watch_output(self._watchers, message.watcher, self._running)
        return output_report(self._request.start, self._running)

    def _forget_reminder(self) -> None:
        if self._reminder is not None:
            self._services.timers.forget(self._reminder)
            self._reminder = None

    def _report_cancelled(self, message: str) -> None:
        self._report_failure("cancelled", self._failure("cancelled", message, retryable=False))

    def _failure(self, kind: str, message: str, *, retryable: bool = True, ended: Finished | None = None) -> Failure:
        result, traceback = (None, ()) if ended is None else (ended.result, ended.traceback)
        seconds = None if ended is None else ended.retry_after
        details = None if seconds is None else object_of({"retry_after": seconds})
        return Failure(kind, message, retryable, result, self._masked_input(), details=details, traceback=traceback)

    def _masked_input(self) -> Data:
        """Return the input for errors and the journal: masked, and cut if it is large."""
        return None if self._request is None else masked_input(self._input, self._request.start.scope.facts.mask)

    def _report_failure(self, outcome: str, failure: Failure) -> None:
        self._report(outcome, failure.result, failure, self._services.timers.monotonic())

    def _report(
        self, outcome: str, result: Data, failure: Failure | None, finished_at: float, seconds: float | None = None
    ) -> None:
        """Report the outcome and stop. There is exactly one report."""
        request, self._request = self._request, None
        if request is None:
            return
        if self._reminder is not None:
            self._forget_reminder()
        start, running = request.start, self._running
        began = self._inline_began if running is None else running.began
        now, began_at = self._services.now(), None
        if began is not None:  # by the clock of recorded times: that of this machine may differ
            began_at = began.at
            if began_at is None:
                began_at = now - (self._services.timers.monotonic() - began.monotonic)
        completed = ItemCompleted(
            start.task, start.visit, start.index, start.attempt, outcome, result, failure, now, began_at,
            seconds if seconds is not None or began is None else max(finished_at - began.monotonic, 0.0),
        )  # fmt: skip
        # Text of a function that runs on comes too late.
        output = kept_output(start, outcome, running.printed) if running is not None and running.printed else None
        try:
            request.supervisor.tell(ItemEnded(completed, finished_at - self._began, finished_at, output, self._waited))
        except pykka.ActorDeadError:
            _log.debug("item_without_supervisor", **_log_fields(self._run_id, self._workflow, request))
        if self._watchers is not None:  # a call less for each item
            end_watching(self._watchers)
        self._stop()  # at once: later messages come too late


def _log_fields(run_id: str, workflow: str, request: RunItem | None) -> dict[str, Any]:
    """Return the fields of a log line about an item."""
    start = request.start if request is not None else None
    return {
        "run_id": run_id,
        "workflow": workflow,
        "task": start.task if start else None,
        "item_index": start.index if start else None,
    }


def _digest(data: Data) -> bytes:
    return hashlib.blake2b(encode_json(data)).digest()
