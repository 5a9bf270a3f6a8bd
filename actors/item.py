"""One try of one item: renders its input, has the action called, owns the try's timeout, tells the outcome, stops."""

import hashlib
import time
from typing import Any

import msgspec
import pykka

from stretto.actors.actions import InvalidActionInput, UnknownAction
from stretto.actors.dispatch import DispatchedActor
from stretto.actors.messages import (
    ActionEnded,
    AttemptTimedOut,
    ItemEnded,
    PerformItem,
    StopItem,
    StopTookTooLong,
)
from stretto.actors.runners import Call, Finished, Running
from stretto.actors.services import Services
from stretto.definitions.conductor import Failure, ItemCompleted
from stretto.definitions.errors import ExpressionError, NotData
from stretto.definitions.expressions import Moment
from stretto.definitions.frozen import Data, FrozenDict, freeze
from stretto.metrics import CallIds, get_logger

STOP_GRACE_SECONDS = 10.0
"""How long a stopped action may take to end before its item is reported without it."""

_log = get_logger("stretto.items")


class ItemActor(DispatchedActor):
    """Performs one try of one item.

    Item actors are not in Pykka's registry: their supervisor knows them all, and stops them.
    """

    registered = False

    def __init__(self, services: Services, run_id: str, workflow: str) -> None:
        super().__init__()
        self._services = services
        self._run_id = run_id
        self._workflow = workflow
        self._perform: PerformItem | None = None
        self._input: Data = None
        self._running: Running | None = None
        self._reminder: int | None = None
        self._stopping = False
        self._began = 0.0
        self._digest: bytes | None = None

    def on_receive(self, message: Any) -> None:
        """Handle a message; see `messages`, "to an item"."""
        kind = type(message)
        if kind is PerformItem:
            self._begin_try(message)
        elif kind is ActionEnded:
            self._action_ended(message.finished)
        elif kind is AttemptTimedOut:
            self._timed_out()
        elif kind is StopItem:
            self._stop_action()
        elif kind is StopTookTooLong:
            self._report_failure(
                "cancelled", Failure("cancelled", "it was cancelled, and did not end in time", retryable=False)
            )

    def on_failure(self, *_exc_info: object) -> None:
        """Report that this actor broke: its supervisor must not wait for it for ever."""
        if self._perform is not None:
            self._report_failure(
                "failed", Failure("internal", "the item's actor crashed; its log tells why", retryable=False)
            )

    def _begin_try(self, message: PerformItem) -> None:
        self._perform = message
        self._began = time.monotonic()
        if message.caused_at is not None:
            self._services.instruments.transition_latency.observe(self._began - message.caused_at)
        start, task = message.start, message.task
        seed = f"{self._run_id}/{start.task}/{start.visit}/{start.index}"
        try:
            rendered = task.input.evaluate(start.scope, Moment(start.at, seed))
            assert isinstance(rendered, FrozenDict)  # noqa: S101 - the reader takes nothing else for an input
            self._input = rendered
            action = self._services.actions.get(task.action)
            action.check(rendered)
        except ExpressionError as error:
            hint = f"; {error.hint}" if error.hint else ""
            failure = Failure("expression", f"{error.reason}{hint}", retryable=False, expression=error.expression,
                              where=error.place)  # fmt: skip
            self._report_failure("failed", failure)
            return
        except (InvalidActionInput, UnknownAction) as error:
            self._report_failure("failed", Failure(error.code, str(error), retryable=False, input=self._input))
            return
        ids = CallIds(self._run_id, self._workflow, start.task, start.index if task.with_items else None)
        if self._services.check_digests:
            self._digest = _digest(rendered)
        call = Call(action, rendered, ids)
        if action.runner == "inline":
            self._services.runners.start(call, self._action_ended)
            return
        self._remind_of_timeout(start.timeout)
        self._running = self._services.runners.start(call, self._tell_end)

    def _remind_of_timeout(self, timeout: float | None) -> None:
        if timeout is not None:
            self._remind(self._began + timeout, AttemptTimedOut())

    def _remind(self, at: float, message: Any) -> None:
        self._reminder = self._services.remind(at, self.actor_ref, message)

    def _tell_end(self, finished: Finished) -> None:
        """Take the action's end on a runner's thread, and send it here."""
        try:
            self.actor_ref.tell(ActionEnded(finished))
        except pykka.ActorDeadError:
            if finished.status != "cancelled":
                self._services.instruments.late_results.inc()

    def _action_ended(self, finished: Finished) -> None:
        if finished.status == "cancelled":
            message = "it was cancelled" if self._stopping else "the action was cancelled"
            self._report_failure(
                "cancelled", Failure("cancelled", message, retryable=not self._stopping, input=self._input)
            )
            return
        if self._digest is not None and _digest(self._input) != self._digest:
            message = "the action changed its input, which other items share, by going around its methods"
            self._report_failure("failed", Failure("frozen", message, retryable=False))
            return
        try:
            result = freeze(finished.result, "the action's result")
        except NotData as error:
            self._report_failure("failed", Failure("not_data", str(error), retryable=False, input=self._input))
            return
        if finished.status == "succeeded":
            self._report("succeeded", result, None, finished.finished_at)
            return
        failure = Failure(finished.kind or "failed", finished.error or "it failed", result=result, input=self._input)
        self._report("failed", result, failure, finished.finished_at)

    def _timed_out(self) -> None:
        if self._running is not None:
            self._running.cancel()
        timeout = self._perform.start.timeout if self._perform else None
        self._reminder = None
        self._report_failure("timed_out", Failure("timed_out", f"it took longer than {timeout:g} s", input=self._input))

    def _stop_action(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        if self._running is not None and self._running.cancel():
            self._forget_reminder()
            self._remind(time.monotonic() + STOP_GRACE_SECONDS, StopTookTooLong())
        else:
            self._report_failure(
                "cancelled", Failure("cancelled", "it was cancelled", retryable=False, input=self._input)
            )

    def _forget_reminder(self) -> None:
        if self._reminder is not None:
            self._services.forget(self._reminder)
            self._reminder = None

    def _report_cancelled(self, message: str) -> None:
        self._report_failure("cancelled", Failure("cancelled", message, retryable=False, input=self._input))

    def _report_failure(self, outcome: str, failure: Failure) -> None:
        self._report(outcome, failure.result, failure, time.monotonic())

    def _report(self, outcome: str, result: Data, failure: Failure | None, finished_at: float) -> None:
        """Tell the supervisor the outcome, and stop: there is exactly one report."""
        perform, self._perform = self._perform, None
        if perform is None:
            return
        self._forget_reminder()
        start = perform.start
        completed = ItemCompleted(
            start.task, start.visit, start.index, start.attempt, outcome, result, failure, time.time()
        )
        try:
            perform.supervisor.tell(ItemEnded(completed, finished_at - self._began, finished_at))
        except pykka.ActorDeadError:
            _log.debug("item_without_supervisor", run_id=self._run_id, task=start.task, item_index=start.index)
        self.stop()


def _digest(data: Data) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(data)).digest()
