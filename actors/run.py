"""The supervisor of one run: holds its conductor, and with it the run's single authoritative context.

    messages --> events --> Conductor --> commands --> messages
                   '-------> RunJournal --> the journal: at the turn's end, and nobody waits

Nothing else ever changes the run's context. What an item costs here is one event, its commands, and the start of the
next one, in the same turn in which it ends; whatever can wait (metrics, permits, the journal, watchers) waits for the
turn's end. Nothing starts before it is durable that the run was accepted. A run that is rebuilt has its conductor see
the journal's entries first, and goes on from there.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pykka

from stretto.actors.dispatch import DispatchedActor, Later
from stretto.actors.idempotency import idempotency_of
from stretto.actors.item import ItemActor
from stretto.actors.item_output import has_just_ended, item_in_flight
from stretto.actors.journal.link import MAX_PENDING
from stretto.actors.journal.records import Ending, ItemStarted, RunAccepted
from stretto.actors.journal.store import Child, Reader
from stretto.actors.messages import (
    AbandonRun,
    BeginRun,
    CancelRun,
    ChangeConcurrency,
    DropRun,
    EntriesRead,
    EntriesUnreadable,
    ItemEnded,
    JournalHasRoom,
    LetGo,
    ParkWhenIdle,
    PauseItem,
    PauseRun,
    PerformItem,
    PermitsGranted,
    PermitsRequested,
    PermitsReturned,
    Relayed,
    ResumeItem,
    ResumeRun,
    RetryOneItem,
    ReturnPermits,
    RunCrashed,
    RunEnded,
    RunInputs,
    RunNotLoaded,
    RunParked,
    RunPauseChanged,
    RunProgressed,
    RunRebuilt,
    RunRecorded,
    RunRefused,
    SettleKept,
    SkipOneItem,
    StartRecorded,
    StopItem,
    TellItemOutput,
    TellOutput,
    TellStatus,
    TellWhy,
    WatchRun,
)
from stretto.actors.outcome import Outcome, abandoned
from stretto.actors.reasons import HeldUp, reasons_of
from stretto.actors.rebuilding import READ_AT_ONCE, Rebuilding
from stretto.actors.relay import ask_later, hand_on
from stretto.actors.run_journal import RunJournal
from stretto.actors.run_permits import RunPermits
from stretto.actors.run_record import RunRecord
from stretto.actors.run_request import Rebuilt, RunRequest
from stretto.actors.runners.base import describe
from stretto.actors.services import Services
from stretto.definitions.conductor import (
    CancelItem,
    CancelRequested,
    Command,
    ConcurrencyRequested,
    Conductor,
    DelayElapsed,
    Event,
    Failure,
    FinishRun,
    IllegalTransition,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsWithdrawn,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    RetryRequested,
    RunTimedOut,
    SkipRequested,
    StartItem,
    TaskEnded,
    TaskStarted,
    WaitUntil,
    WithdrawItems,
)
from stretto.definitions.errors import InvalidInput, StrettoError
from stretto.definitions.frozen import EMPTY_OBJECT, FrozenDict
from stretto.definitions.parameters import bind
from stretto.definitions.secrecy import NO_SECRECY
from stretto.metrics.logging import mask_run, unmask_run

if TYPE_CHECKING:
    from collections.abc import Callable

Timer: TypeAlias = RetryDue | DelayElapsed | RunTimedOut
Key: TypeAlias = tuple[str, int, int]
"""A task, its visit, and the item's index."""

REQUESTS: Final = (CancelRun, PauseRun, ResumeRun, ChangeConcurrency, SkipOneItem, RetryOneItem)
"""What is answered only when it is durable."""
KEPT_AT_ONCE: Final = 64
"""Kept items that are settled in one turn: other runs have theirs in between."""


