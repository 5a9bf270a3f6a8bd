"""Rehearses a run with the real engine, supervisor, items and conductor. Only time and the runner are replaced.

    Rehearsal --> Engine --> RunSupervisor --> ItemActor --> ScriptedRunner
                     '---- one dispatcher, pumped until nothing is left to do ----'
                                       then: a request, a reminder, or the end of one action; and so on

Each rehearsal has its own engine, which costs a few tenths of a millisecond, so that none affects another.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Final

import pykka

from stretto.actors.catalogue import Catalogue
from stretto.actors.dispatch import Guard, RemindAt, Timers, Unguarded, ask_method
from stretto.actors.engine import Engine, EngineParts
from stretto.actors.events import EventIntake, EventWaits, Matcher
from stretto.actors.files import FileWork, RehearsedFiles
from stretto.actors.journal import NoJournal, Origin
from stretto.actors.outcome import Outcome, RunHandle
from stretto.actors.packs import PackConfiguration, UnknownConfiguration
from stretto.actors.rehearsal.bounds import UNBOUNDED, Bounds, Budget
from stretto.actors.rehearsal.controls import Controls, Desk
from stretto.actors.rehearsal.keys import made_up_keys
from stretto.actors.rehearsal.pump import PumpedDispatcher, check_nothing
from stretto.actors.rehearsal.recording import RecordedConductor, Visit
from stretto.actors.rehearsal.runner import Launch, ScriptedRunner
from stretto.actors.rehearsal.script import Control, Request, Rule, Script
from stretto.actors.rehearsal.timeline import START, Pace, ReminderKeeper, Seconds, Timeline
from stretto.actors.rehearsal.waits import REHEARSED_WAITS
from stretto.actors.runners import Call
from stretto.actors.runs import PermitPool, Services
from stretto.definitions.conductor import StartItem
from stretto.definitions.context import Mask
from stretto.definitions.data import Data, FrozenDict, FrozenList, weigh
from stretto.definitions.errors import LimitExceeded, StrettoError
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits
from stretto.definitions.model import Workflow
from stretto.metrics import Instruments

UNGUARDED: Final = Unguarded()
_ALL_AT_ONCE: Final = 10**9
"""Permits. A workflow's meaning does not depend on the engine's bound on items in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions of a rehearsal.

    Attributes:
        keys: The key-value store, by the names that expressions read.
        rules: How actions end.
        controls: Requests, answers and events that come meanwhile.
        pace: How virtual time passes.
        given: Further arguments of the first run's conductor.
        catalogue: The scope of a workflow that is given as a file. By default the rehearser's catalogue.
        folder: Where the relative paths of files of items begin. By default in the working directory.
        begin: When it begins, in seconds since the epoch.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    controls: Sequence[Control] = ()
    pace: Callable[[Timeline], Pace] = Seconds
    given: Mapping[str, Any] = field(default_factory=dict)
    catalogue: Catalogue | None = None
    folder: Path = Path()
    begin: float = START


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal(Conditions):
    """A run to rehearse.

    Attributes:
        workflow: The workflow that runs.
        inputs: Its inputs.
        origin: Where the run comes from. It decides which files it may use.
    """

    workflow: Workflow
    inputs: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """The result of a rehearsal.

    Attributes:
        status: The run's status at its end, or when nothing runs and no control is left: `waiting` if it still waits
            for people or for events.
        output: The run's output.
        errors: The run's error records.
        visits: The visits of tasks, in the order of their start.
        launches: The actions that were launched, in order.
        unused: The rules that no attempt needed, counted from 0.
        refused: Why requests were refused.
        mask: The run's secrets.
    """

    status: str
    output: FrozenDict | None
    errors: FrozenList
    visits: Sequence[Visit]
    launches: Sequence[Launch]
    unused: Sequence[int]
    refused: Sequence[str]
    mask: Mask

    def masked(self, value: Data) -> Data:
        """Return a value without secrets, to be shown."""
        return self.mask.data(value)


