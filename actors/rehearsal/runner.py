"""The runner of rehearsals. It runs nothing: a call is recorded, and ends as the script says when it is due."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from stretto.actors.actions import Action, ActionRegistry
from stretto.actors.rehearsal.script import Attempt, Rule, Script, number_asked
from stretto.actors.rehearsal.timeline import Pace, Timeline
from stretto.actors.runners import Began, Begun, Call, Done, Finished, Running, ThreadUse
from stretto.definitions.conductor import ItemCompleted, StartItem
from stretto.definitions.context import ItemScope, Snapshot
from stretto.definitions.data import Data, freeze, object_of
from stretto.definitions.model import CoreActions

_STATUSES: Final[Mapping[str, str]] = {"timeout": "timed_out", "canceled": "cancelled"}
"""Outcomes by their names in conformance cases."""
NO_RULE: Final = Rule()
"""The end of an attempt that no rule matches."""


class ScriptedActions(ActionRegistry):
    """A registry with every action. The known ones check their input, any other accepts any input."""

    def __init__(self, known: ActionRegistry) -> None:
        super().__init__({}, "allow")  # no command runs
        self._known = known
        self._made: dict[tuple[str, CoreActions], Action] = {}

    def get(self, ref: str, core: CoreActions = "stretto") -> Action:
        """Return an action. Its function is never called."""
        made = self._made.get((ref, core))
        if made is None:
            known = self._known.find(ref, core)
            if known is None:
                made = _taking_anything(ref)
            else:  # an inline action would have to end when it starts; items that wait decide by themselves
                made = known if known.runner == "waits" else replace(known, runner="async")
            self._made[ref, core] = made
        return made

    def find(self, ref: str, core: CoreActions = "stretto") -> Action | None:
        """Return a known action, or None."""
        return self.get(ref, core) if self._known.find(ref, core) is not None else None

    def __contains__(self, ref: object) -> bool:
        return ref in self._known


def _taking_anything(ref: str) -> Action:
    return Action(ref, _never_called, "async", takes_anything=True)


def _never_called(**_inputs: Any) -> None:
    """Stand in for an unknown action."""


class Launch:
    """A launched action, and the end of its attempt if it has ended. Times are seconds from the start."""

    __slots__ = ("action", "at", "delay", "end", "ended_at", "facts", "input", "rule", "run_id", "start")

    def __init__(self, call: Call, start: StartItem, facts: Attempt, rule: Rule, at: float) -> None:
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
        """Return the workflow's variables that this attempt saw, by name."""
        return dict(sorted(self.snapshot().variables.items()))

    def snapshot(self) -> Snapshot:
        """Return the context that this attempt saw."""
        scope = self.start.scope
        return scope.snapshot if isinstance(scope, ItemScope) else scope


class _ScriptedCall:
    """A running call, as its item sees it."""

    __slots__ = ("_runner", "began", "done", "ends_at", "launch", "number")

    printed: Final = ()

    def __init__(  # noqa: PLR0913 - what a call consists of
        self, runner: "ScriptedRunner", launch: Launch, done: Done, number: int, *, now: float, ends_at: float
    ) -> None:
        self._runner = runner
        self.began = Began(now, now)
        self.launch = launch
        self.done = done
        self.number = number
        self.ends_at = ends_at

    def __lt__(self, other: "_ScriptedCall") -> bool:
        return (self.ends_at, self.number) < (other.ends_at, other.number)

    def cancel(self) -> bool:
        """End the call now."""
        return self._runner.cancel(self)

    def watch(self, _watcher: Callable[[], object]) -> None:
        """Call nothing: nothing writes in a rehearsal."""

    def output(self) -> None:
        """Return None: there is no process."""


