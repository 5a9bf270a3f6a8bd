"""Runs driven at random and recorded, and the replay of what was recorded: as a journal keeps it and gives it back.

    record(run, random) --> Recording: the entries, and after each turn the commands given and how the run stood
    replay(recording)   --> the same turns, or an assertion fails

An entry is an event of the conductor's, or the texts that turned out to be secret outside it.
"""

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from hypothesis import strategies as st

from stretto.definitions import ExpressionError, InvalidInput, Workflow, freeze, thaw
from stretto.definitions.conductor import (
    CancelRequested,
    CloseResults,
    Command,
    ConcurrencyRequested,
    Conductor,
    EvaluationStopped,
    Event,
    FinishRun,
    IllegalTransition,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsRead,
    ItemsWithdrawn,
    OpenResults,
    PauseRequested,
    ReadItems,
    ResultsClosed,
    ResultsOpened,
    ResumeRequested,
    RetryRequested,
    SkipRequested,
    StartItem,
    StreamFailed,
    TaskEnded,
    UnknownTask,
    WaitUntil,
    WithdrawItems,
    WriteResult,
)
from stretto.definitions.conductor.branches import NO_BRANCH
from stretto.definitions.conductor.events import ExtensionRequested
from stretto.definitions.data.frozen import EMPTY_OBJECT, FrozenDict, FrozenList
from stretto.definitions.dialects import read_as_orquesta, read_workflow
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Moment
from stretto.definitions.model.parameters import bind
from tests.support.differential.generator import generate
from tests.support.driving import as_data, failed, scope_as_data, values_as_data
from tests.support.generating import definitions

Learned: TypeAlias = tuple[str, ...]
Entry: TypeAlias = Event | Learned
ItemId: TypeAlias = tuple[str, int, int]

RESULTS = (None, 1, "text {{ x }}", "again", "go", [1, {"a": 2}], {"k": 1, "token": "made-of-a-result"})
FAILURES = ("failed", "failed", "timed_out", "abandoned", "cancelled")
PATIENCE = 150
"""Events after which nothing fails or is asked for any more, so that every run ends."""


@dataclass(frozen=True)
class Run:
    """What a run is made of."""

    workflow: Workflow = field(repr=False)
    parameters: FrozenDict
    initial: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)

    def conductor(self) -> Conductor:
        """Return a new conductor of it."""
        return Conductor(self.workflow, "run", self.parameters, 1_000.0, initial=self.initial)


@dataclass
class Turn:
    """What came of an event: the commands, and how the run stood afterwards."""

    commands: list[Any]
    standing: Any


@dataclass
class Recording:
    """A run as it was driven: `turns[0]` is that of its begin, then there is one for each event."""

    run: Run
    entries: list[Entry] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)


# ---- how a run stands


def standing(conductor: Conductor) -> dict[str, Any]:
    """Return all that can be asked of a run, and its context, as plain data."""
    outstanding = conductor.outstanding()
    return {
        "status": conductor.status,
        "outstanding": [as_data(each) for each in outstanding],
        "may_resume": [conductor.may_resume(each) for each in outstanding],
        "timers": [repr(each) for each in conductor.timers()],
        "streams": [repr(each) for each in conductor.streams()],
        "waits": [repr(each) for each in conductor.waits()],
        "waits_of_tasks": [repr(conductor.waits(task)) for task in conductor.workflow.tasks],
        "tasks": conductor.tasks(),
        "errors": thaw(conductor.errors()),
        "failed_tasks": sorted(conductor.failed_tasks()),
        "skipped": sorted(conductor.skipped_items()),
        "context": context_as_data(conductor),
        "learned": conductor.mask.learned_since(0),
    }


def context_as_data(conductor: Conductor) -> Any:
    """Return the context: that of the whole run, and those of the branches that go on, wait or have ended."""
    waiting = [
        (each.task, each.route, each.ready, branch_as_data(each.branch)) for each in conductor._state.arrivals.waiting
    ]
    visits = [
        (visit.name, visit.visit, visit.state, visit.route, scope_as_data(visit.snapshot), branch_as_data(visit.branch))
        for visit in conductor.active_visits()
    ]
    ended = [(number, branch_as_data(branch)) for number, branch in conductor._state.terminal]
    return scope_as_data(conductor.context.look(NO_BRANCH, 0)), waiting, visits, ended, conductor.context.weight


