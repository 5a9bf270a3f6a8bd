"""The events of one run on their way to its conductor, which handles each in one turn or in several.

    event --> Conductor.on --> commands --> RunExecution
         '--> RunLog       '-> a pause: end of the turn --> ContinueEvent --> Conductor.step --> commands

An event that renders the inputs of many items, or starts many, pauses again and again, so that other runs get their
turns. Nothing else happens in its own run until it has ended: messages wait, and no item starts.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from stretto.actors.dispatch import Deferred, Mailbox, Overran, handles
from stretto.actors.journal import KeysRead, RunLog
from stretto.actors.outcome import Outcome
from stretto.actors.runs.ending import RunEnding
from stretto.actors.runs.in_flight import ItemsInFlight
from stretto.actors.runs.messages import (
    CatchUpWithParent,
    ContinueEvent,
    ControlRun,
    ItemCancelling,
    ItemEnded,
    PermitsGranted,
    ReturnPermits,
)
from stretto.actors.runs.parent import Propagation
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.actors.runs.unfinished import Then, UnfinishedEvent
from stretto.definitions.conductor import (
    ENDED,
    CancelRequested,
    Command,
    Conductor,
    Event,
    IllegalTransition,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsHeld,
    ItemsRead,
    ItemsWithdrawn,
    PropagatedRequest,
    ResultsClosed,
    StartItem,
    request_implied_by,
)
from stretto.definitions.context import NO_SECRECY

WHILE_UNFINISHED: Final = frozenset({ContinueEvent, PermitsGranted, ReturnPermits})
"""The messages to an execution that do not wait for the end of an unfinished event."""


class EventFeed(ABC):
    """Feeds the events of one run to its conductor and to its log.

    Attributes:
        conductor: The run's conductor, once its inputs are bound.
        begun: Whether the conductor has begun, or was recovered.
        ended: Whether nothing more happens in the run here.
        interrupted: Whether an evaluation was stopped: the run's state is unknown here.
        unfinished: The event that goes on in the next turn.
    """

    __slots__ = (
        "_guard", "_inbox", "_is_child", "_keys", "_now", "_propagation", "begun", "conductor", "ended", "ending",
        "interrupted", "items", "log", "run_id", "unfinished",
    )  # fmt: skip

    def __init__(
        self, services: Services, request: RunRequest, items: ItemsInFlight, ending: RunEnding, inbox: Mailbox[Any]
    ) -> None:
        self.run_id = request.handle.id
        self.conductor: Conductor | None = None
        self.begun = self.ended = self.interrupted = False
        self._is_child = request.parent is not None
        self.unfinished: UnfinishedEvent | None = None
        self.items = items
        self.ending = ending
        self._propagation: Propagation | None = None
        secrecy = request.secrecy
        self.log = RunLog(
            services.journal, self.run_id, secretive=secrecy is not NO_SECRECY and secrecy != NO_SECRECY,
            family=request.family, max_output_bytes=services.max_output_bytes,
        )  # fmt: skip
        self._now, self._guard, self._inbox, self._keys = services.now, services.guard, inbox, services.keys

    @property
    def propagation(self) -> Propagation:
        """Passes requests on to sub-workflows. Most runs have none, and no request."""
        propagation = self._propagation
        if propagation is None:
            propagation = self._propagation = Propagation(self.run_id, self.items)
        return propagation

    @abstractmethod
    def carry_out(
        self, commands: list[Command], preceding_end: float | None, at: float, earlier: Sequence[StartItem] = ()
    ) -> None:
        """Carry out the commands of an event that happened `at`.

        Args:
            commands: The commands.
            preceding_end: The end of the action before the event, on the monotonic clock.
            at: The time of the event.
            earlier: The event's starts that `add_starts` has taken already.
        """

    @abstractmethod
    def add_starts(self, starts: Sequence[StartItem], preceding_end: float | None) -> None:
        """Let commanded items wait for their start. `preceding_end` is as in `carry_out`."""

    @abstractmethod
    def start_items(self) -> None:
        """Start waiting items, as far as permits, the journal and the run's state allow."""

    @abstractmethod
    def notify_of(self, event: Event) -> None:
        """Add the events that rules may answer to the record of an event that the conductor has handled."""

    @abstractmethod
    def finish(self, outcome: Outcome) -> None:
        """End the run."""

    # ---- events

    def connect(self, conductor: Conductor) -> None:
        """Let a new conductor pause in long events, and read keys."""
        conductor.pauses = True
        conductor.connect_keys(self._keys.read)

    def begin(self, conductor: Conductor) -> None:
        """Carry out the conductor's first commands."""
        if conductor.reads_keys:
            conductor.follow_keys()
        before, at = conductor.status, self._now()
        try:
            commands = self._guard.call(conductor.begin)
        except Overran as overran:
            self._break_off(conductor, overran, None)
            raise
        if conductor.unfinished:
            self.unfinished = UnfinishedEvent(None, before)
            self.go_on_with(commands, partial(self.carry_out, preceding_end=None, at=at))
        else:
            if conductor.reads_keys:
                self.note_keys(conductor)
            self.carry_out(commands, None, at)

    def note_keys(self, conductor: Conductor) -> None:
        """Journal the keys that an event has read, before the event: a replay reads the same."""
        keys = conductor.take_keys_read()
        if keys:
            self.log.note(KeysRead(keys), conductor.mask)

    @handles(ItemPaused, ItemResumed, ItemsRead, ResultsClosed, ItemCompleted, ItemsWithdrawn, ItemsHeld)
    def event(self, event: Event) -> None:
        """Handle an event, and start the items that it allows to start."""
        if self.conductor is not None and not self.ended:
            self.feed(event)
            self.start_items()

    def feed(self, event: Event) -> None:
        """Handle an event, after the unfinished one if there is one."""
        before = self.unfinished
        if before is not None:
            before.waiting.append(event)
            return
        commands = self.on(event)
        if self.unfinished is not None:
            self.go_on_with(commands, partial(self._carry_out_fed, event))
        else:
            self._carry_out_fed(event, commands)

    def _carry_out_fed(self, event: Event, commands: list[Command], *, earlier: Sequence[StartItem] = ()) -> None:
        self.notify_of(event)
        self.carry_out(commands, None, event.at, earlier)

    def on(self, event: Event) -> list[Command]:
        """Pass an event to the conductor and to the log.

        Returns:
            The conductor's commands. If the event is `unfinished` now, they are the first ones: call `go_on_with`.
        """
        conductor = self.conductor
        if conductor is None:
            raise RuntimeError("an event came before the run had begun")
        before = conductor.status
        try:
            commands = conductor.on(event, self._guard.call)
        except Overran as overran:
            self._break_off(conductor, overran, event)
            raise
        if conductor.unfinished:
            self.unfinished = UnfinishedEvent(event, before)
            return commands
        if conductor.reads_keys:
            self.note_keys(conductor)
        if self.log.durable:
            self.log.note(event, conductor.mask)
        if conductor.status != before and conductor.status not in ENDED:
            self._pass_on_change(before, conductor.status, event)
        return commands

    def _pass_on_change(self, before: str, status: str, event: Event) -> None:
        """Pass on to sub-workflows what a change of the run's status means for them: before an end they have ended."""
        request = request_implied_by(before, status, event.at)
        if request is not None:
            self.propagation.pass_on(request)

    def _break_off(self, conductor: Conductor, overran: Overran, event: Event | None) -> None:
        """Leave the run, or end it, because an evaluation was stopped: the conductor's state is unknown now."""
        self.interrupted = True
        if self.unfinished is not None:
            self.log.audit(self.unfinished.audit)
        self.unfinished = None
        outcome = self.ending.break_off(overran, event, conductor, self.log)
        if outcome is None:
            self.ended = True
            self._inbox.request_stop()
        else:
            self.finish(outcome)

    # ---- an event in several turns

    def go_on_with(self, commands: list[Command], then: Then, preceding_end: float | None = None) -> None:
        """Take the first commands of the unfinished event.

        Args:
            commands: The commands.
            then: Carries out the commands when the event has ended, except for starts of items before its last portion.
            preceding_end: The end of the action before the event, on the monotonic clock.
        """
        if self.unfinished is not None:
            self.unfinished.then = then
            self.unfinished.preceding_end = preceding_end
            self.add_starts(self.unfinished.set_apart(commands), preceding_end)

    def schedule_step(self) -> None:
        """Let the unfinished event go on in the next turn."""
        if self.unfinished is not None and not self.unfinished.scheduled:
            self.unfinished.scheduled = True
            self._inbox.tell(ContinueEvent())

    @handles(ContinueEvent)
    def _step(self, _message: ContinueEvent) -> None:
        unfinished, conductor = self.unfinished, self.conductor
        if unfinished is None or conductor is None or self.ended:
            return
        unfinished.scheduled = False
        try:
            commands = self._guard.call(conductor.step)
        except Overran as overran:
            self._break_off(conductor, overran, unfinished.event)
            raise
        if conductor.unfinished:
            self.add_starts(unfinished.set_apart(commands), unfinished.preceding_end)
            return
        self.unfinished = None
        self.note_keys(conductor)
        if unfinished.event is not None:
            self.log.audit(unfinished.audit)
            if self.log.durable:
                self.log.note(unfinished.event, conductor.mask)
            if conductor.status != unfinished.status and conductor.status not in ENDED:
                self._pass_on_change(unfinished.status, conductor.status, unfinished.event)
        unfinished.then([*unfinished.commands, *commands], earlier=unfinished.starts)
        for answer in unfinished.recorded:
            answer()
        self.catch_up_with_parent()
        self._inbox.put_back(unfinished.waiting)

    def postpone(self, unfinished: UnfinishedEvent, message: Any) -> None:
        """Keep a message until the unfinished event has ended."""
        if type(message) is ItemEnded:
            self.items.ended(message.completed)  # at once: other runs may wait for its permit
        unfinished.waiting.append(message)

    def answer_recorded(self, answer: Deferred, value: Any) -> None:
        """Resolve an answer once the events so far are durable, and the unfinished one, too."""
        if self.unfinished is None:
            self.log.answer(answer, value)
        else:
            self.unfinished.recorded.append(partial(self.log.answer, answer, value))

    def leave_unfinished(self) -> None:
        """Journal the unfinished event and the ends of items behind it, for the engine that recovers the run."""
        unfinished, self.unfinished = self.unfinished, None
        if unfinished is not None and self.conductor is not None and self.log.durable:
            self.log.audit(unfinished.audit)
            self.note_keys(self.conductor)
            for event in unfinished.for_next_engine():
                self.log.note(event, self.conductor.mask)

    # ---- requests

    @handles(ControlRun)
    def _control(self, message: ControlRun) -> None:
        if self.ended:
            raise IllegalTransition(f"the run {self.run_id} has ended")
        event = message.event(*message.arguments, at=self._now())
        with self.log.auditing(message.audit):
            self.event(event)
        if self.unfinished is not None:
            self.unfinished.audit = self.log.take_audit()
        if isinstance(event, PropagatedRequest):
            self.propagation.pass_on(event)

    @handles(ItemCancelling)
    def _item_cancelling(self, message: ItemCancelling) -> None:
        """Cancel the run with its sub-workflow, and so all its other ones, if its dialect asks for that."""
        if self.conductor is not None and not self.ended and self.conductor.follows_cancel(message.start):
            self._control(ControlRun(CancelRequested))

    @handles(CatchUpWithParent)
    def _parent_requested(self, message: CatchUpWithParent) -> None:
        self.propagation.keep(message.request)
        if self.begun:
            self.catch_up_with_parent()

    def catch_up_with_parent(self) -> None:
        """Apply the parent run's latest request if this run missed it."""
        if not self._is_child or self.conductor is None or self.ended or self.unfinished is not None:
            return
        missed = self.propagation.take_missed(self.conductor)
        if missed is not None:
            with contextlib.suppress(IllegalTransition):  # the run fails already
                self._control(ControlRun(type(missed)))
