"""Runs performed one item after the other, each with an outcome that depends on the item alone; and shapes of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from stretto.definitions import Workflow, freeze, read_workflow, thaw
from stretto.definitions.conductor import (
    Command,
    Conductor,
    DelayElapsed,
    Event,
    FinishRun,
    ItemCompleted,
    ReusePlan,
    StartItem,
    TaskEnded,
    WaitUntil,
)
from stretto.definitions.dialects import read_as_orquesta
from stretto.definitions.model.parameters import bind
from stretto.definitions.model.semantics import ORQUESTA
from tests.support.driving import failed

Act = Callable[[StartItem], bool]
"""Tells whether a try succeeds."""


class Performer:
    """Carries out a run's commands. What is kept is settled first, in the order of its positions."""

    def __init__(
        self, workflow: Workflow, act: Act, kept: ReusePlan | None = None, random: Random | None = None
    ) -> None:
        self.conductor = Conductor(workflow, "run", bind(workflow, {}), 0.0)
        self.act = act
        self.kept = kept
        self.random = random
        self.clock = 0.0
        self.pending: list[StartItem] = []
        self.timers: list[Any] = []
        self.performed: list[tuple[str, int, int]] = []
        self.events: list[Event] = []
        self.ended: list[TaskEnded] = []
        self.finish: FinishRun | None = None

    def run(self) -> "Performer":
        """Go on until the run ends."""
        self.take(self.conductor.begin())
        for _ in range(5_000):
            if self.finish is not None:
                return self
            self.feed(self.next_event())
        pytest.fail("the run does not end")

    def feed(self, event: Event) -> None:
        """Handle an event, and what follows from it."""
        self.events.append(event)
        self.take(self.conductor.on(event))

    def take(self, commands: list[Command]) -> None:
        """Keep what is to be done."""
        for command in commands:
            if isinstance(command, StartItem):
                self.pending.append(command)
            elif isinstance(command, WaitUntil):
                self.timers.append(command.then)
            elif isinstance(command, TaskEnded):
                self.ended.append(command)
            elif isinstance(command, FinishRun):
                self.finish = command

    def next_event(self) -> Event:
        """Settle what is kept, else have something performed, else let the next time come."""
        self.clock += 1.0
        event = self._settled() or self._skipped_delay()
        if event is not None:
            return event
        if self.pending:
            start = self.pending.pop(0 if self.random is None else self.random.randrange(len(self.pending)))
            return self._performed(start)
        timer = min(self.timers, key=lambda each: each.at)
        self.timers.remove(timer)
        self.clock = max(self.clock, timer.at)
        return timer  # type: ignore[no-any-return]

    def _settled(self) -> Event | None:
        if self.kept is None:
            return None
        positions = [(position, number) for number, each in enumerate(self.pending)
                     if (position := self.kept.position(each)) is not None]  # fmt: skip
        return self.kept.completion(self.pending.pop(min(positions)[1]), self.clock) if positions else None

    def _skipped_delay(self) -> Event | None:
        for timer in self.timers:
            if self.kept is not None and isinstance(timer, DelayElapsed) and self.kept.keeps(timer.task):
                self.timers.remove(timer)
                return timer
        return None

    def _performed(self, start: StartItem) -> Event:
        key = start.task, start.visit, start.index
        self.performed.append(key)
        succeeds = self.act(start)
        result = freeze([start.task, start.index]) if succeeds else None
        failure = None if succeeds else failed(result=[start.task, "failed"])
        outcome = "succeeded" if succeeds else "failed"
        return ItemCompleted(*key, start.attempt, outcome, result, failure, self.clock)

    def completions(self) -> list[ItemCompleted]:
        """Return the run's completions."""
        return [each for each in self.events if isinstance(each, ItemCompleted)]

    def result(self) -> tuple[Any, ...]:
        """Return how the run and its tasks have ended, whatever the order."""
        assert self.finish is not None
        tasks = sorted((each.task, each.outcome, json.dumps(thaw(each.result))) for each in self.ended)
        # Which branches an Orquesta run's output is of depends on which task ended last.
        by_order = self.conductor.workflow.semantics == ORQUESTA
        return self.finish.status, None if by_order else thaw(self.finish.output), tasks


@dataclass
class ShapedTask:
    """A task of a shape: its items (None: without), and the tasks that follow on each outcome."""

    name: str
    items: int | None = None
    concurrency: int = 1
    retries: int = 0
    delay: int = 0
    allowed: int | None = None
    join: bool = False
    always: list[str] = field(default_factory=list)
    succeeded: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@st.composite