def branch_as_data(branch: Any) -> Any:
    """Return a branch's variables, and what was published on its way."""
    return values_as_data(branch.variables), [values_as_data(delta) for delta in branch.deltas]


# ---- driving


class Driver:
    """Carries out a run's commands in a random order with random outcomes, meddles with it, and records its entries.

    `after` is called after each turn with the conductor.
    """

    def __init__(
        self, recording: Recording, random: Random, after: Callable[["Driver"], None] = lambda _driver: None
    ) -> None:
        self.recording = recording
        self.random = random
        self.after = after
        self.conductor = recording.run.conductor()
        self.clock = 1_000.0
        self.running: dict[ItemId, StartItem] = {}
        self.timers: list[Any] = []
        self.withdrawn: list[ItemsWithdrawn] = []
        self.spent: list[Event] = []
        self.answers: list[Command] = []
        self.lines: dict[tuple[str, int], dict[int, str]] = {}
        self.finish: FinishRun | None = None
        self.turns = 0
        self.failing = random.choice((0.0, 0.05, 0.2, 0.6))
        self.meddling = random.choice((0.0, 0.1, 0.3, 0.6))
        self._learned = 0
        self.is_recovered = False

    def run(self) -> None:
        """Go on until the run ends."""
        self.take(self.conductor.begin())
        self.go_on()

    def go_on(self) -> None:
        """Go on from where the run is."""
        while self.finish is None:
            assert self.turns < 10 * PATIENCE, "the run does not end"
            self.clock += self.random.choice((0.0, 0.25, 1.0))
            self.feed(self.choose())

    def feed(self, event: Event) -> None:
        """Have an event handled and recorded; a request that is refused is not."""
        stale = self._is_a_timer(event) and WaitUntil(event) not in self.conductor.timers()  # type: ignore[arg-type]
        before = standing(self.conductor) if _may_be_refused(event) else None
        try:
            commands = self.conductor.on(event)
        except (IllegalTransition, UnknownTask):
            assert before == standing(self.conductor), "a refused request changes nothing"
            return
        assert not (stale and commands), "a timer that is not outstanding means nothing"
        self.recording.entries.append(event)
        self.spent.append(event)
        self.take(commands)

    def take(self, commands: list[Command]) -> None:
        """Carry out what is commanded, and record what came of the turn."""
        self.turns += 1
        for command in commands:
            assert self.finish is None, "nothing comes after FinishRun"
            if isinstance(command, StartItem):
                self._perform(command)
            elif isinstance(command, WaitUntil):
                self.timers.append(command.then)
            elif isinstance(command, WithdrawItems):
                self._withdraw(command)
            elif isinstance(command, ReadItems | OpenResults | CloseResults):
                self.answers.append(command)
            elif isinstance(command, WriteResult):
                self.lines.setdefault((command.task, command.visit), {})[command.index] = command.outcome
            elif isinstance(command, TaskEnded):
                self._check_lines(command)
            elif isinstance(command, FinishRun):
                self.finish = command
        learned = self.conductor.mask.learned_since(self._learned)
        self._learned = self.conductor.mask.seen_count
        if learned:
            self.recording.entries.append(learned)
        self.recording.turns.append(Turn([as_data(each) for each in commands], standing(self.conductor)))
        self.after(self)

    def _check_lines(self, ended: TaskEnded) -> None:
        """What is told of a file of results is what was written into it."""
        with_items = self.recording.run.workflow.tasks[ended.task].with_items
        failed = [(each.task, each.visit) for each in self.spent if isinstance(each, StreamFailed)]
        if with_items is None or with_items.results is None or not isinstance(ended.result, FrozenDict):
            return
        if (ended.task, ended.visit) in failed or self.is_recovered:
            return
        outcomes = Counter(self.lines.get((ended.task, ended.visit), {}).values())
        well = outcomes["succeeded"] + outcomes["skipped"]
        expected = {"items": outcomes.total(), "succeeded": well, "failed": outcomes.total() - well}
        assert thaw(ended.result) == {"path": "results", **expected}

    def _perform(self, start: StartItem) -> None:
        """Render an item's input, as whoever performs it does: the run's secrets may be in it."""
        self.running[start.task, start.visit, start.index] = start
        task = self.recording.run.workflow.tasks[start.task]
        if start.prepared is None:
            moment = Moment(start.at, f"run/{start.task}/{start.visit}/{start.index}")
            with contextlib.suppress(ExpressionError):
                start.scope.facts.see_input(start.task, task.input.evaluate(start.scope, moment))  # type: ignore[arg-type]

    def _withdraw(self, command: WithdrawItems) -> None:
        """Some of the items have not been begun yet: they are withdrawn, at once or a little later."""
        indexes = [key[2] for key in self.running if key[:2] == (command.task, command.visit)]
        chosen = tuple(index for index in indexes if self.random.randrange(2))
        for index in chosen:
            del self.running[command.task, command.visit, index]
        if chosen:
            self.withdrawn.append(ItemsWithdrawn(command.task, command.visit, chosen, self.clock))

    def choose(self) -> Event:
        """Pick what happens next."""
        if self.withdrawn:
            return self.withdrawn.pop()
        if self.turns < PATIENCE and self.random.random() < self.meddling:
            return self._meddle()
        possible: list[Any] = [*self.running, *range(len(self.timers)), *self.answers]
        if not possible or (self.turns > PATIENCE and self.conductor.status == "paused"):
            assert self.conductor.status == "paused", "nothing runs, nothing waits, and the run has not ended"
            return ResumeRequested(self.clock)
        if self.turns > 5 * PATIENCE and self.conductor.status in {"running", "paused"}:
            return CancelRequested(self.clock)
        chosen = self.random.choice(possible)
        if isinstance(chosen, int):
            timer = self.timers.pop(chosen)
            self.clock = max(self.clock, timer.at)
            return timer  # type: ignore[no-any-return]
        if not isinstance(chosen, tuple):
            self.answers.remove(chosen)
            return self.answer(chosen)
        return self.completion(self.running.pop(chosen))

    def answer(self, command: Any) -> Event:
        """Return what comes of a file that is to be read or written: SIZE lines, in pieces of any number."""
        task, visit = command.task, command.visit
        if self.turns < PATIENCE and self.random.random() < self.failing / 10:
            kind: Any = "unreadable_source" if isinstance(command, ReadItems) else "unwritable_results"
            return StreamFailed(task, visit, kind, "no luck today", self.clock)
        if isinstance(command, OpenResults):
            return ResultsOpened(task, visit, self.clock)
        if isinstance(command, CloseResults):
            return ResultsClosed(task, visit, self.clock)
        size = int(command.path)
        behind = min(command.start + self.random.randrange(1, 5), size)
        items = freeze([f"line {number}" for number in range(command.start, behind)])
        assert isinstance(items, FrozenList)
        return ItemsRead(task, visit, items, command.start, behind, behind, behind == size, self.clock)

    def completion(self, start: StartItem) -> Event:
        """Return how a try ends."""
        fails = self.turns < PATIENCE and self.random.random() < self.failing
        outcome = self.random.choice(FAILURES) if fails else "succeeded"
        result = freeze(self.random.choice(RESULTS))
        failure = None
        if outcome != "succeeded":
            failure = failed(outcome, retryable=bool(self.random.randrange(4)), result=result, message="no luck today")
        return ItemCompleted(start.task, start.visit, start.index, start.attempt, outcome, result, failure, self.clock)

    def _meddle(self) -> Event:
        """Pick a request, or something else that may come at any time."""
        task, index = self._item()
        concurrency = self.random.randrange(7)
        choices: list[Event] = [
            PauseRequested(self.clock),
            ResumeRequested(self.clock),
            ConcurrencyRequested(task, concurrency, self.clock),
            SkipRequested(task, index, self.clock),
            RetryRequested(task, index, self.clock),
            ExtensionRequested(self.random.choice([0, 0.5, 20]), self.clock),
        ]
        choices += [RetryRequested(*item, self.clock) for item in self._mendable()]
        choices += [self.random.choice(self.spent)] if self.spent else []
        if self.running:
            key = self.random.choice(list(self.running))
            choices += [ItemPaused(*key, self.clock), ItemResumed(*key, self.clock)]
        if self.random.randrange(15) == 0:
            choices.append(CancelRequested(self.clock))
        if self.random.randrange(30) == 0:
            choices.append(EvaluationStopped(Place("w.yaml", 1, 1), "now()", 2.0, True, self.clock))
        return self.random.choice(choices)

    def _item(self) -> tuple[str, int]:
        """Pick an item for a request: most often one of a task that goes on, at times one that there is not."""
        tasks = [*self.recording.run.workflow.tasks, "nobody"]
        active = self.conductor.active_visits()
        if not active or self.random.randrange(5) == 0:
            return self.random.choice(tasks), self.random.randrange(-1, 4)
        visit = self.random.choice(active)
        items = [*range(len(visit.items)), *visit.window]
        return visit.name, self.random.choice(items) if items else 0

    def _mendable(self) -> list[tuple[str, int]]:
        """Return items that have failed while others of their task go on, or that wait for their next try."""
        found = []
        for visit in self.conductor.active_visits():
            found += [(visit.name, each.index) for each in visit.failures]
            found += [(visit.name, index) for index, slot in visit.window.items() if slot.state != "running"]
            found += [(visit.name, 0)] if visit.state == "retrying" else []
        return found

    @staticmethod
    def _is_a_timer(event: Event) -> bool:
        return type(event).__name__ in {"RetryDue", "DelayElapsed", "RunTimedOut"}


