"""The conductor: the state machine of one run. Pure and deterministic.

It reads no clock and starts nothing. Events go in, commands come out, and the same events give the same commands.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from stretto.definitions.conductor import controls, inquiries, item_events, task_controls
from stretto.definitions.conductor.commands import Command, StartItem, WaitUntil
from stretto.definitions.conductor.events import Event, ItemCompleted, PauseRequested, ResumeRequested
from stretto.definitions.conductor.made_inquiries import MadeInquiry
from stretto.definitions.conductor.run_state import Handlers, RunState
from stretto.definitions.conductor.states import IllegalTransition, UnknownTask
from stretto.definitions.conductor.steps import NOTHING
from stretto.definitions.conductor.turns import complete_turn, enter_run
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.conductor.visits import ItemId
from stretto.definitions.conductor.waits import Wait
from stretto.definitions.context import (
    NO_ENVIRONMENT,
    NO_SECRECY,
    KeySource,
    Mask,
    ReadKey,
    RunEnvironment,
    RunKeys,
    Secrecy,
    Snapshot,
)
from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, FrozenList
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits
from stretto.definitions.model import Workflow

HANDLERS: Final[Handlers] = {**item_events.HANDLERS, **controls.HANDLERS, **task_controls.HANDLERS}
"""The handler of each event."""


Call: TypeAlias = Callable[..., Any]
"""Calls a function with arguments, and returns its value."""


def call_directly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return `function(*arguments)`."""
    return function(*arguments)


def _unrecorded(place: str, _at: float) -> ReadKey:
    """Return that a key is not there: a replay for reading has no source of keys."""
    return ReadKey(place, 0)


