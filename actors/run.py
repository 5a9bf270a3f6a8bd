"""The supervisor of one run: holds its conductor, and with it the run's single authoritative context.

    messages --> events --> Conductor --> commands --> messages

Nothing else ever changes the run's context. What an item costs here is one event, its commands, and the start of the
next one, in the same turn in which it ends; whatever can wait (metrics, permits, watchers) waits for the turn's end.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import pykka

from stretto.actors.dispatch import DispatchedActor, Later
from stretto.actors.item import ItemActor
from stretto.actors.item_output import has_just_ended, item_in_flight
from stretto.actors.messages import (
    AbandonRun,
    BeginRun,
    CancelRun,
    ItemEnded,
    PauseItem,
    PauseRun,
    PerformItem,
    PermitsGranted,
    PermitsRequested,
    PermitsReturned,
    Relayed,
    ResumeItem,
    ResumeRun,
    ReturnPermits,
    RunCrashed,
    RunEnded,
    RunPauseChanged,
    RunProgressed,
    RunRefused,
    StopItem,
    TellItemOutput,
    TellOutput,
    TellStatus,
    WatchRun,
)
from stretto.actors.outcome import Outcome, RunHandle, abandoned
from stretto.actors.relay import ask_later, hand_on
from stretto.actors.run_record import RunRecord
from stretto.actors.runners.base import describe
from stretto.actors.services import Services
from stretto.definitions.conductor import (
    CancelItem,
    CancelRequested,
    Command,
    Conductor,
    DelayElapsed,
    Event,
    FinishRun,
    IllegalTransition,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsWithdrawn,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    RunTimedOut,
    StartItem,
    TaskEnded,
    WaitUntil,
    WithdrawItems,
)
from stretto.definitions.context import NO_SURROUNDINGS
from stretto.definitions.errors import InvalidInput, StrettoError
from stretto.definitions.model import Workflow
from stretto.definitions.parameters import bind
from stretto.definitions.secrecy import NO_SECRECY
from stretto.metrics.logging import mask_run, unmask_run

if TYPE_CHECKING:
    from stretto.definitions.frozen import FrozenDict
    from stretto.definitions.masking import Mask

Timer: TypeAlias = RetryDue | DelayElapsed | RunTimedOut


class RunRequest:
    """What a supervisor is started with.

    `accepted` is answered with `handle`, or with `InvalidInput`. `nested` holds the refs that workflows perform;
    `parent` says whose item this run performs, `depth` levels below the first run. `surroundings` are what it is given
    besides its inputs, `mask` keeps its secrets, and those of its parent; `secrecy` tells what it gives to secret
    parameters.
    """

    __slots__ = (
        "accepted", "depth", "handle", "inputs", "mask", "nested", "parent", "secrecy", "surroundings", "watcher",
        "workflow",
    )  # fmt: skip

    def __init__(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        handle: RunHandle,
        accepted: Later,
        watcher: pykka.ActorRef[Any] | None,
    ) -> None:
        self.workflow = workflow
        self.inputs = inputs
        self.handle = handle
        self.accepted = accepted
        self.watcher = watcher
        self.nested: frozenset[str] = frozenset()
        self.parent: FrozenDict | None = None
        self.depth = 0
        self.surroundings = NO_SURROUNDINGS
        self.mask: Mask | None = None
        self.secrecy = NO_SECRECY


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
        self._watchers = [request.watcher] if request.watcher is not None else []
        self._waiting: deque[tuple[StartItem, float | None]] = deque()
        self._nested_waiting: deque[tuple[StartItem, float | None]] = deque()
        self._running: dict[tuple[str, int, int], pykka.ActorRef[ItemActor]] = {}
        self._children: dict[tuple[str, int, int], pykka.ActorRef[ItemActor]] = {}
        self._reminders: dict[Timer, int] = {}
        self._permits = 0
        self._requested = 0
        self._told_paused = False
        self._to_return = 0
        self._conductor: Conductor | None = None
        self._ended = False
        self._handlers: dict[type, Callable[[Any], Any]] = {
            ItemEnded: self._item_ended,
            RetryDue: self._reminded,
            DelayElapsed: self._reminded,
            RunTimedOut: self._reminded,
            ItemPaused: self._event,
            ItemResumed: self._event,
            PermitsGranted: self._granted,
            ReturnPermits: self._asked_back,
            BeginRun: self._begin_run,
            Relayed: self._relayed,
            TellStatus: lambda _message: self._status(),
            TellItemOutput: self._item_output,
            CancelRun: lambda _message: self._control(CancelRequested(services.now()), StopItem()),
            PauseRun: lambda _message: self._control(PauseRequested(services.now()), PauseItem()),
            ResumeRun: lambda _message: self._control(ResumeRequested(services.now()), ResumeItem()),
            WatchRun: lambda message: self._watchers.append(message.watcher),
            AbandonRun: lambda _message: self._abandon_run(),
        }

    def on_receive(self, message: Any) -> Any:
        """Handle a message; see `messages`, "to a run's supervisor"."""
        handler = self._handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(message)

    def on_turn_end(self) -> None:
        """Tell what gathered in the turn."""
        self._record.flush(self._conductor)
        if self._ended:
            return
        self._settle_permits()
        self._tell_pause()
        if self._watchers and self._conductor is not None:
            self._tell_watchers(RunProgressed(self._run_id, self._conductor.status, self._conductor.tasks()))

    def _tell_pause(self) -> None:
        """Tell whose item this run performs that it has been paused, or goes on."""
        paused = self._conductor is not None and self._conductor.status == "paused"
        if self._request.parent is not None and paused != self._told_paused:
            self._told_paused = paused
            self._tell_engine(RunPauseChanged(self._run_id, paused))

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stop the items and tell the engine: a supervisor that crashes fails its run, nothing else."""
        unmask_run(self._run_id)
        reason = describe(error) if error is not None else "it was stopped"
        if self._conductor is not None:
            reason = self._conductor.mask.text(reason)
        self._stop_items()
        self._forget_reminders()
        if not self._ended:
            self._record.crashed(reason)
            self._tell_engine(RunCrashed(self._run_id, reason))

    def on_stop(self) -> None:
        """Fail the run, if somebody stops its supervisor before it has ended."""
        unmask_run(self._run_id)
        self._stop_items()
        if not self._ended:
            self._tell_engine(RunCrashed(self._run_id, "the run's supervisor was stopped"))

    # ---- events

    def _begin_run(self, _message: BeginRun) -> None:
        request = self._request
        try:
            parameters = bind(self._workflow, request.inputs)
        except InvalidInput as error:
            self._ended = True
            self._tell_engine(RunRefused(self._run_id, str(error)))
            request.accepted.fail(error)
            self.stop()
            return
        self._conductor = self._services.make_conductor(
            self._workflow, self._run_id, parameters, self._services.now(), request.parent,
            surroundings=request.surroundings, mask=request.mask, secrecy=request.secrecy,
        )  # fmt: skip
        # Also while there are no secrets: those that its sub-workflows get are kept in this mask, too.
        mask_run(self._run_id, self._conductor.mask.anything)
        self._record.started()
        request.accepted.resolve(request.handle)
        self._carry_out(self._conductor.begin(), None)
        self._start_items()

    def _reminded(self, event: Timer) -> None:
        self._reminders.pop(event, None)
        self._event(event)

    def _event(self, event: Event) -> None:
        if self._conductor is None or self._ended:
            return
        self._carry_out(self._conductor.on(event), None)
        self._start_items()

    def _control(self, event: Event, for_children: Any) -> None:
        """Handle a request, and hand it down to the sub-workflows that perform items of this run."""
        if self._ended:
            raise IllegalTransition(f"the run {self._run_id} has ended")
        self._event(event)
        for key in list(self._children):
            self._tell_item(key, for_children)

    def _relayed(self, message: Relayed) -> None:
        try:
            hand_on(self.on_receive(message.message), message.answer)
        except StrettoError as error:
            message.answer.fail(error)

    def _item_ended(self, message: ItemEnded) -> None:
        completed = message.completed
        key = (completed.task, completed.visit, completed.index)
        if self._running.pop(key, None) is None:
            self._children.pop(key, None)
        if self._conductor is None or self._ended:
            return
        commands = self._conductor.on(completed)
        self._record.try_ended(message, final=not _tries_again(completed, commands))
        self._carry_out(commands, message.finished_at)
        self._start_items()

    # ---- commands

    def _carry_out(self, commands: list[Command], caused_at: float | None) -> None:
        for command in commands:
            if type(command) is StartItem:
                # Only a task's first item follows on another action's end; the rest follow on each other.
                follows = caused_at if command.index == 0 and command.attempt == 1 else None
                waiting = self._nested_waiting if self._is_nested(command) else self._waiting
                waiting.append((command, follows))
            elif type(command) is WaitUntil:
                self._remind(command)
            elif type(command) is WithdrawItems:
                self._withdraw(command)
            elif type(command) is CancelItem:
                self._tell_item((command.task, command.visit, command.index), StopItem())
            elif type(command) is TaskEnded:
                self._record.task_ended(command)
            elif type(command) is FinishRun:
                self._finish(command)

    def _is_nested(self, start: StartItem) -> bool:
        """Tell whether a workflow performs the item; an action's ref may be known only now."""
        action = start.prepared.action if start.prepared is not None else self._workflow.tasks[start.task].action
        return action in self._request.nested

    def _start_items(self) -> None:
        """Start what waits, as far as permits and the run's state allow."""
        conductor = self._conductor
        if conductor is None or conductor.status == "paused":
            return
        # An item that a workflow performs takes no permit: its own items do, and would wait for it for ever.
        while self._nested_waiting:
            start, caused_at = self._nested_waiting.popleft()
            key = (start.task, start.visit, start.index)
            self._children[key] = self._perform(start, caused_at, self._request.depth + 1)
        while self._waiting and len(self._running) < self._permits - self._to_return:
            start, caused_at = self._waiting.popleft()
            self._running[start.task, start.visit, start.index] = self._perform(start, caused_at, None)

    def _perform(self, start: StartItem, caused_at: float | None, depth: int | None) -> pykka.ActorRef[ItemActor]:
        if start.attempt > 1:
            self._record.retried()
        item = ItemActor.start_on(self._services.dispatcher, self._services, self._run_id, self._workflow.ref)
        task, core_actions = self._workflow.tasks[start.task], self._workflow.semantics.core_actions
        item.tell(PerformItem(start, task, self.actor_ref, caused_at, depth, core_actions))
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
            self._carry_out(
                self._conductor.on(ItemsWithdrawn(task, visit, tuple(withdrawn), self._services.now())), None
            )

    def _remind(self, command: WaitUntil) -> None:
        wait = max(command.then.at - self._services.now(), 0.0)
        key = self._services.remind(self._services.monotonic() + wait, self.actor_ref, command.then)
        self._reminders[command.then] = key

    def _finish(self, finish: FinishRun) -> None:
        self._ended = True
        outcome = Outcome(finish.status, finish.output, finish.errors)
        self._record.ended(outcome)
        self._end_with(outcome)

    def _end_with(self, outcome: Outcome) -> None:
        tasks = self._conductor.tasks() if self._conductor is not None else {}
        # First, so that whoever has the outcome finds it counted.
        self._record.flush(self._conductor)
        self._tell_engine(RunEnded(self._run_id, outcome, tasks))
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
        self._ended = True
        self._stop_items()
        outcome = abandoned()
        self._record.ended(outcome)
        self._end_with(outcome)

    # ---- permits

    def _granted(self, message: PermitsGranted) -> None:
        self._permits += message.count
        self._requested = max(self._requested - message.count, 0)
        self._start_items()

    def _asked_back(self, message: ReturnPermits) -> None:
        self._to_return += message.count

    def _settle_permits(self) -> None:
        """Ask for the permits that are missing, and give back those that are asked for or not needed."""
        paused = self._conductor is not None and self._conductor.status == "paused"
        wanted = len(self._running) + (0 if paused else len(self._waiting))
        unneeded = max(self._permits - wanted, 0)
        spare = self._permits - len(self._running)
        returned = min(max(self._to_return, unneeded), spare)
        if returned > 0:
            self._permits -= returned
            self._to_return = max(self._to_return - returned, 0)
            self._tell_engine(PermitsReturned(self._run_id, returned))
        missing = max(wanted - self._permits, 0)
        if missing != self._requested:
            self._requested = missing
            self._tell_engine(PermitsRequested(self._run_id, missing))

    # ---- others

    def _status(self) -> dict[str, Any]:
        conductor = self._conductor
        return {
            "id": self._run_id,
            "workflow": self._workflow.ref,
            "status": conductor.status if conductor is not None else "accepted",
            "tasks": conductor.tasks() if conductor is not None else {},
        }

    def _item_output(self, message: TellItemOutput) -> Later:
        in_flight = {**self._running, **self._children}
        item = item_in_flight(in_flight, self._workflow, message.task, message.index)
        return ask_later(item, TellOutput(), has_just_ended())

    def _stop_items(self) -> None:
        for key in (*self._running, *self._children):
            self._tell_item(key, StopItem())

    def _tell_item(self, key: tuple[str, int, int], message: Any) -> None:
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


def _tries_again(completed: ItemCompleted, commands: list[Command]) -> bool:
    """Tell whether the commands that an item's failure gave have it wait for another try."""
    if completed.failure is None:
        return False
    return any(
        type(command) is WaitUntil and type(command.then) is RetryDue and command.then.index == completed.index
        for command in commands
    )