class ScriptedRunner:
    """Records calls and ends them, one at a time, in the order of (end, number)."""

    threads = 0
    thread_use = ThreadUse(0)

    def __init__(  # noqa: PLR0913, PLR0917 - what a rehearsal consists of
        self,
        script: Script,
        timeline: Timeline,
        pace: Pace,
        start_of: Callable[[Call], StartItem],
        delay_of: Callable[[str, StartItem], float],
        launched: Callable[[Launch], object],
    ) -> None:
        """Take the script.

        Args:
            script: The rules.
            timeline: The virtual time.
            pace: How it passes.
            start_of: Returns the conductor's command that a call executes.
            delay_of: Returns the delay before an attempt of a run.
            launched: Called with each launched action.
        """
        self._launched = launched
        self.launches: list[Launch] = []
        self._script = script
        self._timeline = timeline
        self._pace = pace
        self._start_of = start_of
        self._delay_of = delay_of
        self._running: list[_ScriptedCall] = []

    def start(self, _action: Action, call: Call, done: Done, begun: Begun | None = None) -> Running:
        """Record a launch."""
        if not call.attempt:
            raise ValueError("a rehearsed call must be an attempt of a run's item")
        launch = self._launch(call)
        rule = launch.rule
        ends_at = self._pace.end_of(rule.duration, launch.start.timeout)
        scripted = _ScriptedCall(self, launch, done, len(self.launches), now=self._timeline.now(), ends_at=ends_at)
        self._add(launch)
        heapq.heappush(self._running, scripted)
        if begun is not None:
            begun()
        return scripted

    def begin_wait(self, call: Call) -> bool:
        """Record the begin of a wait. Return False if a rule of the script ends it instead, as it ends an action."""
        launch = self._launch(call)
        if launch.rule is not NO_RULE:
            return False
        self._add(launch)
        return True

    def _launch(self, call: Call) -> Launch:
        start, ids = self._start_of(call), call.ids
        facts = Attempt(
            ids.workflow,
            call.ref,
            start.task,
            start.visit,
            start.attempt,
            ids.item_index,
            start.route,
            call.input,
        )
        rule = self._script.rule_for(facts) or NO_RULE
        launch = Launch(call, start, facts, rule, self._timeline.elapsed())
        launch.delay = self._delay_of(ids.run_id, start)
        return launch

    def _add(self, launch: Launch) -> None:
        self.launches.append(launch)
        self._launched(launch)

    def waiting_for_thread(self, _run_id: str) -> frozenset[tuple[str, int, int]]:
        """Return no items: no call waits for a thread."""
        return frozenset()

    def stop(self) -> None:
        """Do nothing: no thread or process runs."""

    def next_end(self) -> float | None:
        """Return when the next call ends, on the pace's scale, or None if nothing runs."""
        return self._running[0].ends_at if self._running else None

    def next_launch(self) -> Launch:
        """Return the launched action that ends next."""
        return self._running[0].launch

    def complete_next(self) -> None:
        """End the call that ends next."""
        call = heapq.heappop(self._running)
        launch, rule = call.launch, call.launch.rule
        message = launch.input.get("message")
        status = rule.status
        if status is msgspec.UNSET:
            status = "failed" if launch.action == "core.fail" else "succeeded"
        result = freeze(rule.result) if rule.result is not msgspec.UNSET else None
        if rule.asks and rule.result is msgspec.UNSET:
            result = object_of({"inquiry_id": number_asked(rule)})
        if rule.result is msgspec.UNSET and launch.action == "core.echo":
            result = message
        error = message if launch.action == "core.fail" and isinstance(message, str) else None
        self._end(call, _STATUSES.get(status, status), result, error)

    def cancel(self, call: _ScriptedCall) -> bool:
        """End a running call. Return False if it has ended."""
        if call not in self._running:
            return False
        self._running.remove(call)
        heapq.heapify(self._running)
        self._end(call, "cancelled", None)
        return True

    def _end(self, call: _ScriptedCall, status: Any, result: Data, error: str | None = None) -> None:
        call.launch.ended_at = self._timeline.elapsed()
        kind = None if status == "succeeded" else status
        error = None if kind is None else error or f"scripted to end as {status}"
        call.done(Finished(status, result, error, kind))
