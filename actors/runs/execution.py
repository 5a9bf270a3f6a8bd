"""One run in progress: events go to its conductor and into the journal, and the commands that follow are carried out.

    event --> Conductor --> commands --> items, files, timers
         '--> RunLog --> the journal, at the end of the turn and without waiting

An item costs one event, its commands, and the start of the next item, in the turn in which it ends.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, Final

import msgspec

from stretto.actors.dispatch import Mailbox, Recipient, handles, unbound_handlers
from stretto.actors.journal import ItemStarted, JournalHasRoom
from stretto.actors.outcome import Outcome
from stretto.actors.runs.deadlines import deadlines_of
from stretto.actors.runs.ending import RunEnding
from stretto.actors.runs.in_flight import STOP, ItemsInFlight
from stretto.actors.runs.listeners import RunListeners
from stretto.actors.runs.made_inquiries import NONE_OPEN, MadeInquiryFeed
from stretto.actors.runs.messages import (
    ItemEnded,
    PauseItem,
    PermitsGranted,
    ResultsSaved,
    ResumeItem,
    ReturnPermits,
    SettleReused,
    SharePermits,
    StartRecorded,
)
from stretto.actors.runs.reminders import DeadlinePassed, Timer
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.reused_items import NOTHING_REUSED, ReusedItems
from stretto.actors.runs.run_events import RunEvents
from stretto.actors.runs.services import Services
from stretto.actors.runs.starting_items import Key, key_of
from stretto.actors.runs.streams import NO_STREAMS, streams_of
from stretto.actors.runs.telemetry import RunTelemetry, is_retried
from stretto.actors.runs.waiting_messages import WaitEnded
from stretto.definitions.conductor import (
    PAUSING,
    CancelItem,
    Command,
    Conductor,
    DelayElapsed,
    Event,
    Failure,
    FinishRun,
    HoldItems,
    IllegalTransition,
    ItemCompleted,
    ItemsHeld,
    ItemsWithdrawn,
    ResultsClosed,
    ResultsOpened,
    ResumeItems,
    RetryDue,
    RunTimedOut,
    StartItem,
    StreamFailed,
    TaskEnded,
    TaskStarted,
    WaitUntil,
    WithdrawItems,
)

PAUSE: Final = PauseItem()
RESUME: Final = ResumeItem()
FAILED: Final = frozenset({"failed", "timed_out"})
"""The outcomes of items whose last attempt has failed."""


class RunExecution(MadeInquiryFeed):
    """Turns messages into events, and carries out the commands that follow from them.

    Its supervisor is the actor that calls it. It refers to that actor's mailbox, which forgets the actor at its end, so
    that neither needs the garbage collector.
    """

    __slots__ = ("_reuses", "deadlines", "reused", "streams", "telemetry", "uses_files")

    def __init__(self, services: Services, engine: Recipient, request: RunRequest, inbox: Mailbox[Any]) -> None:
        self._services, self._request, self._open = services, request, NONE_OPEN
        self.telemetry = RunTelemetry(services, request.workflow, request.handle.id)
        self.listeners = RunListeners(engine, request, self.telemetry, services.timers, inbox)
        items = ItemsInFlight(services, request, inbox, self.telemetry)
        plan = request.reuse_plan
        self.reused = NOTHING_REUSED if plan is None else ReusedItems(plan, services.now, inbox)
        self.uses_files = request.shape.uses_files
        self.streams = streams_of(services, request, inbox) if self.uses_files else NO_STREAMS
        ending = RunEnding(services, request, items, self.streams, self.listeners, self.telemetry)
        # Most have none: a call less for each run.
        self.deadlines = deadlines_of(services, request, ending, inbox) if request.shape.has_deadlines else None
        super().__init__(services, request, items, ending, inbox)
        self._reuses = plan is not None

    @property
    def status(self) -> str:
        """The run's status as reports have it: a paused run is `pausing` until nothing of it runs."""
        conductor = self.conductor
        if conductor is None:
            return "accepted"
        if conductor.status != "paused" or self.items.is_idle_except_for(conductor.paused_items()):
            return conductor.status
        return PAUSING

    # ---- events

    @handles(ItemEnded)
    def item_ended(self, message: ItemEnded) -> None:
        """Handle the end of an item's attempt."""
        completed = message.completed
        self.items.ended(completed)
        if message.output is not None:
            self.log.keep_output(message.output)
        if self.conductor is None or self.ended:
            return
        if message.waited is not None:
            self._wait_ended(message, message.waited)
            return
        outcome = self.conductor.counts_as(completed)
        commands = self.on(completed)
        if self.unfinished is not None:
            self.go_on_with(commands, partial(self._attempt_ended, message, outcome), message.finished_at)
            return
        # As `_attempt_ended`: a call less for each item.
        final = completed.failure is None or not is_retried(completed, commands)
        self.telemetry.attempt_ended(message, outcome, final=final)
        if final and outcome in FAILED:
            self._notify_of_failure(completed, self.conductor)
        self.carry_out(commands, message.finished_at, completed.at)

    def _wait_ended(self, message: ItemEnded, waited: WaitEnded) -> None:
        """Handle the end of an item that has waited. The end of its inquiry is in the same commit."""
        self.item_ended(msgspec.structs.replace(message, waited=None))
        if self.unfinished is None:
            self.end_wait(waited)
        else:
            self.unfinished.recorded.append(partial(self.end_wait, waited))

    def _attempt_ended(
        self, message: ItemEnded, outcome: str, commands: list[Command], *, earlier: Sequence[StartItem]
    ) -> None:
        completed = message.completed
        final = completed.failure is None or not is_retried(completed, commands)
        self.telemetry.attempt_ended(message, outcome, final=final)
        if final and outcome in FAILED and self.conductor is not None:
            self._notify_of_failure(completed, self.conductor)
        self.carry_out(commands, message.finished_at, completed.at, earlier)

    def _notify_of_failure(self, completed: ItemCompleted, conductor: Conductor) -> None:
        RunEvents(self._services, self._request).item_failed(completed, conductor, self.log)

    def notify_of(self, event: Event) -> None:
        """Notify rules of an item that has failed without being run."""
        if isinstance(event, ItemCompleted) and event.outcome == "failed" and self.conductor is not None:
            self._notify_of_failure(event, self.conductor)

    @handles(RetryDue, DelayElapsed, RunTimedOut)
    def _reminded(self, event: Timer) -> None:
        self.ending.reminders(self._inbox).came(event)
        self.event(event)

    @handles(DeadlinePassed)
    def _deadline_passed(self, message: DeadlinePassed) -> None:
        if self.deadlines is None or self.conductor is None or self.ended:
            return
        if (control := self.deadlines.passed(message, self.conductor)) is not None:
            with contextlib.suppress(IllegalTransition):  # it ends already
                self._control(control)

    # ---- files

    @handles(ResultsOpened)
    def _results_opened(self, event: ResultsOpened) -> None:
        self.streams.opened(event)
        self.event(event)

    @handles(StreamFailed)
    def _stream_failed(self, event: StreamFailed) -> None:
        self.streams.failed(event)
        self.event(event)

    @handles(ResultsSaved)
    def _results_saved(self, message: ResultsSaved) -> None:
        """Journal how much of the results file is written. ResultsClosed follows once that entry is durable."""
        written = self.streams.saved(message)
        if written is None or self.conductor is None or self.ended:
            return
        self.log.note(written, self.conductor.mask)
        if written.whole:
            # Later tasks may move the file: a recovered run must not look for it.
            self.log.tell(self._inbox, ResultsClosed(written.task, written.visit, written.at))
        self.start_items()

    # ---- commands

    def carry_out(  # noqa: C901 - a call less for each command
        self, commands: list[Command], preceding_end: float | None, at: float, earlier: Sequence[StartItem] = ()
    ) -> None:
        """Carry out the commands of an event that happened `at`."""
        stops: list[WithdrawItems | CancelItem] = []
        is_new = False  # whether the context may be another one
        for command in commands:
            if type(command) is StartItem:
                # Only a task's first item follows another action's end. The others follow each other.
                preceding = preceding_end if command.index == 0 and command.attempt == 1 else None
                if self._reuses:
                    self.command_start(command, preceding)
                else:
                    self.items.add(command, preceding)
            elif type(command) is WaitUntil:
                self.wait(command)
            elif type(command) is WithdrawItems or type(command) is CancelItem:
                stops.append(command)
            elif type(command) is HoldItems:
                self._hold_items(command)
            elif type(command) is ResumeItems:
                self.items.send_to_children(RESUME, command.task, command.visit)
            elif type(command) is TaskStarted:
                if self.deadlines is not None:
                    self.deadlines.task_started(command, at)
                if self.log.durable:
                    is_new = True
                    self.log.task_started(command, at)
            elif type(command) is TaskEnded:
                if self.deadlines is not None:
                    self.deadlines.task_ended(command.task, command.visit)
                if self.log.durable:
                    is_new = True
                    self.log.task_ended(command, at)
                self.telemetry.task_ended(command)
            elif type(command) is FinishRun:
                self.finish(Outcome(command.status, command.output, command.errors))
            else:
                self.streams.carry_out(command)
        if is_new and self.conductor is not None:
            self.log.note_context(self.conductor)
        if stops:
            starts = (*earlier, *[each for each in commands if type(each) is StartItem])
            self._stop_items(stops, frozenset(map(key_of, starts)))

    def add_starts(self, starts: Sequence[StartItem], preceding_end: float | None) -> None:
        """Let commanded items wait for their start."""
        for start in starts:
            self.command_start(start, preceding_end if start.index == 0 and start.attempt == 1 else None)

    def command_start(self, start: StartItem, preceding_end: float | None) -> None:
        """Reuse an item's result, or enqueue the item."""
        if not self.reused.take(start):
            self.items.add(start, preceding_end)

    def wait(self, command: WaitUntil, at_most: float = inf) -> None:
        """Remind the run of a wait's end, in `at_most` seconds, unless the wait is reused."""
        then = command.then
        if isinstance(then, RunTimedOut) or not self.reused.take_wait(then):
            self.ending.reminders(self._inbox).add(then, at_most)

    def finish(self, outcome: Outcome) -> None:
        """End the run. RunEnded is sent after the commit, behind the answers of this turn."""
        self.unfinished = None
        self.cancel_inquiries()
        progress = self.ending.journal_end(outcome, self.conductor, self.log)
        self.ended = True  # not before: a supervisor that fails without a journaled end has crashed
        self.ending.announce_end(progress)
        self._inbox.request_stop()

    # ---- items that start

    @handles(SettleReused)
    def _settle_reused(self, _message: SettleReused) -> None:
        """Settle a portion of the reused items. The others follow in further turns."""
        if not self.log.has_room(self._inbox):
            self.reused.pause()
            return
        for event in self.reused.portion():
            self.event(event)
            if self.ended:
                return
        self.start_items()

    @handles(JournalHasRoom)
    def _journal_has_room(self, _message: JournalHasRoom) -> None:
        if self.reused:
            self.reused.schedule()
        else:
            self.start_items()

    def start_items(self) -> None:
        """Start waiting items, as far as permits, the journal and the run's state allow."""
        conductor = self.conductor
        if conductor is None or self.ended or conductor.status == "paused" or not self.begun:
            return
        if self.unfinished is not None or (self._reuses and self.reused):
            return
        items = self.items
        if items.refused:
            _end_refused(self)
        if items.any_waits and not self.streams.lagging and (not self.log.durable or self.log.has_room(self._inbox)):
            items.start_permitted(self._record_start)

    def _record_start(self, start: StartItem, preceding_end: float | None) -> None:
        if self.conductor is not None:
            started = ItemStarted(start.task, start.visit, start.index, start.attempt, self._now())
            self.log.note(started, self.conductor.mask)
            self.log.tell(self._inbox, StartRecorded(start, preceding_end))

    @handles(StartRecorded)
    def _start_recorded(self, message: StartRecorded) -> None:
        start, conductor = message.start, self.conductor
        if conductor is None or self.ended:
            self.items.start_dropped(start)
        elif conductor.may_resume(start):
            self.items.start_recorded(start, message.preceding_end)
        else:
            self.items.start_dropped(start)
            self.end_unstarted(start, "cancelled", "it was cancelled before it began")

    @handles(PermitsGranted)
    def _permits_granted(self, message: PermitsGranted) -> None:
        self.items.granted(message.pool, message.count)
        self.start_items()  # now: the same permits may be reclaimed in this turn, and have to serve an item first

    @handles(ReturnPermits)
    def _permits_reclaimed(self, message: ReturnPermits) -> None:
        self.items.reclaimed(message.pool, message.count)

    def update_permits(self) -> None:
        """Release unneeded permits and request missing ones."""
        starts_nothing = self.unfinished is not None or (
            self.conductor is not None and self.conductor.status == "paused"
        )
        if self.items.update_permits(paused=starts_nothing):
            self.listeners.notify_engine(SharePermits())

    # ---- items that are held or stop

    def _hold_items(self, command: HoldItems) -> None:
        """Pause a visit's sub-workflows, and take back its items that have not started."""
        self.items.send_to_children(PAUSE, command.task, command.visit)
        indexes = self.items.withdraw(command.task, command.visit)
        if indexes:
            self.feed(ItemsHeld(command.task, command.visit, indexes, self._now()))

    def _stop_items(self, stops: list[WithdrawItems | CancelItem], commanded: frozenset[Key]) -> None:
        """Withdraw waiting items, then cancel running ones. Items in `commanded` (same event) may still start."""
        withdrawals = [each for each in stops if isinstance(each, WithdrawItems)]
        earlier = [self.items.withdraw(each.task, each.visit, commanded) for each in withdrawals]
        if commanded:
            self.start_items()
        for withdrawal, withdrawn in zip(withdrawals, earlier, strict=True):
            indexes = (*withdrawn, *self.items.withdraw(withdrawal.task, withdrawal.visit))
            if indexes:
                self.feed(ItemsWithdrawn(withdrawal.task, withdrawal.visit, indexes, self._now()))
        for command in stops:
            if isinstance(command, CancelItem):
                self._cancel_item((command.task, command.visit, command.index))

    def _cancel_item(self, key: Key) -> None:
        """Stop an item. One that waits ends at once."""
        start = self.items.remove_waiting(key)
        if start is None:
            self.items.send(key, STOP)
        else:
            self.end_unstarted(start, "cancelled", "it was cancelled before it began")

    def end_unstarted(self, start: StartItem, kind: str, message: str) -> None:
        """End an item that does not run."""
        outcome = "cancelled" if kind == "cancelled" else "failed"
        failure = Failure(kind, message, retryable=False)
        now = self._now()
        self.event(ItemCompleted(start.task, start.visit, start.index, start.attempt, outcome, None, failure, now))


def _end_refused(run: RunExecution) -> None:
    """Fail the items that have no key. The items that follow them may have none, either."""
    while run.unfinished is None and not run.ended and run.items.refused:
        start, kind, message = run.items.refused.popleft()
        run.end_unstarted(start, kind, message)


EXECUTION_HANDLERS: Final[dict[type, Callable[[RunExecution, Any], Any]]] = unbound_handlers(RunExecution)
"""The messages that a supervisor passes to its execution."""
