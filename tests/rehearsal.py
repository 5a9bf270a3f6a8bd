"""Runs a definition on the conductor alone: actions replaced by scripted results, time by a virtual clock.

The simulated executor is the one that the conductor's own cases assume: of the items that run, the one with the
least (start + duration, number) completes next.
"""

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

from stretto.definitions.conductor import (
    CancelItem,
    CancelRequested,
    Conductor,
    Failure,
    FinishRun,
    ItemCompleted,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    RunTimedOut,
    StartItem,
    WaitUntil,
    WithdrawItems,
)
from stretto.definitions.context import ItemScope
from stretto.definitions.dialects import read_workflow
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import Moment
from stretto.definitions.frozen import freeze, thaw
from stretto.definitions.parameters import bind

_REQUESTS = {"pause": PauseRequested, "resume": ResumeRequested, "cancel": CancelRequested}
_OUTCOMES = {"succeeded": "succeeded", "failed": "failed", "timeout": "timed_out", "canceled": "cancelled"}


@dataclass
class Rehearsal:
    """What came of a rehearsed run."""

    status: str = ""
    output: Any = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)


def rehearse(
    text: str,
    inputs: dict[str, Any] | None = None,
    script: list[dict[str, Any]] | None = None,
    controls: list[dict[str, Any]] | None = None,
) -> Rehearsal:
    """Run `text` with scripted results; raises what reading it or binding its input raises."""
    return _Executor(text, inputs or {}, script or [], list(controls or [])).run()


class _Executor:
    def __init__(self, text: str, inputs: Any, script: Any, controls: Any) -> None:
        self.workflow = read_workflow(text, "rehearsed.yaml")
        self.conductor = Conductor(self.workflow, "run", bind(self.workflow, inputs), 0.0)
        self.script = script
        self.controls = controls
        self.told = Rehearsal()
        self.running: list[tuple[float, int, StartItem, dict[str, Any], Any]] = []
        self.waiting: list[tuple[float, int, Any]] = []
        self.numbers = itertools.count()
        self.clock = 0.0
        self.delays: dict[tuple[str, int, int, int], float] = {}

    def run(self) -> Rehearsal:
        completions = 0
        self.carry_out(self.conductor.begin())
        while not self.told.status:
            due = [each for each in self.controls if each["before_completion"] == completions + 1]
            if due or (self.controls and not self.running and not self.waiting):
                control = due[0] if due else self.controls[0]
                self.controls.remove(control)
                self.feed(_REQUESTS[control["request"]](self.clock))
            elif self.waiting:
                # Delays are told, not waited for: they come before any completion.
                self.feed(heapq.heappop(self.waiting)[2])
            elif self.running:
                completions += 1
                self.clock, _, start, rule, rendered = heapq.heappop(self.running)
                self.complete(start, rule, rendered)
            else:
                self.told.status = self.conductor.status
        return self.told

    def feed(self, event: Any) -> None:
        self.told.events.append(event)
        self.carry_out(self.conductor.on(event))

    def carry_out(self, commands: list[Any]) -> None:
        self.told.commands += commands
        for command in commands:
            if isinstance(command, StartItem):
                self.start(command)
            elif isinstance(command, WaitUntil):
                then = command.then
                if isinstance(then, RunTimedOut):
                    continue  # time does not pass here
                key = (then.task, then.visit, getattr(then, "index", 0), getattr(then, "attempt", 1))
                self.delays[key] = then.at - self.clock
                heapq.heappush(self.waiting, (then.at, next(self.numbers), then))
            elif isinstance(command, CancelItem):
                self.cancel(command)
            elif isinstance(command, FinishRun):
                self.told.status = command.status
                self.told.output = thaw(command.output)
                self.told.errors = thaw(command.errors)
            elif isinstance(command, WithdrawItems):
                pass  # everything commanded has been started here

    def start(self, start: StartItem) -> None:
        task = self.workflow.tasks[start.task]
        index = start.index if task.with_items else None
        try:
            rendered = task.input.evaluate(start.scope, Moment(start.at, f"{start.task}/{start.index}"))
        except ExpressionError as error:
            failure = Failure("expression", str(error), retryable=False, where=error.place)
            self.feed(ItemCompleted(start.task, start.visit, start.index, start.attempt, "failed", None, failure, 0.0))
            return
        assert isinstance(start.scope, ItemScope) == (index is not None)
        delay = self.delays.get((start.task, start.visit, start.index, start.attempt), 0)
        self.told.actions.append(
            {"task": start.task, "visit": start.visit, "attempt": start.attempt, "item": index,
             "action": task.action, "input": thaw(rendered), "delay": delay}
        )  # fmt: skip
        rule = self.rule(start, index)
        entry = (self.clock + rule.get("duration", 1), next(self.numbers), start, rule, rendered)
        heapq.heappush(self.running, entry)

    def rule(self, start: StartItem, index: int | None) -> dict[str, Any]:
        facts = {"task": start.task, "visit": start.visit, "attempt": start.attempt, "item": index}
        for rule in self.script:
            if all(rule[key] == value for key, value in facts.items() if key in rule):
                return dict(rule)
        return {}

    def complete(self, start: StartItem, rule: dict[str, Any], rendered: Any) -> None:
        echoed = rendered.get("message") if self.workflow.tasks[start.task].action == "core.echo" else None
        result = freeze(rule["result"]) if "result" in rule else echoed
        outcome = _OUTCOMES[rule.get("status", "succeeded")]
        failure = (
            None if outcome == "succeeded" else Failure(outcome, f"scripted: {outcome}", result=result, input=rendered)
        )
        self.feed(
            ItemCompleted(start.task, start.visit, start.index, start.attempt, outcome, result, failure, self.clock)
        )

    def cancel(self, command: CancelItem) -> None:
        for entry in list(self.running):
            start = entry[2]
            if (start.task, start.visit, start.index) == (command.task, command.visit, command.index):
                self.running.remove(entry)
                heapq.heapify(self.running)
                failure = Failure("cancelled", "cancelled", retryable=False)
                self.feed(
                    ItemCompleted(
                        start.task,
                        start.visit,
                        start.index,
                        start.attempt,
                        "cancelled",
                        None,
                        failure,
                        self.clock,
                    )
                )


__all__ = ["Rehearsal", "RetryDue", "rehearse"]
