"""Rehearses a run: the real engine, supervisor, items and conductor; only time and what performs actions are replaced.

    Rehearsal --> Engine --> RunSupervisor --> ItemActor --> ScriptedRunner
                     '---- one dispatcher, pumped until nothing is left to do ----'
                                       then: a request, a reminder, or the end of one action; and so on

Each rehearsal has an engine of its own, which costs a few tenths of a millisecond, so that none sees another.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final

import pykka
from pykka.messages import ProxyCall

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue import Catalogue
from stretto.actors.dispatch import Timers
from stretto.actors.engine import Engine, EngineParts
from stretto.actors.files import RehearsedFiles
from stretto.actors.outcome import Outcome, RunHandle
from stretto.actors.packs import Pack, read_surroundings
from stretto.actors.rehearsal.definitions import RehearsedDefinitions
from stretto.actors.rehearsal.pump import PumpedDispatcher
from stretto.actors.rehearsal.recording import RecordedConductor, Visit
from stretto.actors.rehearsal.runner import Launch, ScriptedActions, ScriptedRunner
from stretto.actors.rehearsal.script import Control, Rule, Script
from stretto.actors.rehearsal.timeline import Pace, ReminderKeeper, Seconds, Timeline
from stretto.actors.runs import PermitPool, Services
from stretto.definitions.conductor import StartItem
from stretto.definitions.context import Mask
from stretto.definitions.data import Data, FrozenDict, FrozenList
from stretto.definitions.errors import LimitExceeded, StrettoError
from stretto.definitions.model import Workflow
from stretto.metrics import Instruments

MAX_STEPS = 50_000
"""Actions and delays that may end in one rehearsal, before it is taken for an endless one."""
_ALL_AT_ONCE: Final = 10**9
"""Permits: the engine-wide bound on items in flight is no matter of a workflow's meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A run to rehearse. `given` are further arguments of the run's conductor."""

    workflow: Workflow
    inputs: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    controls: Sequence[Control] = ()
    pace: Callable[[Timeline], Pace] = Seconds
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What came of it.

    `status` is one of a run that has ended, or the one in which nothing runs any more and no request is left. `unused`
    are the rules that no try needed, counted from 0; `refused` says why requests were.
    """

    status: str
    output: FrozenDict | None
    errors: FrozenList
    visits: Sequence[Visit]
    launches: Sequence[Launch]
    unused: Sequence[int]
    refused: Sequence[str]
    mask: Mask

    def told(self, value: Data) -> Data:
        """Return a value as it may be shown: without secrets."""
        return self.mask.data(value)


class Rehearser:
    """Performs rehearsals, one after the other, with the same definitions and actions."""

    def __init__(
        self, actions: ActionRegistry, definitions: Sequence[str | PathLike[str]] = (), packs: Iterable[Pack] = ()
    ) -> None:
        """Take what workflows may call.

        `actions`: those whose inputs are checked. `definitions`: folders of workflows. `packs`: those whose actions are
        among `actions`, for their workflows.

        Raises `UnknownWorkflow` if there is no such folder.
        """
        self._actions = ScriptedActions(actions)
        self.catalogue = RehearsedDefinitions(self._actions)
        for pack in packs:
            self.catalogue.add_pack(pack)
        self.catalogue.load(*map(Path, definitions))
        self._instruments = Instruments()

    def perform(self, rehearsal: Rehearsal) -> Rehearsed:
        """Rehearse a run.

        Raises `InvalidInput`, `NotData` (a scripted result is none), `LimitExceeded` (it does not end).
        """
        stage = _Stage(rehearsal, self._actions, self.catalogue, self._instruments)
        try:
            return stage.perform()
        finally:
            stage.dispatcher.stop()


