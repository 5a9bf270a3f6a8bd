"""What performs actions in a rehearsal: nobody. Each call is noted, and ends as the script says when its time comes."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from stretto.actors.actions import Action, ActionRegistry
from stretto.actors.rehearsal.script import Rule, Script, Try
from stretto.actors.rehearsal.timeline import Pace, Timeline
from stretto.actors.runners import Call, Done, Finished, Running
from stretto.definitions.conductor import ItemCompleted, StartItem
from stretto.definitions.context import ItemScope
from stretto.definitions.data import Data, freeze
from stretto.definitions.model import CoreActions

_STATUSES: Final[Mapping[str, str]] = {"timeout": "timed_out", "canceled": "cancelled"}
"""Our words for those of conformance cases."""


class ScriptedActions(ActionRegistry):
    """All actions: those that are known check their input, any other takes whatever it is given."""

    def __init__(self, known: ActionRegistry) -> None:
        super().__init__({}, "allow")  # no command runs
        self._known = known
        self._made: dict[tuple[str, CoreActions], Action] = {}

    def get(self, ref: str, core: CoreActions = "stretto") -> Action:
        """Return an action that is never called."""
        made = self._made.get((ref, core))
        if made is None:
            known = self._known.find(ref, core)
            # "async": an inline action would have to end as it begins.
            made = _taking_anything(ref) if known is None else replace(known, runner="async")
            self._made[ref, core] = made
        return made

    def find(self, ref: str, core: CoreActions = "stretto") -> Action | None:
        """Return an action whose input is known."""
        return self.get(ref, core) if self._known.find(ref, core) is not None else None

    def __contains__(self, ref: object) -> bool:
        return ref in self._known


def _taking_anything(ref: str) -> Action:
    return Action(ref, _never_called, "async", takes_anything=True)


def _never_called(**_inputs: Any) -> None:
    """Stand for an action of which only the name is known."""


class Launch:
    """An action that was launched, and how its try ended, if it has. Times are seconds from the start."""

    __slots__ = ("action", "at", "delay", "end", "ended_at", "facts", "input", "rule", "run_id", "start")

    def __init__(self, call: Call, start: StartItem, facts: Try, rule: Rule, at: float) -> None:
        self.run_id = call.ids.run_id
        self.start = start
        self.facts = facts
        self.action = facts.action
        self.input = call.input
        self.rule = rule
        self.at = at
        self.delay = 0.0
        self.ended_at: float | None = None
        self.end: ItemCompleted | None = None

    def context(self) -> dict[str, Data]:
        """Return the workflow's variables as this try saw them, by name."""
        scope = self.start.scope
        snapshot = scope.snapshot if isinstance(scope, ItemScope) else scope
        return dict(sorted(snapshot.variables.items()))


class _ScriptedCall:
    """A call that runs, as its item sees it."""

    __slots__ = ("_runner", "done", "ends_at", "launch", "number")

    def __init__(self, runner: "ScriptedRunner", launch: Launch, done: Done, number: int, ends_at: float) -> None:
        self._runner = runner
        self.launch = launch
        self.done = done
        self.number = number
        self.ends_at = ends_at

    def __lt__(self, other: "_ScriptedCall") -> bool:
        return (self.ends_at, self.number) < (other.ends_at, other.number)

    def cancel(self) -> bool:
        """End at once."""
        return self._runner.cancel(self)

    def output(self) -> None:
        """Return None: nothing is really called."""


class ScriptedRunner:
    """Takes calls and ends them, one at a time, in the order of (end, number)."""

    threads = 0

    def __init__(
        self, script: Script, timeline: Timeline, pace: Pace, delay_of: Callable[[str, StartItem], float]
    ) -> None:
        """Take what calls end as, and `delay_of(run_id, start)`: how long a try was waited for."""
        self.launches: list[Launch] = []
        self._script = script
        self._timeline = timeline
        self._pace = pace
        self._delay_of = delay_of
        self._running: list[_ScriptedCall] = []

    def start(self, call: Call, done: Done) -> Running:
        """Note a launch."""
        start, ids = call.start, call.ids
        if start is None:
            raise ValueError("a rehearsed call is a try of a run's item")
        facts = Try(ids.workflow, call.action.ref, start.task, start.visit, start.attempt, ids.item_index, start.route)
        rule = self._script.rule_for(facts) or Rule()
        launch = Launch(call, start, facts, rule, self._timeline.elapsed())
        launch.delay = self._delay_of(ids.run_id, start)
        ends_at = self._pace.end_of(rule.duration, start.timeout)
        scripted = _ScriptedCall(self, launch, done, len(self.launches), ends_at)
        self.launches.append(launch)
        heapq.heappush(self._running, scripted)
        if call.on_begin is not None:
            call.on_begin()
        return scripted

    def stop(self) -> None:
        """Nothing is to be stopped."""

    def next_end(self) -> float | None:
        """Return when the next call ends, on the pace's scale; None if nothing runs."""
        return self._running[0].ends_at if self._running else None

    def complete_next(self) -> None:
        """End the call that ends next."""
        call = heapq.heappop(self._running)
        launch, rule = call.launch, call.launch.rule
        echoed = launch.input.get("message") if launch.action == "core.echo" else None
        result = echoed if rule.result is msgspec.UNSET else freeze(rule.result)
        self._end(call, _STATUSES.get(rule.status, rule.status), result)

    def cancel(self, call: _ScriptedCall) -> bool:
        """End a call that runs; False if it does not."""
        if call not in self._running:
            return False
        self._running.remove(call)
        heapq.heapify(self._running)
        self._end(call, "cancelled", None)
        return True

    def _end(self, call: _ScriptedCall, status: Any, result: Data) -> None:
        call.launch.ended_at = self._timeline.elapsed()
        kind = None if status == "succeeded" else status
        error = None if kind is None else f"scripted to end as {status}"
        call.done(Finished(status, result, error, kind, self._timeline.now()))