class Rehearser:
    """Runs rehearsals, one after the other, with the same definitions and actions."""

    def __init__(  # noqa: PLR0913 - each has a default of its own
        self,
        catalogue: Catalogue,
        limits: ExpressionLimits = DEFAULT_LIMITS,
        pack_configuration: PackConfiguration | None = None,
        bounds: Bounds = UNBOUNDED,
        *,
        files: Callable[[Path], FileWork] = RehearsedFiles,
        guard: Guard = UNGUARDED,
    ) -> None:
        """Take what rehearsals have in common.

        Args:
            catalogue: A catalogue of `load_scripted` or `scripted_catalogue`.
            limits: The limits on expressions.
            pack_configuration: The values of `config.*` and `keystore.*`. By default none are known.
            bounds: The bounds of each rehearsal.
            files: Returns the reader of files of items, given the folder in which relative paths begin.
            guard: Breaks off evaluations that take too long.
        """
        self.catalogue = catalogue
        self.limits = limits
        self.pack_configuration = pack_configuration or UnknownConfiguration()
        self.bounds = bounds
        self.files = files
        self.guard = guard
        self.instruments = Instruments()

    def perform(self, rehearsal: Rehearsal) -> Rehearsed:
        """Rehearse a run.

        Raises:
            InvalidInput: The inputs do not fit the parameters.
            NotData: A scripted result is not JSON-like data.
            LimitExceeded: The rehearsal does not end within its bounds.
        """
        stage = Stage(rehearsal, self)
        try:
            return stage.perform(rehearsal)
        finally:
            stage.dispatcher.stop()