class RunSupervisor(DispatchedActor):
    """Conducts one run from its acceptance, or its recovery, to its end."""

    def __init__(self, services: Services, engine: pykka.ActorRef[Any], request: RunRequest) -> None:
        super().__init__()
        self._services = services
        self._engine = engine
        self._request = request
        self._run_id = request.handle.id
        self._workflow = request.workflow
        self._record = RunRecord(services, request.workflow, self._run_id)
        self._watchers = [request.watcher] if request.watcher is not None else []
        self._waiting: deque[tuple[StartItem, float | None]] = deque()
        self._nested_waiting: deque[tuple[StartItem, float | None]] = deque()
        self._recording: set[Key] = set()
        self._running: dict[Key, pykka.ActorRef[ItemActor]] = {}
        self._children: dict[Key, pykka.ActorRef[ItemActor]] = {}
        self._kept: deque[ItemCompleted] = deque()
        self._reminders: dict[Timer, int] = {}
        self._permits = RunPermits()
        self._told_paused = False
        self._conductor: Conductor | None = None
        self._parameters = EMPTY_OBJECT
        self._rebuilding: Rebuilding | None = None
        secretive = request.secrecy != NO_SECRECY
        self._journal = RunJournal(services.journal, self._run_id, secretive=secretive)
        self._deferred: list[Relayed] | None = []
        self._parks_when_idle = False
        self._ended = False
        self._handlers: dict[type, Callable[[Any], Any]] = {
            ItemEnded: self._item_ended,
            RetryDue: self._reminded,
            DelayElapsed: self._reminded,
            RunTimedOut: self._reminded,
            ItemPaused: self._event,
            ItemResumed: self._event,
            PermitsGranted: self._granted,
            ReturnPermits: lambda message: self._permits.asked_back(message.count),
            BeginRun: self._begin_run,
            RunRecorded: lambda _message: self._start_conducting(),
            EntriesRead: self._rebuild_further,
            EntriesUnreadable: self._give_up_rebuilding,
            StartRecorded: self._start_recorded,
            JournalHasRoom: lambda _message: self._start_items(),
            SettleKept: lambda _message: self._settle_kept(),
            Relayed: self._relayed,
            TellStatus: lambda _message: self._status(),
            TellWhy: self._why,
            TellItemOutput: self._item_output,
            CancelRun: lambda _message: self._control(CancelRequested(services.now()), StopItem()),
            PauseRun: lambda _message: self._control(PauseRequested(services.now()), PauseItem()),
            ResumeRun: lambda _message: self._control(ResumeRequested(services.now()), ResumeItem()),
            ChangeConcurrency: lambda message: self._control(
                ConcurrencyRequested(message.task, message.concurrency, services.now())
            ),
            SkipOneItem: lambda message: self._control(SkipRequested(message.task, message.index, services.now())),
            RetryOneItem: lambda message: self._control(RetryRequested(message.task, message.index, services.now())),
            WatchRun: lambda message: self._watchers.append(message.watcher),
            AbandonRun: lambda _message: self._abandon_run(),
            DropRun: lambda _message: self._drop(),
            ParkWhenIdle: lambda _message: self._park_when_idle(),
        }

    def on_receive(self, message: Any) -> Any:
        """Handle a message; see `messages`, "to a run's supervisor"."""
        handler = self._handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(message)

    def on_turn_end(self) -> None:
        """Tell what gathered in the turn."""
        self._record.flush(self._conductor)
        conductor = self._conductor
        if conductor is not None:
            self._journal.flush(None if self._deferred is not None else conductor.status, conductor.mask)
        if self._ended or self._deferred is not None:
            return
        self._settle_permits()
        self._tell_pause()
        if self._parks_when_idle:
            self._park_if_idle()
        if self._watchers and conductor is not None:
            self._tell_watchers(RunProgressed(self._run_id, conductor.status, conductor.tasks()))

    def _tell_pause(self) -> None:
        """Tell whose item this run performs that it has been paused, or goes on."""
        paused = self._conductor is not None and self._conductor.status == "paused"
        if self._request.parent is not None and paused != self._told_paused:
            self._told_paused = paused
            self._tell_engine(RunPauseChanged(self._run_id, paused))

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stop the items and tell the engine: a supervisor that crashes harms its run, and nothing else."""
        unmask_run(self._run_id)
        reason = describe(error) if error is not None else "it was stopped"
        if self._conductor is not None:
            reason = self._conductor.mask.text(reason)
            # What happened before the event that broke it is true.
            self._journal.flush(None, self._conductor.mask)
        self._leave_items()
        self._forget_reminders()
        if not self._ended:
            self._record.crashed(reason)
            self._tell_engine(RunCrashed(self._run_id, reason))

    def on_stop(self) -> None:
        """Tell the engine if somebody stops this actor before its run has ended."""
        unmask_run(self._run_id)
        if not self._ended:
            self._leave_items()
            self._tell_engine(RunCrashed(self._run_id, "the run's supervisor was stopped"))

    # ---- the begin

    def _begin_run(self, _message: BeginRun) -> None:
        request = self._request
        if request.rebuilt is not None:
            self._begin_rebuilding(request.rebuilt)
            return
        try:
            parameters = bind(self._workflow, request.inputs)
        except InvalidInput as error:
            self._ended = True
            self._tell_engine(RunRefused(self._run_id, str(error)))
            request.accepted.fail(error)
            self.stop()
            return
        accepted_at = self._services.now()
        mask = self._make_conductor(parameters, accepted_at).mask
        accepted = RunAccepted(
            run_id=self._run_id, workflow=self._workflow, parameters=parameters, surroundings=request.surroundings,
            accepted_at=accepted_at, secret=bool(mask) or request.secrecy != NO_SECRECY, parent=request.parent,
            depth=request.depth, rerun=request.rerun,
            idempotency=idempotency_of(request.idempotency_key, self._workflow, parameters),
        )  # fmt: skip
        self._journal.accept(accepted, (self.actor_ref, RunRecorded()), (request.accepted, request.handle))

    def _make_conductor(self, parameters: FrozenDict, accepted_at: float) -> Conductor:
        request = self._request
        self._parameters = parameters
        parent = None if request.parent is None else request.parent.told
        self._conductor = conductor = self._services.make_conductor(
            self._workflow, self._run_id, parameters, accepted_at, parent,
            surroundings=request.surroundings, mask=request.mask, secrecy=request.secrecy,
        )  # fmt: skip
        # Also while there are no secrets: those that its sub-workflows get are kept in this mask, too.
        mask_run(self._run_id, conductor.mask.anything)
        return conductor

    def _start_conducting(self) -> None:
        if self._conductor is None or self._ended:
            return
        self._record.started()
        deferred, self._deferred = self._deferred or [], None
        self._carry_out(self._conductor.begin(), None, self._services.now())
        self._start_items()
        self._handle_all(deferred)

    def _handle_all(self, deferred: list[Relayed]) -> None:
        """Handle what was asked before the run had begun, or was rebuilt."""
        for message in deferred:
            self._relayed(message)

    # ---- rebuilding

    def _begin_rebuilding(self, rebuilt: Rebuilt) -> None:
        accepted = rebuilt.accepted
        conductor = self._make_conductor(accepted.parameters, accepted.accepted_at)
        self._rebuilding = Rebuilding(conductor, accepted.accepted_at, rebuilt.children)
        self._rebuilding.begin()
        self._read_entries(self._rebuilding.entries)

    def _read_entries(self, first: int) -> None:
        run_id = self._run_id

        def read(reader: Reader) -> EntriesRead:
            entries = reader.entries(run_id, first, READ_AT_ONCE)
            return EntriesRead(entries, more=len(entries) == READ_AT_ONCE)

        self._services.readers.tell(self.actor_ref, read, lambda error: EntriesUnreadable(describe(error)))

    def _rebuild_further(self, message: EntriesRead) -> None:
        rebuilding = self._rebuilding
        if rebuilding is None or self._ended:
            return
        rebuilding.feed(message.entries)
        if message.more:
            self._read_entries(rebuilding.entries)
        else:
            self._go_on_after_rebuilding(rebuilding)

    def _give_up_rebuilding(self, message: EntriesUnreadable) -> None:
        """End without a word in the journal: the store cannot be read, and may be later."""
        if not self._ended:
            self._ended = True
            self._tell_engine(RunNotLoaded(self._run_id, message.reason, may_be_later=True))
            self.stop()

    def _go_on_after_rebuilding(self, rebuilding: Rebuilding) -> None:
        """Take up what was waited for, and what was in flight when the run was left."""
        conductor = self._conductor
        if conductor is None:
            return
        self._rebuilding = None
        deferred, self._deferred = self._deferred or [], None
        self._journal = RunJournal(
            self._services.journal, self._run_id, secretive=self._request.secrecy != NO_SECRECY,
            first=rebuilding.entries, learned=conductor.mask.seen_count,
        )  # fmt: skip
        outstanding = conductor.outstanding()
        self._record.recovered(rebuilding.entries, len(outstanding), rebuilding.accepted_at)
        if rebuilding.finish is not None:
            self._finish(rebuilding.finish)
        for wait in conductor.timers():
            self._remind(wait)
        for start in outstanding:
            if not self._ended:
                self._go_on_with(start, rebuilding, conductor)
        self._tell_engine(RunRebuilt(self._run_id))
        self._start_items()
        self._handle_all(deferred)

    def _go_on_with(self, start: StartItem, rebuilding: Rebuilding, conductor: Conductor) -> None:
        child = rebuilding.child_of(start)
        if child is not None:
            self._attach(start, child, conductor)
        elif not conductor.may_resume(start):
            self._settle(start, "cancelled", "it was stopped with the engine, and its run is being cancelled")
        elif rebuilding.may_have_run(start):
            self._settle(start, "may_have_run", "the engine ended after its start, so that it may have run")
        else:
            self._command_start(start, None)

    def _attach(self, start: StartItem, child: Child, conductor: Conductor) -> None:
        """Have an item wait for the run that performs it already, and tell that run what it may have missed."""
        key = _key(start)
        self._children[key] = self._perform(start, None, self._request.depth + 1, child)
        if not conductor.may_resume(start):
            self._tell_item(key, StopItem())
        elif conductor.status == "paused":
            self._tell_item(key, PauseItem())

    def _settle(self, start: StartItem, kind: str, message: str) -> None:
        """End an item that is not performed."""
        outcome = "cancelled" if kind == "cancelled" else "failed"
        failure = Failure(kind, message, retryable=False)
        now = self._services.now()
        self._event(ItemCompleted(start.task, start.visit, start.index, start.attempt, outcome, None, failure, now))

    # ---- events

    def _on(self, event: Event) -> list[Command]:
        """Have the conductor handle an event, and the journal write it down."""
        conductor = self._conductor
        if conductor is None:
            raise RuntimeError("an event came before the run had begun")
        commands = conductor.on(event)
        self._journal.note(event, conductor.mask)
        return commands

    def _reminded(self, event: Timer) -> None:
        self._reminders.pop(event, None)
        self._event(event)

    def _event(self, event: Event) -> None:
        if self._conductor is None or self._ended:
            return
        self._carry_out(self._on(event), None, event.at)
        self._start_items()

    def _control(self, event: Event, for_children: Any = None) -> None:
        """Handle a request, and hand it down to the sub-workflows that perform items of this run."""
        if self._ended:
            raise IllegalTransition(f"the run {self._run_id} has ended")
        self._event(event)
        if for_children is not None:
            for key in list(self._children):
                self._tell_item(key, for_children)

    def _relayed(self, message: Relayed) -> None:
        if self._deferred is not None:
            self._deferred.append(message)
            return
        try:
            value = self.on_receive(message.message)
        except StrettoError as error:
            message.answer.fail(error)
            return
        if isinstance(message.message, REQUESTS):
            self._journal.answer(message.answer, value)
        else:
            hand_on(value, message.answer)

    def _item_ended(self, message: ItemEnded) -> None:
        completed = message.completed
        key = (completed.task, completed.visit, completed.index)
        if self._running.pop(key, None) is None:
            self._children.pop(key, None)
        if self._conductor is None or self._ended:
            return
        commands = self._on(completed)
        self._record.try_ended(message, final=not _tries_again(completed, commands))
        self._carry_out(commands, message.finished_at, completed.at)
        self._start_items()

    def _settle_kept(self) -> None:
        """Settle some of the items of which a rerun keeps what came of them; the others in further turns."""
        for _ in range(min(len(self._kept), KEPT_AT_ONCE)):
            self._event(self._kept.popleft())
        if self._kept and not self._ended:
            self.actor_ref.tell(SettleKept())

    # ---- commands

    def _carry_out(self, commands: list[Command], caused_at: float | None, at: float) -> None:
        """Carry out what an event gave that happened `at`; an action's end at `caused_at`, monotonic, was its cause."""
        for command in commands:
            if type(command) is StartItem:
                # Only a task's first item follows on another action's end; the rest follow on each other.
                self._command_start(command, caused_at if command.index == 0 and command.attempt == 1 else None)
            elif type(command) is WaitUntil:
                self._remind(command)
            elif type(command) is WithdrawItems:
                self._withdraw(command)
            elif type(command) is CancelItem:
                self._cancel_item((command.task, command.visit, command.index))
            elif type(command) is TaskStarted:
                self._journal.task_started(command, at)
            elif type(command) is TaskEnded:
                self._journal.task_ended(command, at)
                self._record.task_ended(command)
            elif type(command) is FinishRun:
                self._finish(command)

    def _command_start(self, start: StartItem, caused_at: float | None) -> None:
        """Have an item wait to be performed, unless it is kept from the run that this one does again."""
        kept = self._request.kept
        completed = None if kept is None else kept.completion(start, self._services.now())
        if completed is not None:
            if not self._kept:
                self.actor_ref.tell(SettleKept())
            self._kept.append(completed)
            return
        waiting = self._nested_waiting if self._is_nested(start) else self._waiting
        waiting.append((start, caused_at))

    def _is_nested(self, start: StartItem) -> bool:
        """Tell whether a workflow performs the item; an action's ref may be known only now."""
        action = start.prepared.action if start.prepared is not None else self._workflow.tasks[start.task].action
        return action in self._request.nested

    def _start_items(self) -> None:
        """Start what waits, as far as permits, the journal and the run's state allow."""
        conductor = self._conductor
        if conductor is None or conductor.status == "paused" or self._deferred is not None:
            return
        if not (self._waiting or self._nested_waiting) or not self._journal.has_room(self.actor_ref):
            return
        # An item that a workflow performs takes no permit: its own items do, and would wait for it for ever.
        while self._nested_waiting:
            start, caused_at = self._nested_waiting.popleft()
            self._children[_key(start)] = self._perform(start, caused_at, self._request.depth + 1)
        while self._waiting and self._in_flight() < self._permits.usable:
            start, caused_at = self._waiting.popleft()
            if self._journal.durable and self._workflow.tasks[start.task].delivery == "at_most_once":
                self._record_start(start, caused_at, conductor)
            else:
                self._running[_key(start)] = self._perform(start, caused_at, None)

    def _in_flight(self) -> int:
        return len(self._running) + len(self._recording)

    def _record_start(self, start: StartItem, caused_at: float | None, conductor: Conductor) -> None:
        """Perform an item when it is durable that it is about to be performed."""
        self._recording.add(_key(start))
        self._journal.note(
            ItemStarted(start.task, start.visit, start.index, start.attempt, self._services.now()), conductor.mask
        )
        self._journal.tell(self.actor_ref, StartRecorded(start, caused_at))

    def _start_recorded(self, message: StartRecorded) -> None:
        start = message.start
        self._recording.discard(_key(start))
        if self._conductor is None or self._ended:
            return
        if self._conductor.may_resume(start):
            self._running[_key(start)] = self._perform(start, message.caused_at, None)
        else:
            self._settle(start, "cancelled", "it was cancelled before it began")

    def _perform(
        self, start: StartItem, caused_at: float | None, depth: int | None, child: Child | None = None
    ) -> pykka.ActorRef[ItemActor]:
        if start.attempt > 1:
            self._record.retried()
        item = ItemActor.start_on(self._services.dispatcher, self._services, self._run_id, self._workflow.ref)
        task, core_actions = self._workflow.tasks[start.task], self._workflow.semantics.core_actions
        item.tell(PerformItem(start, task, self.actor_ref, caused_at, depth, core_actions, child))
        return item

    def _withdraw(self, command: WithdrawItems) -> None:
        self._start_items()  # what was commanded in this very turn, and may start, has
        task, visit = command.task, command.visit
        withdrawn: list[int] = []
        for waiting in (self._waiting, self._nested_waiting):
            kept = [each for each in waiting if (each[0].task, each[0].visit) != (task, visit)]
            if len(kept) < len(waiting):
                withdrawn += [each[0].index for each in waiting if (each[0].task, each[0].visit) == (task, visit)]
                waiting.clear()
                waiting.extend(kept)
        if withdrawn and self._conductor is not None:
            now = self._services.now()
            self._carry_out(self._on(ItemsWithdrawn(task, visit, tuple(withdrawn), now)), None, now)

    def _cancel_item(self, key: Key) -> None:
        """Stop an item; one that has not begun ends at once."""
        for waiting in (self._waiting, self._nested_waiting):
            for each in waiting:
                if _key(each[0]) == key:
                    waiting.remove(each)
                    self._settle(each[0], "cancelled", "it was cancelled before it began")
                    return
        self._tell_item(key, StopItem())

    def _remind(self, command: WaitUntil) -> None:
        then, kept = command.then, self._request.kept
        wait = max(then.at - self._services.now(), 0.0)
        if kept is not None and not isinstance(then, RunTimedOut) and kept.keeps(then.task):
            wait = 0.0  # it was waited for in the run that this one does again
        key = self._services.remind(self._services.monotonic() + wait, self.actor_ref, then)
        self._reminders[then] = key

    # ---- the end

    def _finish(self, finish: FinishRun) -> None:
        self._ended = True
        outcome = Outcome(finish.status, finish.output, finish.errors)
        self._record.ended(outcome)
        self._end_with(outcome)

    def _end_with(self, outcome: Outcome) -> None:
        """Stop; the engine is told at the turn's end, when the end is durable, and after whoever asked in this turn."""
        conductor = self._conductor
        tasks = conductor.tasks() if conductor is not None else {}
        # First, so that whoever has the outcome finds it counted.
        self._record.flush(conductor)
        if conductor is not None:
            # A sub-workflow's output is not masked yet: its parent's task works with it.
            masked = conductor.mask.data(outcome.output)
            self._journal.end(Ending(outcome.status, masked, outcome.errors, self._services.now()))
        again = RunInputs(self._workflow, self._parameters)
        self._journal.tell(self._engine, RunEnded(self._run_id, outcome, tasks, again))
        self._tell_watchers(RunProgressed(self._run_id, outcome.status, tasks))
        self._forget_reminders()
        self.stop()

    def _forget_reminders(self) -> None:
        for key in self._reminders.values():
            self._services.forget(key)
        self._reminders.clear()

    def _abandon_run(self) -> None:
        if self._ended:
            return
        if self._journal.durable:
            self._park()
            return
        self._ended = True
        self._stop_items()
        outcome = abandoned()
        self._record.ended(outcome)
        self._end_with(outcome)

    def _park(self) -> None:
        """Stop without an end: what is in the journal goes on when an engine opens the store again."""
        self._ended = True
        self._leave_items()
        self._forget_reminders()
        self._record.parked()
        conductor = self._conductor
        if conductor is not None and self._deferred is None:
            # Before the engine knows: it ends when it has heard of all.
            self._journal.flush(conductor.status, conductor.mask)
        self._tell_engine(RunParked(self._run_id))
        self.stop()

    def _drop(self) -> None:
        self._ended = True
        self._leave_items()
        self._forget_reminders()
        self.stop()

    def _park_when_idle(self) -> None:
        if self._journal.durable:
            self._parks_when_idle = True

    def _park_if_idle(self) -> None:
        paused = self._conductor is not None and self._conductor.status == "paused"
        if paused and not (self._in_flight() or self._children):
            self._park()

    # ---- permits

    def _granted(self, message: PermitsGranted) -> None:
        self._permits.granted(message.count)
        self._start_items()

    def _settle_permits(self) -> None:
        paused = self._conductor is not None and self._conductor.status == "paused"
        settled = self._permits.settle(self._in_flight(), 0 if paused else len(self._waiting))
        if settled.returned:
            self._tell_engine(PermitsReturned(self._run_id, settled.returned))
        if settled.requested is not None:
            self._tell_engine(PermitsRequested(self._run_id, settled.requested))

    # ---- others

    def _status(self) -> dict[str, Any]:
        conductor = self._conductor
        return {
            "id": self._run_id,
            "workflow": self._workflow.ref,
            "status": conductor.status if conductor is not None else "accepted",
            "tasks": conductor.tasks() if conductor is not None else {},
        }

    def _why(self, message: TellWhy) -> list[dict[str, Any]]:
        conductor = self._conductor
        if conductor is None:
            return []
        return reasons_of(conductor, message.task, self._held_up())

    def _held_up(self) -> HeldUp:
        """Tell what keeps items from starting that the conductor knows nothing of."""
        waiting = (_key(start) for start, _ in (*self._waiting, *self._nested_waiting))
        link = self._services.journal
        return HeldUp(
            frozenset(waiting), self._permits.requested, link.unavailable, link.pending >= MAX_PENDING,
            frozenset(self._children),
        )  # fmt: skip

    def _item_output(self, message: TellItemOutput) -> Later:
        in_flight = {**self._running, **self._children}
        item = item_in_flight(in_flight, self._workflow, message.task, message.index)
        return ask_later(item, TellOutput(), has_just_ended())

    def _stop_items(self) -> None:
        for key in (*self._running, *self._children):
            self._tell_item(key, StopItem())

    def _leave_items(self) -> None:
        """Stop the items, but not the sub-workflows if they can be found again."""
        for key in self._running:
            self._tell_item(key, StopItem())
        for key in self._children:
            self._tell_item(key, LetGo() if self._journal.durable else StopItem())

    def _tell_item(self, key: Key, message: Any) -> None:
        item = self._running.get(key) or self._children.get(key)
        if item is None:
            return
        try:
            item.tell(message)
        except pykka.ActorDeadError:
            return  # it has ended by itself: its report is in the mailbox

    def _tell_engine(self, message: Any) -> None:
        try:
            self._engine.tell(message)
        except pykka.ActorDeadError:
            self._record.engine_gone()

    def _tell_watchers(self, message: RunProgressed) -> None:
        for watcher in list(self._watchers):
            try:
                watcher.tell(message)
            except pykka.ActorDeadError:
                self._watchers.remove(watcher)


def _key(start: StartItem) -> Key:
    return start.task, start.visit, start.index


def _tries_again(completed: ItemCompleted, commands: list[Command]) -> bool:
    """Tell whether the commands that an item's failure gave have it wait for another try."""
    if completed.failure is None:
        return False
    return any(
        type(command) is WaitUntil and type(command.then) is RetryDue and command.then.index == completed.index
        for command in commands
    )
