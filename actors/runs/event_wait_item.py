"""One attempt of an item that waits for an event: it has no thread and no permit, and ends with the event.

EventWaits --EventCame, EventFound--> EventWaitItem --ItemEnded with the event--> supervisor

The wait begins with the item's first start, which its run's entries have: a recovered item looks for the events since.
"""

from math import inf
from typing import Final

from stretto.actors.dispatch import Overran, handles
from stretto.actors.events import EventFound, EventWait, LookBackFailed, LookedBack, PortionSent
from stretto.actors.history import ItemWait
from stretto.actors.journal import EventCame
from stretto.actors.runners import Began
from stretto.actors.runs.item import ItemActor
from stretto.actors.runs.item_failures import too_large_message, unrendered_failure
from stretto.actors.runs.messages import AttemptTimedOut, Detach, RunItem
from stretto.actors.runs.open_wait import OpenWait
from stretto.actors.runs.waiting_messages import LookBackAgain, WaitedBefore
from stretto.definitions.conductor import Failure
from stretto.definitions.data import Data, FrozenDict, object_of, weigh
from stretto.definitions.errors import ExpressionError, LimitExceeded
from stretto.definitions.expressions import Moment
from stretto.definitions.rules import Event, WhereScope

AGAIN_SECONDS: Final = 1.0
"""The pause after which a store that could not be read is read again."""


class EventWaitItem(ItemActor, label="ItemActor"):
    """Waits for an event."""

    _wait: EventWait | None = None
    _looks_back = True
    """Whether earlier events may still be found."""
    _kept: Event | None = None
    """The first event that it may end with, if no earlier one is found."""
    _seconds = 0.0
    """The seconds after which it times out."""
    _ends_at = inf
    """When that is, in seconds since the epoch."""
    _is_late = False
    """Whether that has passed. It ends with an event of before, if one is still found."""

    @property
    def waits_for(self) -> ItemWait:
        """The type of its event, which is "" before it waits."""
        if self._wait is None or self._request is None:
            return ItemWait("event", "")
        return ItemWait("event", self._request.start.scope.facts.mask.text(self._wait.type))

    def _start_child(self, message: RunItem, ref: str, inputs: FrozenDict, depth: int) -> None:  # noqa: ARG002 - as of the base
        services, start = self._services, message.start
        action = services.actions.get(ref, message.core_actions)
        action.check(inputs)
        event_type, given, own_timeout = action.function(**inputs)
        match = given if isinstance(given, FrozenDict) else object_of(dict(given))
        now, monotonic = services.now(), services.timers.monotonic()
        # Later attempts have their own time, and what has come since the first one began is theirs, too.
        began = min(start.at if start.began is None else start.began, now)
        self._running = OpenWait(Began(began, monotonic - (now - began)))
        seconds = min((each for each in (start.timeout, own_timeout) if each is not None), default=None)
        self._wait = wait = EventWait(self.actor_inbox, event_type, match, start.at)
        try:
            if isinstance(message.child, WaitedBefore):
                services.events.waits.add_again(wait)
            else:
                services.events.waits.add(wait)
        except LimitExceeded as error:
            self._wait = None
            self._report_failure("failed", self._failure("limit_exceeded", str(error)))
            return
        if seconds is not None:
            self._seconds, self._ends_at = seconds, began + seconds
            self._remind(monotonic + max(began + seconds - now, 0.0), AttemptTimedOut())

    # ---- events

    @handles(EventCame)
    def _came(self, message: EventCame) -> None:
        if self._is_late or not self._holds(message.event):
            return
        if not self._looks_back:
            self._end_with(message.event)
        elif self._kept is None:
            self._kept = message.event

    @handles(EventFound)
    def _found(self, message: EventFound) -> None:
        if message.event.at <= self._ends_at and self._holds(message.event):
            self._end_with(message.event)

    @handles(PortionSent)
    def _portion_handled(self, _message: PortionSent) -> None:
        if self._wait is not None:
            self._services.events.waits.handled(self._wait)

    @handles(LookedBack)
    def _looked_back(self, _message: LookedBack) -> None:
        self._looks_back = False
        if self._kept is not None:
            self._end_with(self._kept)
        elif self._is_late:
            self._end_late()

    @handles(LookBackFailed)
    def _look_back_failed(self, _message: LookBackFailed) -> None:
        if self._is_late:
            self._end_late()
        elif self._request is not None:
            self._services.timers.remind_after(AGAIN_SECONDS, self.actor_inbox, LookBackAgain())

    @handles(LookBackAgain)
    def _look_back_again(self, _message: LookBackAgain) -> None:
        if self._wait is not None:
            self._services.events.waits.look_back(self._wait)

    def _holds(self, event: Event) -> bool:
        """Return whether `where` holds for an event. A condition that cannot be evaluated does not."""
        request, services = self._request, self._services
        if request is None:
            return False
        where, start = request.task.where, request.start
        if where is None:
            return True
        limits = start.scope.facts.limits
        moment = Moment(event.at, self._run_id, start.task, start.visit, start.index, limits=limits)
        try:
            return bool(services.guard.call(where.evaluate, WhereScope(start.scope, event), moment))
        except ExpressionError:
            return False
        except Overran as overran:
            ids = {"run_id": self._run_id, "workflow": self._workflow, "task": start.task, "item_index": start.index}
            self._report_failure("failed", unrendered_failure(overran, services, ids))
            return False

    def _end_with(self, event: Event) -> None:
        if self._request is None:
            return
        result, most = self._services.events.waits.result_of(event), self._services.max_result_bytes
        if weigh(result) > most:
            message = too_large_message(weigh(result), most)
            self._report_failure("failed", self._failure("result_too_large", message, retryable=False))
            return
        if event.secret:
            self._request.start.scope.facts.mask.see((event.payload,))
        self._report("succeeded", result, None, self._services.timers.monotonic())

    # ---- other ends

    @handles(AttemptTimedOut)
    def _timed_out(self, _message: AttemptTimedOut) -> None:
        """Time out, once all events of before are known: a recovered run may have one that came in time."""
        self._reminder = None
        if self._looks_back:
            self._is_late = True
        else:
            self._end_late()

    def _end_late(self) -> None:
        if self._request is not None and self._wait is not None:
            message = f"no event {self._wait.type!r} came within {self._seconds:g} s"
            self._report_failure("timed_out", self._failure("timed_out", message))

    def _report(
        self, outcome: str, result: Data, failure: Failure | None, finished_at: float, seconds: float | None = None
    ) -> None:
        self._wait_no_longer()
        super()._report(outcome, result, failure, finished_at, seconds)

    @handles(Detach)
    def _detach(self, message: Detach) -> None:
        """Stop without a report: the next engine waits on."""
        self._wait_no_longer()
        super()._detach(message)

    def _wait_no_longer(self) -> None:
        wait, self._wait = self._wait, None
        if wait is not None:
            self._services.events.waits.remove(wait)