class _Stage:
    """One rehearsal's engine, and what drives it."""

    def __init__(
        self, rehearsal: Rehearsal, actions: ActionRegistry, catalogue: Catalogue, instruments: Instruments
    ) -> None:
        self._rehearsal = rehearsal
        self._controls = sorted(rehearsal.controls, key=lambda control: control.before_completion)
        self._conductors: dict[str, RecordedConductor] = {}
        self._timeline = Timeline()
        self._pace = rehearsal.pace(self._timeline)
        self._script = Script(rehearsal.rules)
        self._runner = ScriptedRunner(self._script, self._timeline, self._pace, self._delay_of)
        self._refused: list[str] = []
        self.dispatcher = PumpedDispatcher()
        numbers = itertools.count(1)
        services = Services(
            self.dispatcher,
            Timers(ReminderKeeper.start_on(self.dispatcher, self._timeline), self._timeline.now),
            self._runner,
            actions,
            instruments,
            now=self._timeline.now,
            new_run_id=lambda: f"rehearsed-{next(numbers)}",
            make_conductor=self._make_conductor,
            files=RehearsedFiles(),
            permits=PermitPool(_ALL_AT_ONCE),
        )
        self._engine = Engine.start_on(
            self.dispatcher, EngineParts(services, catalogue, read_surroundings(None, None, []))
        )

    def perform(self) -> Rehearsed:
        handle: RunHandle = self._ask("submit", self._rehearsal.workflow, self._rehearsal.inputs)
        self._go_on(handle.id)
        outcome = _outcome_of(handle)
        conductor = self._conductors[handle.id]
        for launch in self._runner.launches:
            launch.end = self._conductors[launch.run_id].end_of(launch.start)
        return Rehearsed(
            status=conductor.status if outcome is None else outcome.status,
            output=outcome.output if outcome is not None else None,
            errors=outcome.errors if outcome is not None else conductor.errors(),
            visits=conductor.visits(),
            launches=self._runner.launches,
            unused=list(self._script.unused()),
            refused=[*conductor.refused, *self._refused],
            mask=conductor.mask,
        )

    def _make_conductor(self, *given: Any, **options: Any) -> RecordedConductor:
        requests = []
        if not self._conductors:  # the run itself, no sub-workflow
            options |= self._rehearsal.given
            while self._controls and self._controls[0].before_completion <= 1:
                requests.append(self._controls.pop(0).request)
        conductor = self._pace.conductor(*given, requests=requests, **options)
        self._conductors[given[1]] = conductor
        return conductor

    def _delay_of(self, run_id: str, start: StartItem) -> float:
        return self._conductors[run_id].delay_of(start)

    def _go_on(self, run_id: str) -> None:
        """Do what comes next, one thing at a time, until nothing is left."""
        completions = 0
        for _ in range(MAX_STEPS):
            end = self._runner.next_end()
            reminder = self._pace.due(end)
            if reminder is not None:
                self._timeline.ring(reminder)
            elif self._controls and (end is None or self._controls[0].before_completion <= completions + 1):
                self._request(run_id, self._controls.pop(0))
            elif end is not None:
                completions += 1
                self._pace.go_to(end)
                self._runner.complete_next()
            else:
                return
            self.dispatcher.pump()
        raise LimitExceeded(f"the rehearsal does not end: {MAX_STEPS:,} actions or delays have ended")

    def _request(self, run_id: str, control: Control) -> None:
        try:
            self._ask(control.request, run_id)
        except StrettoError as error:
            self._refused.append(str(error))

    def _ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the engine's public API, as its proxy does, and do what follows from it."""
        # Making a proxy takes half a millisecond: it looks at all that the actor has.
        answer = self._engine.ask(ProxyCall(attr_path=(method,), args=arguments, kwargs={}), block=False)
        self.dispatcher.pump()
        return answer.get(timeout=0)


def _outcome_of(handle: RunHandle) -> Outcome | None:
    """Return a run's outcome, if it has ended."""
    try:
        return handle.outcome.get(timeout=0)
    except pykka.Timeout:
        return None