def _may_be_refused(event: Event) -> bool:
    return type(event).__name__.endswith("Requested")


def record(run: Run, random: Random, after: Callable[[Driver], None] = lambda _driver: None) -> Recording:
    """Drive a run to its end."""
    recording = Recording(run)
    Driver(recording, random, after).run()
    return recording


# ---- replaying


def feed(conductor: Conductor, entries: Iterable[Entry]) -> Iterator[list[Command]]:
    """Have a new conductor handle what was recorded; yield the commands of its begin and of each event."""
    commands = conductor.begin()
    for entry in entries:
        if isinstance(entry, tuple):
            conductor.mask.see(entry)
            continue
        yield commands
        commands = conductor.on(entry)
    yield commands


def replay(recording: Recording, entries: Sequence[Entry] | None = None, run: Run | None = None) -> Conductor:
    """Feed what was recorded to a new conductor, which must give the same commands and stand the same after each turn.

    `entries` and `run` stand for those of the recording after they were written down and read again.
    """
    conductor = (run or recording.run).conductor()
    turns = feed(conductor, recording.entries if entries is None else entries)
    for turn, commands in zip(recording.turns, turns, strict=True):
        assert [as_data(each) for each in commands] == turn.commands
        assert standing(conductor) == turn.standing
    return conductor