class Stage:
    """One rehearsal's engine, driven step by step.

    Attributes:
        dispatcher: Runs the actors' turns.
        journal: What has happened, in memory.
        conductors: The conductors of all runs, by run id.
    """

    def __init__(self, conditions: Conditions, rehearser: Rehearser) -> None:
        catalogue = conditions.catalogue or rehearser.catalogue
        self._given = conditions.given
        self._controls = Controls(conditions.controls)
        self.conductors: dict[str, RecordedConductor] = {}
        self._timeline = Timeline(conditions.begin)
        self._pace = conditions.pace(self._timeline)
        self._script = Script(conditions.rules)
        self._runner = ScriptedRunner(
            self._script, self._timeline, self._pace, self._start_of, self._delay_of, self._count
        )
        self._seen: object = None
        self._refused: list[str] = []
        self.dispatcher = PumpedDispatcher()
        numbers = itertools.count(1)
        self.journal = journal = NoJournal(rehearser.bounds.steps)
        matcher = Matcher(rehearser.guard, make_run_id=lambda: f"rehearsed-{next(numbers)}")
        services = Services(
            self.dispatcher,
            Timers(ReminderKeeper.start_on(self.dispatcher, self._timeline), self._timeline.now),
            self._runner,
            catalogue.actions,
            rehearser.instruments,
            now=self._timeline.now,
            new_run_id=lambda: f"rehearsed-{next(numbers)}",
            make_conductor=self._make_conductor,
            journal=journal,
            events=EventIntake(journal, matcher, EventWaits(journal)),
            waiting_items=REHEARSED_WAITS,
            files=rehearser.files(conditions.folder),
            permits=PermitPool(_ALL_AT_ONCE),
            limits=rehearser.limits,
            guard=rehearser.guard,
            keys=made_up_keys(conditions.keys),
        )
        self._budget = Budget(rehearser.bounds, lambda: sum(services.context_bytes.values()))
        parts = EngineParts(services, catalogue, rehearser.pack_configuration, link=journal)
        self._engine = Engine.start_on(self.dispatcher, parts)
        self._desk = Desk(self.ask, services)

    def perform(self, rehearsal: Rehearsal) -> Rehearsed:
        """Rehearse the run of a workflow."""
        handle: RunHandle = self.ask("submit", rehearsal.workflow, rehearsal.inputs, origin=rehearsal.origin)
        self.take_steps(handle.id)
        outcome = _outcome_of(handle)
        conductor = self.conductors[handle.id]
        for launch in self._runner.launches:
            launch.end = self.conductors[launch.run_id].end_of(launch.start)
            if launch.end is not None and launch.ended_at is None:  # it has waited
                launch.ended_at = self._timeline.since_start(launch.end.at)
        return Rehearsed(
            status=outcome.status if outcome is not None else _status_of(conductor),
            output=outcome.output if outcome is not None else None,
            errors=outcome.errors if outcome is not None else conductor.errors(),
            visits=conductor.visits(),
            launches=self._runner.launches,
            unused=self.unused(),
            refused=[*conductor.refused, *self._refused],
            mask=conductor.mask,
        )

    def _make_conductor(self, *given: Any, **options: Any) -> RecordedConductor:
        requests: Sequence[Request] = ()
        if not self.conductors:  # the run itself, not a sub-workflow
            options |= self._given
            requests = self._controls.take_first_requests()
        conductor = self._pace.conductor(*given, requests=requests, **options)
        self.conductors[given[1]] = conductor
        return conductor

    def _start_of(self, call: Call) -> StartItem:
        return self.conductors[call.ids.run_id].start_of(call.ids.task, call.visit, call.index, call.attempt)

    def _delay_of(self, run_id: str, start: StartItem) -> float:
        return self.conductors[run_id].delay_of(start)

    def take_steps(self, run_id: str = "", until: float = inf, at_end: Callable[[], object] = check_nothing) -> None:
        """Take one step at a time until none is left.

        Args:
            run_id: The run to which requests are sent.
            until: When `at_end` is called, in seconds since the epoch. The steps go on.
            at_end: Called once, when all is done that happens by itself up to that time.
        """
        completions = 0
        most = self._budget.bounds.steps
        for _ in range(most):
            end = self._runner.next_end()
            reminder = self._pace.due(end)
            following = self._time_of_next(end, reminder)
            control = self._controls.next(self._timeline.start, following, completions)
            if following > until:
                self._timeline.advance_to(until)
                until = inf
                at_end()
            elif control is not None and control.at is not None:
                self._timeline.advance_to(self._timeline.start + control.at)
                self._make(run_id, control)
            elif reminder is not None:
                self._timeline.ring(reminder)
            elif control is not None:
                self._make(run_id, control)
            elif end is not None:
                completions += 1
                self._pace.go_to(end)
                self._ask_people(self._runner.next_launch())
                self._runner.complete_next()
            else:
                return
            self.dispatcher.pump(self._budget.check)
        raise LimitExceeded(f"the rehearsal does not end: {most:,} actions or delays have ended (MAX_STEPS)")

    def _time_of_next(self, end: float | None, reminder: RemindAt | None) -> float:
        """Return when the next thing happens by itself."""
        if reminder is not None:
            return reminder.at
        return inf if end is None else self._pace.time_of(end)

    def _make(self, run_id: str, control: Control) -> None:
        self._controls.take(control)
        try:
            if control.request is not None:
                self.ask(control.request, run_id)
            else:
                self._desk.take(control, self._timeline)
        except StrettoError as error:
            self._refused.append(str(error))

    def _ask_people(self, launch: Launch) -> None:
        """Make the inquiry that an action makes before it ends, if its rule has one."""
        if not launch.rule.asks:
            return
        try:
            self._desk.make_inquiry(launch, self.tell)
        except StrettoError as error:
            self._refused.append(str(error))

    def _count(self, launch: Launch) -> None:
        """Count what is kept of a launched action: its input, and the context that it sees, unless it is the same."""
        weight = weigh(launch.input)
        context = launch.snapshot()
        if context is not self._seen:
            self._seen = context
            weight += sum(map(weigh, context.variables.values()))
        self._budget.add_launch(weight)

    def unused(self) -> list[int]:
        """Return the rules that no attempt needed, counted from 0."""
        return list(self._script.unused())

    def tell(self, message: Any) -> None:
        """Send the engine a message, and do what follows from it."""
        self._engine.tell(message)
        self.dispatcher.pump(self._budget.check)

    def ask(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of the engine's public API, as its proxy does, and do what follows from it."""
        answer = ask_method(self._engine, method, *arguments, **keywords)
        self.dispatcher.pump(self._budget.check)
        return answer.get(timeout=0)


def _status_of(conductor: RecordedConductor) -> str:
    """Return the status of a run that has not ended although nothing is left to do."""
    return "waiting" if conductor.status == "running" else conductor.status


def _outcome_of(handle: RunHandle) -> Outcome | None:
    """Return a run's outcome, or None before its end."""
    try:
        return handle.outcome.get(timeout=0)
    except pykka.Timeout:
        return None