class Conductor:
    """Conducts one run: call `begin` once, then `on` for each event, and carry out the commands that they return.

    Attributes:
        workflow: The run's definition.
        status: The run's status after the last event.
        context: The values that the run's expressions read.
        mask: The run's secrets.
        pauses: Whether `begin` and `on` pause while they render the inputs of many items, or start many, so that other
            work gets its turn. By default they come to their end.
        reads_keys: Whether an event may have read keys, for `take_keys_read`.
        unfinished: Whether the begin, or the last event, has paused. Then `step` goes on until it has ended. No other
            event may come before, and `status` is still that before the event.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of; the keywords are optional
        self,
        workflow: Workflow,
        run_id: str,
        parameters: FrozenDict,
        started_at: float,
        parent: Data = None,
        *,
        surroundings: RunEnvironment = NO_ENVIRONMENT,
        mask: Mask | None = None,
        initial: FrozenDict = EMPTY_OBJECT,
        secrecy: Secrecy = NO_SECRECY,
        limits: ExpressionLimits = DEFAULT_LIMITS,
        skip_delay: Callable[[Visit, float], None] | None = None,
        user: str = "",
    ) -> None:
        """Take a definition and the run's parameters.

        Args:
            workflow: The definition.
            run_id: The run's id.
            parameters: The parameters, bound and frozen.
            started_at: Seconds since the epoch.
            parent: The value of `system.parent`: null, or the parent item of this run.
            surroundings: The pack configuration and keystore that expressions read.
            mask: The parent's mask, whose secrets are secrets of this run, too.
            initial: Variables of the first branch, where contexts go by branches.
            secrecy: The parameters of actions and workflows that are secret.
            limits: The limits on the run's expressions, as recorded when it was accepted.
            skip_delay: Called with each delay of a visit, which then passes at once. With None delays are waited for.
            user: Who started the run, or "" if that is not known.
        """
        self._state = RunState(
            workflow, run_id, parameters, started_at, parent, surroundings=surroundings, mask=mask, initial=initial,
            secrecy=secrecy, limits=limits, skip_delay=skip_delay, user=user,
        )  # fmt: skip
        self.workflow = workflow
        self._rest = NOTHING
        self.pauses = self.unfinished = self.reads_keys = False
        # A copy, not a property: the run's supervisor reads it several times an event.
        self.status = self._state.status
        self.context = self._state.context
        self.mask = self._state.mask

    # ---- events

    def enter(self) -> None:
        """Evaluate inputs and variables. Nothing starts before `begin`, which calls this if it has not been called."""
        enter_run(self._state)
        self.status = self._state.status

    def begin(self) -> list[Command]:
        """Return the commands that start the run, or the first ones if it pauses."""
        if not self._state.entered:
            self.enter()
        self._state.begun = True
        self._rest = complete_turn(self._state)
        return self._go_on()

    def on(self, event: Event, call: Call = call_directly) -> list[Command]:
        """Return the commands that follow from an event, or the first ones if it pauses. None, if it is outdated.

        Args:
            event: The event.
            call: Calls a function with arguments, and may break it off. All that evaluates expressions is called by it.

        Raises:
            IllegalTransition: The run's state does not allow the request. The run is unchanged.
            UnknownTask: The request names a task that does not exist. The run is unchanged.
        """
        state = self._state
        before = state.at, state.known_moment
        state.at, state.known_moment = event.at, None
        state.event_count += 1
        try:
            if type(event) is ItemCompleted and event.failure is None and not state.paused_items:
                item_events.item_completed(state, event)  # which evaluates nothing: it costs no call by `call`
            else:
                call(HANDLERS[type(event)], state, event)
        except (IllegalTransition, UnknownTask):
            state.at, state.known_moment = before
            state.event_count -= 1
            raise
        # Most events end one item of many, and nothing follows but the commands that its handler gave.
        if (
            state.ended or state.due or state.arrivals.waiting or state.paused_items or state.visits.refilling
            or state.task_requests
            or not state.active
        ):  # fmt: skip
            self._rest = complete_turn(state)
            commands: list[Command] = call(self._go_on)
            return commands
        self.status = state.status
        commands, state.commands = state.commands, []
        return commands

    def step(self) -> list[Command]:
        """Go on with an `unfinished` event to its end, or to the next pause. Return the commands of that part of it."""
        return self._go_on()

    def _go_on(self) -> list[Command]:
        state = self._state
        for _pause in self._rest:
            if self.pauses:
                self.unfinished = True
                break
        else:
            self._rest, self.unfinished = NOTHING, False
            self.status = state.status
        commands, state.commands = state.commands, []
        return commands

    # ---- the key-value store

    def connect_keys(self, source: KeySource) -> None:
        """Read keys from a source, in a replay only those that are not restored. Called before the begin."""
        if not self._state.reads_keys:
            return
        self.reads_keys = True
        self._state.keys = RunKeys(source, self.mask)
        self._state.known_moment = None  # which reads no keys

    def follow_keys(self) -> None:
        """Read the present keys from now on: all recorded events are replayed."""
        if self._state.keys is not None:
            self._state.keys.replaying = False

    def restore_keys(self, keys: Iterable[ReadKey]) -> None:
        """Take over the keys that the next event, or the begin, had read."""
        if self._state.keys is None:
            self.connect_keys(_unrecorded)
        if self._state.keys is not None:
            self._state.keys.restore(keys)

    def take_keys_read(self) -> tuple[ReadKey, ...]:
        """Return the keys that were read since the last call and are not recorded yet."""
        return () if self._state.keys is None else self._state.keys.take_news()

    # ---- questions about the run

    def inquiries_made(self) -> Mapping[int, MadeInquiry]:
        """Return the inquiries that the run's actions have made, by number."""
        return self._state.made

    def awaits_answers(self) -> bool:
        """Return whether a task waits for the inquiry of an action."""
        return any(visit.state == "awaiting" for visit in self._state.active.values()) if self._state.made else False

    def units_spent(self) -> int:
        """Return the units of work of the last event's expressions."""
        moment = self._state.known_moment
        return 0 if moment is None else moment.spent()

    def errors(self) -> FrozenList:
        """Return the records of all errors so far, masked."""
        return self._state.masked_errors()

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return {name: {status, visits, items: {total, succeeded, failed, running}}} of every task."""
        return inquiries.task_reports(self._state)

    def task(self, name: str) -> dict[str, Any]:
        """Return {status, visits, items: {total, succeeded, failed, running}} of one task."""
        return inquiries.task_report(self._state, name)

    @property
    def event_count(self) -> int:
        """The number of events that were handled."""
        return self._state.event_count

    def outstanding(self) -> list[StartItem]:
        """Return the start command of every attempt in flight, in their order."""
        return inquiries.starts_outstanding(self._state.visits)

    def streams(self) -> list[Command]:
        """Return outstanding file commands, except WriteResult."""
        return inquiries.streams_outstanding(self._state.visits)

    def timers(self) -> list[WaitUntil]:
        """Return every timer that is set."""
        return inquiries.timers_outstanding(self._state)

    def duration_of(self, wait: WaitUntil) -> float:
        """Return the seconds from the beginning of an outstanding wait to its end, as they were set."""
        return inquiries.duration_of(self._state, wait)

    def visit_items(self, task: str, visit: int | None = None) -> inquiries.VisitItems | None:
        """Return the items in flight of a task's visit, or of its last one. None if the visit is not active."""
        return inquiries.visit_items(self._state, task, visit)

    def context_now(self) -> Snapshot:
        """Return the context that a task would start with now. Where branches have contexts, they are laid together."""
        return inquiries.context_now(self._state)

    def waits(self, task: str | None = None) -> list[Wait]:
        """Return what the run, or one of its tasks, waits for: a bounded number for each task.

        Raises:
            UnknownTask: The workflow has no such task.
        """
        return inquiries.waits(self._state, task)

    def failed_tasks(self) -> frozenset[str]:
        """Return the tasks because of which the run did not succeed.

        These are tasks with an unhandled error, tasks whose last visit did not end, or failed and was not handled while
        the run went on, and tasks that led to the command `fail`.
        """
        return inquiries.failed_tasks(self._state)

    def partly_failed_tasks(self) -> frozenset[str]:
        """Return the tasks whose last visit succeeded although items failed: no more than `max_failures` allows."""
        return inquiries.partly_failed_tasks(self._state)

    def active_visits(self) -> list[Visit]:
        """Return the visits that have not ended, in the order of their start."""
        return list(self._state.active.values())

    def is_active(self, task: str, visit: int) -> bool:
        """Return whether a visit has begun and not ended."""
        return (task, visit) in self._state.active

    @property
    def last_visits(self) -> Mapping[str, Visit]:
        """The last visit of each task that has one."""
        return self._state.visits.last

    def last_visit(self, task: str) -> Visit | None:
        """Return the last visit of a task."""
        return self._state.visits.last.get(task)

    def skipped_items(self) -> frozenset[ItemId]:
        """Return the items that were skipped by request."""
        return self._state.visits.skipped()

    def paused_items(self) -> frozenset[ItemId]:
        """Return the items in flight whose sub-workflows are paused."""
        return self._state.paused_items

    def task_request(self, start: StartItem) -> PauseRequested | ResumeRequested | None:
        """Return the last pause or resume of an item's visit that its sub-workflow follows, or None."""
        return self._state.task_requests.get((start.task, start.visit))

    def counts_as(self, completed: ItemCompleted) -> str:
        """Return the outcome that an item will have: `skipped` if a skip was requested, else the attempt's."""
        if not self._state.skipping:
            return completed.outcome
        return inquiries.counts_as(self._state, completed)

    def may_resume(self, start: StartItem) -> bool:
        """Return whether recovery may run an attempt again of which no result is known.

        It may not if the attempt was to be stopped, nor if the run is being cancelled or fails because an evaluation
        was stopped: then the attempt is cancelled.
        """
        return inquiries.may_resume(self._state, start)

    def follows_cancel(self, start: StartItem) -> bool:
        """Return whether the run is cancelled now that the sub-workflow of an attempt is being cancelled.

        It is in the dialect in which a cancelled action cancels its run, unless the attempt itself is being stopped.
        """
        return inquiries.follows_cancel(self._state, start)
