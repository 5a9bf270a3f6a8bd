"""The supervisor of one run: holds its conductor, and with it the run's single authoritative context.

    messages --> events --> Conductor --> commands --> messages
                   '-------> RunJournal --> the journal: at the turn's end, and nobody waits

Nothing else ever changes the run's context. What an item costs here is one event, its commands, and the start of the
next one, in the same turn in which it ends; whatever can wait (metrics, permits, the journal, watchers) waits for the
turn's end. Nothing starts before it is durable that the run was accepted.
"""

import contextlib
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

import pykka
from msgspec import structs

from stretto.actors.dispatch import Deferred, DispatchedActor, ask_deferred, forward
from stretto.actors.history import Blockers, explain_waits
from stretto.actors.journal import MAX_PENDING, Ending, ItemStarted, JournalHasRoom, RunAccepted, RunJournal
from stretto.actors.outcome import Outcome, abandoned
from stretto.actors.runners import describe
from stretto.actors.runs.idempotency import idempotency_of
from stretto.actors.runs.in_flight import STOP, Key, RunItems, key_of
from stretto.actors.runs.item_output import has_just_ended, item_in_flight
from stretto.actors.runs.messages import (
    AbandonRun,
    BeginRun,
    CancelRun,
    ChangeConcurrency,
    DropRun,
    FollowParent,
    ItemEnded,
    LetGo,
    ParkWhenIdle,
    PauseRun,
    PermitsGranted,
    Relayed,
    ResultsSaved,
    ResumeRun,
    RetryOneItem,
    ReturnPermits,
    RunCrashed,
    RunEnded,
    RunInputs,
    RunParked,
    RunPauseChanged,
    RunProgressed,
    RunRecorded,
    RunRefused,
    SettleKept,
    SharePermits,
    SkipOneItem,
    StartRecorded,
    TellItemOutput,
    TellOutput,
    TellStatus,
    TellWhy,
    WatchRun,
)
from stretto.actors.runs.parent import CHILD_MESSAGES
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.reused_items import KeptItems
from stretto.actors.runs.services import Services
from stretto.actors.runs.streams import RunStreams
from stretto.actors.runs.telemetry import RunRecord
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
    HandedDown,
    IllegalTransition,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsRead,
    ItemsWithdrawn,
    PauseRequested,
    ResultsClosed,
    ResultsOpened,
    ResumeRequested,
    RetryDue,
    RetryRequested,
    RunTimedOut,
    SkipRequested,
    StartItem,
    StreamFailed,
    TaskEnded,
    TaskStarted,
    WaitUntil,
    WithdrawItems,
    is_news,
    of_change,
)
from stretto.definitions.context import NO_SECRECY
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict
from stretto.definitions.errors import InvalidInput, StrettoError
from stretto.definitions.model import bind
from stretto.metrics.logging import mask_run, unmask_run

Timer: TypeAlias = RetryDue | DelayElapsed | RunTimedOut
REQUESTS: Final = (CancelRun, PauseRun, ResumeRun, ChangeConcurrency, SkipOneItem, RetryOneItem)
"""What is answered only when it is durable."""
KEPT_AT_ONCE: Final = 64
"""Kept items that are settled in one turn: other runs have theirs in between."""


