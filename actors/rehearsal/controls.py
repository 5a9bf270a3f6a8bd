"""The controls of a rehearsal: when each comes, and the answers and events among them."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import msgspec
import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.engine import ActionAsks
from stretto.actors.journal import MAX_PAGE, ItemKey, Requester
from stretto.actors.packs import question_of
from stretto.actors.rehearsal.runner import Launch
from stretto.actors.rehearsal.script import Control, InquiryAnswer, Request, SentEvent, number_asked
from stretto.actors.rehearsal.timeline import Timeline
from stretto.actors.runs import MakeInquiry, Services
from stretto.definitions.data import freeze
from stretto.definitions.errors import StrettoError
from stretto.definitions.rules import Event, is_engine_event


class ControlRefused(StrettoError):
    """A control of a rehearsal does not fit what the run does then."""

    code = "control_refused"


class Controls:
    """Controls that are still to come, those at a time and those before a completion."""

    def __init__(self, controls: Sequence[Control]) -> None:
        self._timed = sorted((each for each in controls if each.at is not None), key=lambda each: each.at or 0.0)
        counted = (each for each in controls if each.before_completion is not None)
        self._counted = sorted(counted, key=lambda each: each.before_completion or 0)

    def take_first_requests(self) -> Sequence[Request]:
        """Return the requests before anything is launched. They come no more."""
        first = [each for each in self._counted if (each.before_completion or 0) <= 1 and each.request is not None]
        self._counted = [each for each in self._counted if each not in first]
        return [each.request for each in first if each.request is not None]

    def next(self, start: float, time_of_next: float, completions: int) -> Control | None:
        """Return the control that comes now, or None.

        Args:
            start: When the rehearsal began.
            time_of_next: When the next thing happens by itself, or infinity if nothing does.
            completions: How many ends of actions were handled.
        """
        if self._timed and start + (self._timed[0].at or 0.0) < time_of_next:
            return self._timed[0]
        if self._counted:
            is_its_turn = (self._counted[0].before_completion or 0) <= completions + 1
            if is_its_turn or time_of_next == inf:
                return self._counted[0]
        return None

    def take(self, control: Control) -> None:
        """Remove a control that comes now."""
        (self._counted if control.at is None else self._timed).remove(control)


class Desk:
    """Passes answers and events on to the engine of a rehearsal.

    Args:
        ask: Calls a method of the engine, and returns its answer.
        services: Those of the engine.
    """

    def __init__(self, ask: Callable[..., Any], services: Services) -> None:
        self._ask = ask
        self._services = services
        self._events = 0

    def take(self, control: Control, timeline: Timeline) -> None:
        """Give an answer, or send an event. Raises StrettoError if it is refused."""
        if control.answer is not None:
            self._answer(control.answer, timeline)
        elif control.event is not None:
            self._send(control.event)

    def make_inquiry(self, launch: Launch, tell: Callable[[ActionAsks], object]) -> None:
        """Make the inquiry of an action as its API does. Raises StrettoError if it is refused.

        Args:
            launch: The action.
            tell: Sends the engine a message, and does what follows.
        """
        start, rule = launch.start, launch.rule
        asked = {} if isinstance(rule.asks, msgspec.UnsetType) else rule.asks
        purpose, question = question_of({name: value for name, value in asked.items() if name != "id"})
        item = ItemKey(start.task, start.visit, start.index)
        asks = ActionAsks(launch.run_id, MakeInquiry(item, purpose, question, number_asked(rule)), Deferred())
        reply: pykka.Future[Any] = pykka.ThreadingFuture()
        asks.answer.subscribe(reply, set())
        tell(asks)
        reply.get(timeout=0)

    def _answer(self, answer: InquiryAnswer, timeline: Timeline) -> None:
        inquiry = self._find(answer)
        if inquiry is None:
            item = "" if answer.item is None else f"[{answer.item}]"
            raise ControlRefused(f"{answer.task}{item} asks nothing {timeline.elapsed():g} s after the start")
        by = None if answer.by is None else Requester(who=answer.by, via="rehearsal", source="local", role=answer.role)
        self._ask("answer_inquiry", inquiry, answer.response, by=by)

    def _find(self, answer: InquiryAnswer) -> str | None:
        """Return the id of the first open inquiry of a task, or None."""
        found, cursor = None, None
        while True:
            page = self._ask("inquiries", status="pending", cursor=cursor, limit=MAX_PAGE)
            for row in page["inquiries"]:  # the newest first
                if row["task"] == answer.task and row["index"] == (answer.item or 0):
                    found = row["id"]
            cursor = page["next"]
            if cursor is None:
                return found

    def _send(self, sent: SentEvent) -> None:
        if is_engine_event(sent.type):
            raise ControlRefused(f"only the engine sends events of the type {sent.type!r}")
        self._events += 1
        self._services.events.accept(Event(
            id=f"rehearsed-event-{self._events}", type=sent.type, payload=freeze(sent.payload, "the payload"),
            at=self._services.now(), source="rehearsal",
        ))  # fmt: skip