def recover(recording: Recording, events: int, random: Random) -> Driver:
    """Return a driver that goes on after a crash, with nothing but what was recorded up to so many events.

    What was in flight is performed again if it may be, else told as cancelled; what was waited for is waited for again.
    """
    until = Recording(recording.run, _first(recording.entries, events), recording.turns[: events + 1])
    driver = Driver(until, random)
    for turn, commands in zip(until.turns, feed(driver.conductor, until.entries), strict=True):
        assert [as_data(each) for each in commands] == turn.commands
        driver.finish = next((each for each in commands if isinstance(each, FinishRun)), None)
    driver._learned = driver.conductor.mask.seen_count
    driver.is_recovered = True
    driver.answers = driver.conductor.streams()
    driver.clock = max((each.at for each in until.entries if not isinstance(each, tuple)), default=1_000.0)
    driver.timers = [each.then for each in driver.conductor.timers()]
    starts = driver.conductor.outstanding()
    driver.running = {(each.task, each.visit, each.index): each for each in starts}
    for start in starts:
        key = start.task, start.visit, start.index
        if key in driver.running and not driver.conductor.may_resume(start):
            del driver.running[key]
            driver.feed(ItemCompleted(*key, start.attempt, "cancelled", None, failed("cancelled"), driver.clock))
    return driver