def shapes(draw: st.DrawFn) -> list[ShapedTask]:
    """Draw tasks that lead only forward; all inbound tasks meet in a join."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 6)))]
    tasks = []
    for number, name in enumerate(names):
        task = ShapedTask(
            name,
            items=draw(st.none() | st.integers(0, 4)),
            concurrency=draw(st.integers(1, 3)),
            retries=draw(st.sampled_from([0, 0, 1, 2])),
            delay=draw(st.sampled_from([0, 0, 3])),
            allowed=draw(st.sampled_from([None, None, 1])),
        )
        for target in names[number + 1 :]:
            kind = draw(st.sampled_from(["", "", "always", "succeeded", "succeeded", "failed"]))
            if kind:
                getattr(task, kind).append(target)
        tasks.append(task)
    for task in tasks:
        inbound = [each for each in tasks if task.name in (*each.always, *each.succeeded, *each.failed)]
        task.join = len(inbound) > 1
    return tasks


def native(shape: list[ShapedTask]) -> Workflow:
    """Return the native workflow of a shape: each task publishes its result under a name of its own."""
    tasks = []
    for each in shape:
        task: dict[str, Any] = {"name": each.name, "action": "core.noop", "delay": each.delay}
        if each.items is not None:
            task |= {"with_items": list(range(each.items)), "concurrency": each.concurrency}
            task |= {} if each.allowed is None else {"max_failures": each.allowed}
        task |= {"retry": {"count": each.retries, "delay": 2}} if each.retries else {}
        task |= {"join": "all"} if each.join else {}
        task["next"] = [{"publish": {each.name: "{{ result() }}"}}]
        for when, targets in _conditions(each, "{{ succeeded() }}", "{{ failed() }}"):
            task["next"].append({"do": targets, **({} if when is None else {"when": when})})
        tasks.append(task)
    names = [each.name for each in shape]
    output = {name: f"{{{{ workflow.{name} }}}}" for name in names}
    document = {"version": "1", "vars": dict.fromkeys(names), "tasks": tasks, "output_map": output,
                "fail_fast": shape[0].delay > 0}  # fmt: skip
    return read_workflow(json.dumps(document), "native.yaml")


def orquesta_of(shape: list[ShapedTask]) -> Workflow:
    """Return Orquesta's workflow of a shape."""
    tasks: dict[str, Any] = {}
    for each in shape:
        task: dict[str, Any] = {"action": "core.noop"}
        task |= {"delay": each.delay} if each.delay else {}
        if each.items is not None:
            task["with"] = {"items": f"<% range({each.items}) %>", "concurrency": each.concurrency}
        task |= {"retry": {"count": each.retries, "delay": 2}} if each.retries else {}
        task |= {"join": "all"} if each.join else {}
        publish = [{each.name: "<% result() %>"}]
        task["next"] = [{"publish": publish}] if not (each.always or each.succeeded or each.failed) else []
        for when, targets in _conditions(each, "<% succeeded() %>", "<% failed() %>"):
            task["next"].append({"publish": publish, "do": targets, **({} if when is None else {"when": when})})
        tasks[each.name] = task
    names = [each.name for each in shape]
    document = {"version": 1.0, "vars": [{name: None} for name in names], "tasks": tasks,
                "output": [{name: f"<% ctx({name}) %>"} for name in names]}  # fmt: skip
    return read_as_orquesta(json.dumps(document), "orquesta.yaml").usable()


def _conditions(task: ShapedTask, succeeded: str, failed_: str) -> list[tuple[str | None, list[str]]]:
    told: list[tuple[str | None, list[str]]] = [
        (None, task.always), (succeeded, task.succeeded), (failed_, task.failed)
    ]  # fmt: skip
    return [(when, targets) for when, targets in told if targets]


Faults = Mapping[tuple[str, int], int]
"""How many tries of which items fail, by task and index."""


def failing(faults: Faults) -> Act:
    """Return what has these items fail."""
    return lambda start: start.attempt > faults.get((start.task, start.index), 0)


def faults_of(shape: list[ShapedTask]) -> st.SearchStrategy[dict[tuple[str, int], int]]:
    """Draw faults: an item fails once, or however often it is tried."""
    items = [(each.name, index) for each in shape for index in range(1 if each.items is None else each.items)]
    if not items:
        return st.just({})
    return st.dictionaries(st.sampled_from(items), st.sampled_from([1, 99, 99]), max_size=4)