class RunSupervisor(DispatchedActor):
    """Conducts one run from its acceptance to its end."""

    def __init__(self, services: Services, engine: pykka.ActorRef[Any], request: RunRequest) -> None:
        super().__init__()
        self._services = services
        self._engine = engine
        self._request = request
        self._run_id = request.handle.id
        self._workflow = request.workflow
        self._record = RunRecord(services, request.workflow, self._run_id)
        self._watchers = request.watchers
        self._items = RunItems(services, request, self.actor_inbox, self._record)
        self._kept = KeptItems(request.kept, services.now)
        self._reminders: dict[Timer, int] = {}
        self._told_paused: bool | None = False
        self._conductor: Conductor | None = None
        self._parameters = EMPTY_OBJECT
        self._requested: HandedDown | None = None
        self._requested_of_parent: HandedDown | None = None
        secretive = request.secrecy != NO_SECRECY
        self._journal = RunJournal(services.journal, self._run_id, secretive=secretive)
        self._streams = RunStreams(
            services.files, self._run_id, self.actor_ref, services.now, durable=services.journal.durable
        )
        self._deferred: list[Relayed] | None = []
        self._parks_when_idle = False
        self._settling_kept = False
        self._ended = False

    def on_receive(self, message: Any) -> Any:
        """Handle a message; see `messages`, "to a run's supervisor"."""
        if type(message) is ItemEnded:
            return self._item_ended(message)
        handler = self._handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(self, message)

    def on_turn_end(self) -> None:
        """Start what the turn's ends have made room for, and tell what gathered."""
        self._start_items()
        self._record.flush(self._conductor)
        conductor = self._conductor
        if conductor is not None:
            self._streams.flush(conductor.mask)
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
        self._streams.leave()
        self._forget_reminders()
        if not self._ended:
            self._record.crashed(reason)
            self._tell_engine(RunCrashed(self._run_id, reason))

    def on_stop(self) -> None:
        """Tell the engine if somebody stops this actor before its run has ended."""
        unmask_run(self._run_id)
        self._streams.leave()
        if not self._ended:
            self._leave_items()
            self._tell_engine(RunCrashed(self._run_id, "the run's supervisor was stopped"))

    # ---- the begin

    def _begin_run(self) -> None:
        request = self._request
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
        key = request.idempotency_key
        accepted = RunAccepted(
            run_id=self._run_id, workflow=self._workflow, parameters=parameters, surroundings=request.surroundings,
            accepted_at=accepted_at, secret=bool(mask) or request.secrecy != NO_SECRECY, parent=request.parent,
            depth=request.depth, rerun=request.rerun,
            idempotency=None if key is None else idempotency_of(key, self._workflow, request.inputs),
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
        self._do_what_was_missed()
        self._start_items()
        self._handle_all(deferred)

    def _handle_all(self, deferred: list[Relayed]) -> None:
        """Handle what was asked before the run had begun, or was rebuilt."""
        for message in deferred:
            self._relayed(message)

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
        before = conductor.status
        commands = conductor.on(event)
        if self._journal.durable:
            self._journal.note(event, conductor.mask)
        if conductor.status != before:
            request = of_change(before, conductor.status, event.at)
            if request is not None:
                self._hand_down(request)
        return commands

    def _reminded(self, event: Timer) -> None:
        self._reminders.pop(event, None)
        self._event(event)

    def _event(self, event: Event) -> None:
        if self._conductor is None or self._ended:
            return
        self._carry_out(self._on(event), None, event.at)
        self._start_items()

    def _control(self, event: Event) -> None:
        """Handle a request, and hand it down to the sub-workflows that perform items of this run, if it is for them."""
        if self._ended:
            raise IllegalTransition(f"the run {self._run_id} has ended")
        self._event(event)
        if isinstance(event, HandedDown):
            self._hand_down(event)

    def _hand_down(self, request: HandedDown) -> None:
        self._requested = request
        self._items.tell_children(CHILD_MESSAGES[type(request)])

    def _follow_parent(self, message: FollowParent) -> None:
        self._requested_of_parent = message.request
        if self._deferred is None:
            self._do_what_was_missed()

    def _do_what_was_missed(self) -> None:
        """Do what was requested of the run whose item this one performs, unless it has been done here."""
        request, self._requested_of_parent = self._requested_of_parent, None
        conductor = self._conductor
        if request is None or conductor is None or self._ended:
            return
        if is_news(request, conductor.status, self._requested):
            with contextlib.suppress(IllegalTransition):  # it fails already, and ends by itself
                self._control(type(request)(self._services.now()))

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
            forward(value, message.answer)

    def _item_ended(self, message: ItemEnded) -> None:
        completed = message.completed
        self._items.ended(completed)
        if self._conductor is None or self._ended:
            return
        outcome = self._conductor.counts_as(completed)
        commands = self._on(completed)
        final = completed.failure is None or not _tries_again(completed, commands)
        self._record.try_ended(message, outcome, final=final)
        self._carry_out(commands, message.finished_at, completed.at)

    def _settle_kept(self) -> None:
        """Settle some of the items of which a rerun keeps what came of them; the others in further turns."""
        if not self._journal.has_room(self.actor_ref):
            self._settling_kept = False
            return
        for _ in range(KEPT_AT_ONCE):
            if not self._kept or self._ended:
                break
            self._event(self._kept.next())
        self._settling_kept = bool(self._kept) and not self._ended
        if self._settling_kept:
            self.actor_ref.tell(SettleKept())
        else:
            self._start_items()

    def _go_on(self) -> None:
        """Start, or settle, what had to wait for the journal."""
        if self._kept:
            self._have_kept_settled()
        else:
            self._start_items()

    def _have_kept_settled(self) -> None:
        if not self._settling_kept:
            self._settling_kept = True
            self.actor_ref.tell(SettleKept())

    # ---- files

    def _results_opened(self, event: ResultsOpened) -> None:
        self._streams.opened(event)
        self._event(event)

    def _stream_failed(self, event: StreamFailed) -> None:
        self._streams.failed(event)
        self._event(event)

    def _results_saved(self, message: ResultsSaved) -> None:
        """Note what is in a file of results; that all of it is happens to the run when it is noted for good."""
        written = self._streams.saved(message)
        if written is None or self._conductor is None or self._ended:
            return
        self._journal.note(written, self._conductor.mask)
        if written.whole:
            # What follows may take the file away: it must not be looked for when the run is rebuilt.
            self._journal.tell(self.actor_ref, ResultsClosed(written.task, written.visit, written.at))
        self._start_items()

    # ---- commands

    def _carry_out(self, commands: list[Command], caused_at: float | None, at: float) -> None:
        """Carry out what an event gave that happened `at`; an action's end at `caused_at`, monotonic, was its cause."""
        kept_from = self._request.kept
        stops: list[WithdrawItems | CancelItem] = []
        for command in commands:
            if type(command) is StartItem:
                # Only a task's first item follows on another action's end; the rest follow on each other.
                cause = caused_at if command.index == 0 and command.attempt == 1 else None
                if kept_from is None:
                    self._items.add(command, cause)
                else:
                    self._command_start(command, cause)
            elif type(command) is WaitUntil:
                self._remind(command)
            elif type(command) is WithdrawItems or type(command) is CancelItem:
                stops.append(command)
            elif type(command) is TaskStarted or type(command) is TaskEnded:
                self._note_task(command, at)
            elif type(command) is FinishRun:
                self._finish(command)
            else:
                self._streams.carry_out(command)
        if stops:
            self._stop_items(stops, frozenset(key_of(each) for each in commands if type(each) is StartItem))

    def _note_task(self, command: TaskStarted | TaskEnded, at: float) -> None:
        if type(command) is TaskEnded:
            self._journal.task_ended(command, at)
            self._record.task_ended(command)
        elif type(command) is TaskStarted:
            self._journal.task_started(command, at)

    def _command_start(self, start: StartItem, caused_at: float | None) -> None:
        """Have an item wait to be performed, unless it is kept from the run that this one does again."""
        if self._kept.take(start):
            self._have_kept_settled()
            return
        self._items.add(start, caused_at)

    def _start_items(self) -> None:
        """Start what waits, as far as permits, the journal and the run's state allow."""
        conductor = self._conductor
        if conductor is None or self._ended or conductor.status == "paused":
            return
        if self._deferred is not None or self._kept:
            return
        items = self._items
        if not items.any_waits or self._streams.behind or not self._journal.has_room(self.actor_ref):
            return
        while (nested := items.next_nested()) is not None:
            items.perform_nested(*nested)
        for start, caused_at in items.take_permitted():
            if self._journal.durable and self._workflow.tasks[start.task].delivery == "at_most_once":
                self._record_start(start, caused_at, conductor)
            else:
                items.perform(start, caused_at)

    def _record_start(self, start: StartItem, caused_at: float | None, conductor: Conductor) -> None:
        """Perform an item when it is durable that it is about to be performed."""
        self._items.record_first(start)
        self._journal.note(
            ItemStarted(start.task, start.visit, start.index, start.attempt, self._services.now()), conductor.mask
        )
        self._journal.tell(self.actor_ref, StartRecorded(start, caused_at))

    def _start_recorded(self, message: StartRecorded) -> None:
        start = message.start
        self._items.recorded(start)
        if self._conductor is None or self._ended:
            return
        if self._conductor.may_resume(start):
            self._items.perform(start, message.caused_at)
        else:
            self._settle(start, "cancelled", "it was cancelled before it began")

    def _stop_items(self, stops: list[WithdrawItems | CancelItem], commanded: frozenset[Key]) -> None:
        """Withdraw what is to start no more, then stop what runs; what the same event `commanded` before may start."""
        withdrawals = [each for each in stops if isinstance(each, WithdrawItems)]
        earlier = [self._items.withdraw(each.task, each.visit, commanded) for each in withdrawals]
        if commanded:
            self._start_items()
        for withdrawal, withdrawn in zip(withdrawals, earlier, strict=True):
            indexes = (*withdrawn, *self._items.withdraw(withdrawal.task, withdrawal.visit))
            if indexes:
                now = self._services.now()
                self._carry_out(self._on(ItemsWithdrawn(withdrawal.task, withdrawal.visit, indexes, now)), None, now)
        for command in stops:
            if isinstance(command, CancelItem):
                self._cancel_item((command.task, command.visit, command.index))

    def _cancel_item(self, key: Key) -> None:
        """Stop an item; one that has not begun ends at once."""
        start = self._items.take_back(key)
        if start is None:
            self._items.tell(key, STOP)
        else:
            self._settle(start, "cancelled", "it was cancelled before it began")

    def _remind(self, command: WaitUntil) -> None:
        then = command.then
        if not isinstance(then, RunTimedOut) and self._kept.take_wait(then):
            self._have_kept_settled()
            return
        wait = max(then.at - self._services.now(), 0.0)
        key = self._services.timers.remind_after(wait, self.actor_ref, then)
        self._reminders[then] = key

    # ---- the end

    def _finish(self, finish: FinishRun) -> None:
        outcome = Outcome(finish.status, finish.output, finish.errors)
        self._record.ended(outcome)
        self._end_with(outcome)

    def _end_with(self, outcome: Outcome) -> None:
        """Stop; the engine is told at the turn's end, when the end is durable, and after whoever asked in this turn."""
        conductor = self._conductor
        tasks = conductor.tasks() if conductor is not None else {}
        # First, so that whoever has the outcome finds it counted.
        self._record.flush(conductor)
        told = outcome
        if conductor is not None:
            # A sub-workflow's output is not masked yet: its parent's task works with it.
            told = structs.replace(outcome, output=conductor.mask.data(outcome.output))
            self._journal.end(Ending(told.status, told.output, told.errors, self._services.now()))
        again = RunInputs(self._workflow, self._parameters)
        self._journal.tell(self._engine, RunEnded(self._run_id, told, tasks, again, passed_on=outcome))
        self._ended = True  # not before: a supervisor that crashes without an end is told to have crashed
        if self._items.leave_permits():
            self._tell_engine(SharePermits())
        self._tell_watchers(RunProgressed(self._run_id, outcome.status, tasks))
        self._forget_reminders()
        self.stop()

    def _forget_reminders(self) -> None:
        for key in self._reminders.values():
            self._services.timers.forget(key)
        self._reminders.clear()

    def _abandon_run(self) -> None:
        if self._ended:
            return
        if self._journal.durable:
            self._park()
            return
        self._items.stop()
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
        conductor = self._conductor
        if conductor is None or self._streams.busy or not self._items.idle_but_for(conductor.paused_items()):
            return
        if conductor.status == "paused" or (conductor.status == "failing" and not self._items.any_waits):
            self._park()

    # ---- permits

    def _granted(self, message: PermitsGranted) -> None:
        self._items.permits.granted(message.count)
        self._start_items()  # now: the same permits may be asked back in this very turn, and are to serve an item first

    def _settle_permits(self) -> None:
        paused = self._conductor is not None and self._conductor.status == "paused"
        if self._items.settle_permits(paused=paused):
            self._tell_engine(SharePermits())

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
        return explain_waits(conductor, message.task, self._held_up())

    def _held_up(self) -> Blockers:
        """Tell what keeps items from starting that the conductor knows nothing of."""
        items, link = self._items, self._services.journal
        behind = link.pending >= MAX_PENDING
        return Blockers(
            items.waiting(), items.permits.requested, link.unavailable, behind, self._streams.behind, items.nested()
        )

    def _item_output(self, message: TellItemOutput) -> Deferred:
        item = item_in_flight(self._items.mailboxes(), self._workflow, message.task, message.index)
        return ask_deferred(item, TellOutput(), has_just_ended())

    def _leave_items(self) -> None:
        """Stop the items, but not the sub-workflows if they can be found again."""
        self._items.leave(children=LetGo() if self._journal.durable else STOP)

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

    # One for all supervisors: a thousand runs begin at once, and a method that is bound refers back to its actor.
    _handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        RetryDue: lambda self, message: self._reminded(message),
        DelayElapsed: lambda self, message: self._reminded(message),
        RunTimedOut: lambda self, message: self._reminded(message),
        ItemPaused: lambda self, message: self._event(message),
        ItemResumed: lambda self, message: self._event(message),
        ItemsRead: lambda self, message: self._event(message),
        ResultsOpened: lambda self, message: self._results_opened(message),
        ResultsSaved: lambda self, message: self._results_saved(message),
        ResultsClosed: lambda self, message: self._event(message),
        StreamFailed: lambda self, message: self._stream_failed(message),
        PermitsGranted: lambda self, message: self._granted(message),
        ReturnPermits: lambda self, message: self._items.permits.asked_back(message.count),
        BeginRun: lambda self, _message: self._begin_run(),
        RunRecorded: lambda self, _message: self._start_conducting(),
        StartRecorded: lambda self, message: self._start_recorded(message),
        JournalHasRoom: lambda self, _message: self._go_on(),
        SettleKept: lambda self, _message: self._settle_kept(),
        Relayed: lambda self, message: self._relayed(message),
        TellStatus: lambda self, _message: self._status(),
        TellWhy: lambda self, message: self._why(message),
        TellItemOutput: lambda self, message: self._item_output(message),
        CancelRun: lambda self, _message: self._control(CancelRequested(self._services.now())),
        PauseRun: lambda self, _message: self._control(PauseRequested(self._services.now())),
        ResumeRun: lambda self, _message: self._control(ResumeRequested(self._services.now())),
        ChangeConcurrency: lambda self, message: self._control(
            ConcurrencyRequested(message.task, message.concurrency, self._services.now())
        ),
        SkipOneItem: lambda self, message: self._control(
            SkipRequested(message.task, message.index, self._services.now())
        ),
        RetryOneItem: lambda self, message: self._control(
            RetryRequested(message.task, message.index, self._services.now())
        ),
        FollowParent: lambda self, message: self._follow_parent(message),
        WatchRun: lambda self, message: self._watchers.append(message.watcher),
        AbandonRun: lambda self, _message: self._abandon_run(),
        DropRun: lambda self, _message: self._drop(),
        ParkWhenIdle: lambda self, _message: self._park_when_idle(),
    }


def _tries_again(completed: ItemCompleted, commands: list[Command]) -> bool:
    """Tell whether the commands that an item's failure gave have it wait for another try."""
    return any(
        type(command) is WaitUntil and type(command.then) is RetryDue and command.then.index == completed.index
        for command in commands
    )