def _first(entries: list[Entry], events: int) -> list[Entry]:
    """Return the entries up to so many events, with what was learned in the turn of the last."""
    seen = 0
    for number, entry in enumerate(entries):
        if not isinstance(entry, tuple):
            if seen == events:
                return entries[:number]
            seen += 1
    return list(entries)


# ---- runs


@st.composite
def native_runs(draw: st.DrawFn) -> Run:
    """Draw a run of a native workflow: as those of the properties, with a secret, a timeout, a task that cleans up."""
    document = json.loads(draw(definitions()))
    document["parameters"] = {"key": {"type": "string", "secret": True}, "pin": {"secret": True}}
    document["vars"] = {**document["vars"], "made": "{{ parameters.key }} {{ uuid() }}"}
    timeout = draw(st.sampled_from([None, None, 2, 30]))
    document |= {} if timeout is None else {"timeout": timeout}
    for task in document["tasks"]:
        if task.get("with_items"):
            task |= {"with_items": list(range(draw(st.integers(0, 9)))), "concurrency": draw(st.integers(1, 5))}
            _draw_files(draw, task)
        if draw(st.booleans()):
            task["input"]["secret"] = "{{ parameters.key | upper }} {{ workflow.made }} {{ parameters.pin }}"
        if draw(st.integers(0, 4)) == 0:
            task["when"] = "{{ workflow.n < 2 }}"
    if draw(st.booleans()):
        document["tasks"].append({"name": "tidy", "action": "core.noop", "with_items": [1, 2], "concurrency": 2})
        document["on_cancel"] = "tidy"
    workflow = read_workflow(json.dumps(document), "test.yaml")
    return Run(workflow, bind(workflow, {"key": draw(st.sampled_from(["abcd-efgh", "no luck"])), "pin": 123}))


def _draw_files(draw: st.DrawFn, task: dict[str, Any]) -> None:
    """Have a task's items come from a file, and its results go into one, perhaps."""
    if draw(st.booleans()):
        task["with_items"] = {draw(st.sampled_from(["lines", "jsonl", "csv"])): str(draw(st.integers(0, 12)))}
        task["batch_size"] = draw(st.sampled_from([None, None, 1, 2, 5]))
        task["max_failures"] = draw(st.sampled_from([None, 0, 1]))
    if draw(st.integers(0, 2)) == 0:
        task["results"] = {"jsonl": "results"}


def orquesta_run(seed: int) -> Run | None:
    """Return a run of a generated workflow of Orquesta's; None for a seed whose workflow or inputs are broken."""
    case = generate(seed)
    context = case.get("context") or {}
    reading = read_as_orquesta(case["workflow"], "test.yaml", context)
    if reading.workflow is None or any(each.severity == "error" for each in reading.findings):
        return None
    try:
        parameters = bind(reading.workflow, case.get("inputs") or {})
    except InvalidInput:
        return None
    initial = freeze(context)
    assert isinstance(initial, FrozenDict)
    return Run(reading.workflow, parameters, initial)


def seeded(run: Run, seed: int) -> Random:
    """Return what chooses for a run: unlike Hypothesis's own, it makes the same choices in every process."""
    return Random(f"{seed} {run.workflow.text}")  # noqa: S311 - no secret is made of it


def transcript(run: Run, seed: int) -> str:
    """Return all that came of a run that was driven at random, as text."""
    recording = record(run, seeded(run, seed))
    # The order of keys counts, but for that of the maps that a context is kept in.
    return json.dumps([(turn.commands, turn.standing) for turn in recording.turns], default=repr)


if __name__ == "__main__":
    for line in sys.stdin:
        given = json.loads(line)
        if given["text"] is None:
            described = orquesta_run(given["seed"])
        else:
            workflow = read_workflow(given["text"], "test.yaml")
            described = Run(workflow, bind(workflow, given["inputs"]))
        assert described is not None
        sys.stdout.write(json.dumps(transcript(described, given["seed"])) + "\n")
