"""Properties of every run: determinism, the exact window, one end, and no start after it."""

import json
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stretto.definitions import Workflow, freeze, read_workflow, thaw
from stretto.definitions.conductor import (
    CancelItem,
    CancelRequested,
    Command,
    ConcurrencyRequested,
    Conductor,
    Event,
    FinishRun,
    IllegalTransition,
    ItemCompleted,
    ItemsWithdrawn,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    RetryRequested,
    SkipRequested,
    StartItem,
    TaskEnded,
    WaitUntil,
    WithdrawItems,
)
from stretto.definitions.context import ItemScope
from stretto.definitions.model.parameters import bind
from tests.support.driving import as_data, failed
from tests.support.examples import examples
from tests.support.generating import definitions


def fan_out_definition(concurrency: int, retries: int, max_failures: int | str | None, policy: str) -> str:
    """Return a workflow of one fan-out over its parameter."""
    task: dict[str, Any] = {
        "name": "fan",
        "action": "core.noop",
        "with_items": "{{ parameters.items }}",
        "concurrency": concurrency,
        "retry": {"count": retries, "delay": 2, "backoff": "linear"},
    }
    if max_failures is not None:
        task["max_failures"] = max_failures
    return json.dumps(
        {
            "version": "1",
            "parameters": {"items": {"type": "array"}},
            "tasks": [task],
            "output_map": {"results": "{{ task.fan.result }}", "errors": "{{ task.fan.errors }}"},
            "cancellation_policy": policy,
        }
    )


class WindowMachine(RuleBasedStateMachine):
    """A fan-out under any order of events, beside a model that counts only commands and events."""

    @initialize(
        concurrency=st.integers(1, 4),
        beyond=st.sampled_from([None, -1, 0, 1, 5]),
        retries=st.integers(0, 2),
        max_failures=st.none() | st.integers(0, 3) | st.sampled_from(["0%", "20%", "33.4%", "50%", "100%"]),
        policy=st.sampled_from(["allow_finish", "cancel_running"]),
    )
    def begin(
        self, concurrency: int, beyond: int | None, retries: int, max_failures: int | str | None, policy: str
    ) -> None:
        """Start two runs of the same definition; the number of items is 0 or lies about the concurrency."""
        self.prepare(concurrency, beyond, retries, max_failures, policy)
        workflow = read_workflow(fan_out_definition(concurrency, retries, max_failures, policy), "test.yaml")
        parameters = bind(workflow, {"items": [f"item {index}" for index in range(self.total)]})
        self.conductors = [Conductor(workflow, "run", parameters, 0.0) for _ in range(2)]
        self.take([conductor.begin() for conductor in self.conductors])

    def prepare(
        self, concurrency: int, beyond: int | None, retries: int, max_failures: int | str | None, policy: str
    ) -> None:
        """Begin the model."""
        self.total = 0 if beyond is None else max(concurrency + beyond, 1)
        self.concurrency, self.retries, self.policy = concurrency, retries, policy
        self.limit: Fraction | None = None
        if isinstance(max_failures, str):
            self.limit = Fraction(max_failures[:-1]) / 100 * self.total
        elif max_failures is not None:
            self.limit = Fraction(max_failures)
        self.has_limit = max_failures is not None
        self.clock = 0.0
        self.status = "running"
        self.running: dict[int, int] = {}
        self.waiting: dict[int, RetryDue] = {}
        self.due: set[int] = set()
        self.outcomes: dict[int, Any] = {}
        self.skipping: set[int] = set()
        self.again: dict[int, Any] = {}
        self.allowed = concurrency
        self.started: set[tuple[int, int]] = set()
        self.firsts: list[int] = []
        self.withdrawable = False
        self.finishes: list[FinishRun] = []
        self.task_ends: list[TaskEnded] = []
        self.cancelled_once = False
        self.spent: list[Event] = []

    # ---- the model

    @property
    def failures(self) -> int:
        """How many items have failed for good."""
        return sum(outcome in {"failed", "cancelled"} for outcome in self.outcomes.values())

    @property
    def stopped(self) -> bool:
        """Whether more items failed than may."""
        return self.limit is not None and self.failures > self.limit

    def take(self, both: list[list[Command]]) -> list[Command]:
        """Compare the two runs' commands, and count them."""
        first, second = both
        assert [as_data(each) for each in first] == [as_data(each) for each in second]
        for command in first:
            assert not self.finishes, "nothing comes after FinishRun"
            if isinstance(command, StartItem):
                assert self.status == "running", "nothing starts while paused or after a cancel"
                self.count_start(command)
            elif isinstance(command, WaitUntil):
                assert isinstance(command.then, RetryDue)
                assert command.then.at == self.clock + 2 * (command.then.attempt - 1)
                self.waiting[command.then.index] = command.then
            elif isinstance(command, WithdrawItems):
                self.withdrawable = True
            elif isinstance(command, TaskEnded):
                self.task_ends.append(command)
            elif isinstance(command, CancelItem):
                cancelled = self.policy == "cancel_running" and self.status == "cancelling"
                assert cancelled or command.index in self.skipping
                assert command.index in self.running
            elif isinstance(command, FinishRun):
                self.finishes.append(command)
        return first

    def count_start(self, command: StartItem) -> None:
        """Enter a start in the model."""
        assert (command.index, command.attempt) not in self.started, "no item starts twice at the same attempt"
        assert isinstance(command.scope, ItemScope)
        assert command.scope.item == f"item {command.index}"
        self.started.add((command.index, command.attempt))
        if command.attempt == 1:
            assert self.window < self.concurrency, "nothing starts before the window has shrunk"
            assert not self.again, "what is tried again comes first"
            self.firsts.append(command.index)
        else:
            self.due.discard(command.index)
            self.again.pop(command.index, None)
            if self.waiting.pop(command.index, None) is None:
                assert self.window < self.concurrency, "nothing starts before the window has shrunk"
        self.running[command.index] = command.attempt

    def feed(self, event: Event) -> list[Command]:
        """Give both conductors an event."""
        return self.take([conductor.on(event) for conductor in self.conductors])

    def settle(self, index: int, outcome: Any) -> None:
        """Enter an item's final outcome in the model."""
        self.outcomes[index] = "skipped" if index in self.skipping else outcome
        self.skipping.discard(index)
        if self.stopped:
            self.give_up_again()

    def give_up_again(self) -> None:
        """A requeued item whose next attempt never comes has failed."""
        self.outcomes.update(self.again)
        self.again.clear()

    @property
    def window(self) -> int:
        """How many items are in the window."""
        return len(self.running) + len(self.waiting)

    # ---- the rules

    @precondition(lambda self: self.running)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["succeeded", "succeeded", "failed", "timed_out", "refused", "cancelled"]),
    )
    def complete(self, data: st.DataObject, outcome: str) -> None:
        """An item that runs completes, in any order."""
        index = data.draw(st.sampled_from(sorted(self.running)), label="index")
        attempt = self.running.pop(index)
        self.clock += 1
        failure = None if outcome == "succeeded" else failed(outcome, retryable=outcome != "refused")
        word = "failed" if outcome == "refused" else outcome
        event = ItemCompleted("fan", 1, index, attempt, word, freeze(f"result {index}"), failure, self.clock)
        again = word in {"failed", "timed_out"} and outcome != "refused" and attempt <= self.retries
        if again and index not in self.skipping and self.status in {"running", "paused"}:
            self.due.discard(index)
            commands = self.feed(event)
            assert index in self.waiting
            assert sum(isinstance(each, WaitUntil) for each in commands) == 1
        else:
            self.settle(index, "failed" if word == "timed_out" else word)
            self.feed(event)
        self.spent.append(event)

    @precondition(lambda self: set(self.waiting) - self.due)
    @rule(data=st.data())
    def retry_comes_due(self, data: st.DataObject) -> None:
        """A wait for a retry ends."""
        index = data.draw(st.sampled_from(sorted(set(self.waiting) - self.due)), label="index")
        event = self.waiting[index]
        self.clock = max(self.clock, event.at)
        self.due.add(index)
        self.feed(event)
        self.spent.append(event)

    @precondition(lambda self: self.spent)
    @rule(data=st.data())
    def stale_event(self, data: st.DataObject) -> None:
        """An event that has been seen comes again, late: nothing follows."""
        assert self.feed(data.draw(st.sampled_from(self.spent), label="event")) == []

    @precondition(lambda self: self.withdrawable and self.running)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """The executor had not started some of the items."""
        indexes = data.draw(st.sets(st.sampled_from(sorted(self.running))), label="indexes")
        self.withdrawable = False
        for index in indexes:
            # Of an item that has failed before, it is the next try that is withdrawn: it has failed.
            tried_before = self.running.pop(index) > 1
            self.settle(index, "cancelled" if tried_before else "withdrawn")
        self.feed(ItemsWithdrawn("fan", 1, tuple(sorted(indexes)), self.clock))

    @precondition(lambda self: not self.finishes)
    @rule(concurrency=st.integers(-1, 5))
    def change_concurrency(self, concurrency: int) -> None:
        """Somebody raises or lowers the concurrency."""
        event = ConcurrencyRequested("fan", concurrency, self.clock)
        if concurrency < 1 or self.status == "cancelling":
            self.refused(event)
            return
        self.concurrency = concurrency
        self.allowed = max(self.window, concurrency)
        self.feed(event)

    @precondition(lambda self: not self.finishes and self.total)
    @rule(data=st.data())
    def skip(self, data: st.DataObject) -> None:
        """Somebody skips an item, whatever it is doing."""
        index = data.draw(st.integers(0, self.total - 1), label="index")
        event = SkipRequested("fan", index, self.clock)
        if index in self.running and index not in self.skipping:
            self.skipping.add(index)
            self.feed(event)
        elif index in self.waiting or index in self.again or (index not in self.outcomes and self.may_start(index)):
            self.waiting.pop(index, None)
            self.due.discard(index)
            self.again.pop(index, None)
            self.settle(index, "skipped")
            self.feed(event)
        else:
            self.refused(event)

    @precondition(lambda self: not self.finishes and self.total)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """Somebody wants an item tried now, whatever it is doing."""
        index = data.draw(st.integers(0, self.total - 1), label="index")
        event = RetryRequested("fan", index, self.clock)
        if index in self.waiting:
            self.due.add(index)
            self.feed(event)
        elif self.outcomes.get(index) in {"failed", "cancelled"} and not self.stopped and self.status != "cancelling":
            self.again[index] = self.outcomes.pop(index)
            self.feed(event)
        else:
            self.refused(event)

    def may_start(self, index: int) -> bool:
        """Whether an item that has not been started still may be."""
        return index not in self.firsts and self.status != "cancelling" and not self.stopped

    def refused(self, event: Event) -> None:
        """Expect a request to be refused, and to change nothing."""
        for conductor in self.conductors:
            before = conductor.tasks()
            with pytest.raises(IllegalTransition):
                conductor.on(event)
            assert conductor.tasks() == before

    @precondition(lambda self: not self.finishes and self.status in {"running", "paused"})
    @rule()
    def pause(self) -> None:
        """Somebody pauses the run (twice, perhaps)."""
        self.status = "paused"
        assert self.feed(PauseRequested(self.clock)) == []

    @precondition(lambda self: not self.finishes and self.status in {"running", "paused"})
    @rule()
    def resume(self) -> None:
        """Somebody resumes the run: what is due starts again, and the window fills."""
        self.status = "running"
        self.feed(ResumeRequested(self.clock))

    @precondition(lambda self: not self.finishes)
    @rule(rarely=st.integers(0, 3))
    def cancel(self, rarely: int) -> None:
        """Somebody cancels the run: what waits for a retry is given up at once, and has failed."""
        if rarely:
            return
        self.status = "cancelling"
        for index in list(self.waiting):
            self.settle(index, "cancelled")
        self.give_up_again()
        self.waiting.clear()
        self.due.clear()
        stopping = set(self.skipping)
        commands = self.feed(CancelRequested(self.clock))
        cancelled = [each.index for each in commands if isinstance(each, CancelItem)]
        expected = (
            sorted(self.running.keys() - stopping)
            if self.policy == "cancel_running" and not self.cancelled_once
            else []
        )
        assert cancelled == expected
        self.cancelled_once = True

    @precondition(lambda self: self.finishes)
    @rule(request=st.sampled_from([PauseRequested, ResumeRequested, CancelRequested]))
    def request_after_the_end(self, request: type[Any]) -> None:
        """A request after the end is refused."""
        for conductor in self.conductors:
            with pytest.raises(IllegalTransition):
                conductor.on(request(self.clock))

    # ---- what always holds

    @invariant()
    def window_is_exact(self) -> None:
        """The window holds min(concurrency, items left) items whenever anything may start.

        It holds more only after the concurrency was lowered, until it has shrunk.
        """
        if not hasattr(self, "outcomes"):
            return
        left = self.total - len(self.outcomes)
        assert self.window <= self.allowed
        self.allowed = max(self.concurrency, min(self.allowed, self.window))
        if self.status == "running" and not self.stopped:
            assert self.window >= min(self.concurrency, left)

    @invariant()
    def starts_are_in_order(self) -> None:
        """Items start in the list's order, each for the first time once; only what was skipped is passed over."""
        if hasattr(self, "firsts"):
            assert self.firsts == sorted(set(self.firsts))
            passed_over = set(range(max(self.firsts, default=0))) - set(self.firsts)
            assert all(self.outcomes[index] == "skipped" for index in passed_over)

    @invariant()
    def ends_once_and_only_when_done(self) -> None:
        """The run ends exactly when nothing runs, waits or may start."""
        if not hasattr(self, "finishes"):
            return
        nothing_active = not self.running and not self.waiting
        never_started = sum(outcome == "skipped" and i not in self.firsts for i, outcome in self.outcomes.items())
        all_begun = len(self.firsts) + never_started == self.total and not self.again
        nothing_left = all_begun or self.stopped or self.status == "cancelling"
        assert len(self.finishes) == (1 if nothing_active and nothing_left else 0)
        if self.finishes:
            self.check_the_end()

    def check_the_end(self) -> None:
        """The outcome says what the model has counted."""
        (finish,), (ended,) = self.finishes, self.task_ends
        assert (ended.items, ended.failed) == (self.total, self.failures)
        skipped = sum(outcome == "skipped" for outcome in self.outcomes.values())
        assert ended.outcomes.get("skipped", 0) == skipped
        items = self.conductors[0].tasks()["fan"]["items"]
        assert items["succeeded"] == ended.outcomes["succeeded"] + skipped
        output = thaw(finish.output)
        expected = [f"result {i}" if self.outcomes.get(i) == "succeeded" else None for i in range(self.total)]
        assert output["results"] == expected
        failed_ones = [i for i in range(self.total) if self.outcomes.get(i) in {"failed", "cancelled"}]
        assert [(entry["index"], entry["item"]) for entry in output["errors"]] == [
            (i, f"item {i}") for i in failed_ones
        ]
        if self.status == "cancelling":
            assert finish.status == "cancelled"
        else:
            task_failed = self.stopped if self.has_limit else self.failures > 0
            only_cancelled = self.failures > 0 and "failed" not in self.outcomes.values()
            assert ended.outcome == ("cancelled" if only_cancelled else "failed" if task_failed else "succeeded")
            assert finish.status == ("succeeded" if ended.outcome == "succeeded" else "failed")

    def teardown(self) -> None:
        """Let whatever still runs end, so that every case is checked at its end."""
        if not hasattr(self, "finishes"):
            return
        if not self.finishes and self.status == "paused":
            self.resume()
        for _ in range(200):
            if self.finishes:
                break
            for index, attempt in list(self.running.items())[:1]:
                del self.running[index]
                self.settle(index, "succeeded")
                self.feed(ItemCompleted("fan", 1, index, attempt, "succeeded", f"result {index}", None, self.clock))
            for index, event in [each for each in self.waiting.items() if each[0] not in self.due][:1]:
                self.due.add(index)
                self.feed(event)
        self.window_is_exact()
        self.ends_once_and_only_when_done()
        assert self.finishes


TestWindow = WindowMachine.TestCase
TestWindow.settings = settings(deadline=None, max_examples=examples(200), stateful_step_count=40)


@pytest.mark.parametrize("concurrency", [1, 2, 5])
@pytest.mark.parametrize("beyond", [None, "one", -1, 0, 1])
def test_every_size_about_the_concurrency_runs_to_its_end(concurrency: int, beyond: int | str | None) -> None:
    """An empty list, one item, and lists one shorter, as long, and one longer than the window succeed in order."""
    total = 0 if beyond is None else 1 if isinstance(beyond, str) else concurrency + beyond
    workflow = read_workflow(fan_out_definition(concurrency, 0, None, "allow_finish"), "test.yaml")
    conductor = Conductor(workflow, "run", bind(workflow, {"items": list(range(total))}), 0.0)
    pending = conductor.begin()
    in_window = [each.index for each in pending if isinstance(each, StartItem)]
    assert in_window == list(range(min(concurrency, total)))
    while in_window:
        index = in_window.pop()  # the latest first
        pending = conductor.on(ItemCompleted("fan", 1, index, 1, "succeeded", index * 2, None, 1.0))
        in_window += [each.index for each in pending if isinstance(each, StartItem)]
    finish = pending[-1]
    assert isinstance(finish, FinishRun)
    assert (finish.status, thaw(finish.output)["results"]) == ("succeeded", [2 * index for index in range(total)])


@pytest.mark.parametrize(
    ("max_failures", "total", "failures", "outcome"),
    [
        (0, 4, 0, "succeeded"),
        (0, 4, 1, "failed"),
        (2, 4, 2, "succeeded"),
        (2, 4, 3, "failed"),
        ("2%", 50, 1, "succeeded"),
        ("2%", 49, 1, "failed"),
        ("2%", 100, 2, "succeeded"),
        ("2%", 100, 3, "failed"),
        ("0.1%", 1000, 1, "succeeded"),
        ("0.1%", 999, 1, "failed"),
        ("29%", 100, 29, "succeeded"),
        ("29%", 100, 30, "failed"),
        ("100%", 7, 7, "succeeded"),
        ("0%", 7, 1, "failed"),
        (9, 3, 3, "succeeded"),
    ],
)
def test_max_failures_is_exact(max_failures: int | str, total: int, failures: int, outcome: str) -> None:
    """As a number or as an exact share, one failure too many fails the task, and not one fewer."""
    workflow = read_workflow(fan_out_definition(total, 0, max_failures, "allow_finish"), "test.yaml")
    conductor = Conductor(workflow, "run", bind(workflow, {"items": list(range(total))}), 0.0)
    commands = conductor.begin()
    for index in range(total):
        fails = index < failures
        commands += conductor.on(
            ItemCompleted(
                "fan", 1, index, 1, "failed" if fails else "succeeded", None, failed() if fails else None, 1.0
            )
        )
    (ended,) = [each for each in commands if isinstance(each, TaskEnded)]
    assert (ended.outcome, ended.failed) == (outcome, failures)


# ---- whole workflows


class RandomExecutor:
    """Carries out a run's commands in a random order with random outcomes, and records all events."""

    def __init__(self, workflow: Workflow, random: Random, meddling: int) -> None:
        self.conductor = Conductor(workflow, "run", bind(workflow, {}), 0.0)
        self.random = random
        self.meddling = meddling
        self.clock = 0.0
        self.running: dict[tuple[str, int, int], StartItem] = {}
        self.timers: list[Any] = []
        self.events: list[Event] = []
        self.turns: list[list[Any]] = []
        self.starts: set[tuple[str, int, int, int]] = set()
        self.finish: FinishRun | None = None
        self.status = "running"

    def run(self) -> None:
        """Go on until the run ends; a run that cannot go on fails the test."""
        self.take(self.conductor.begin())
        for _ in range(5_000):
            if self.finish is not None:
                assert not self.running
                return
            self.feed(self.choose())
        pytest.fail("the run does not end")

    def feed(self, event: Event) -> None:
        """Record an event and carry out what follows."""
        self.events.append(event)
        self.take(self.conductor.on(event))

    def choose(self) -> Event:
        """Pick what happens next."""
        self.clock += 0.25
        if self.meddling and self.random.randrange(6) == 0 and self.status != "cancelling":
            self.meddling -= 1
            if self.conductor.status in {"running", "paused"}:
                return self.meddle()
        possible = [*self.running, *range(len(self.timers))]
        if not possible:
            assert self.conductor.status == "paused", "nothing runs, nothing waits, and the run has not ended"
            return ResumeRequested(self.clock)
        chosen = self.random.choice(possible)
        if isinstance(chosen, int):
            return self.timers.pop(chosen)  # type: ignore[no-any-return]
        start = self.running.pop(chosen)
        outcome = self.random.choice(["succeeded", "succeeded", "failed", "timed_out"])
        failure = None if outcome == "succeeded" else failed(outcome)
        result = freeze(self.random.choice([None, 1, "text {{ x }}", [1, {"a": 2}]]))
        return ItemCompleted(start.task, start.visit, start.index, start.attempt, outcome, result, failure, self.clock)

    def meddle(self) -> Event:
        """Pick a request of an operator."""
        request = self.random.randrange(3)
        if request == 0:
            self.status = "cancelling"
            return CancelRequested(self.clock)
        return PauseRequested(self.clock) if request == 1 else ResumeRequested(self.clock)

    def take(self, commands: list[Command]) -> None:
        """Carry out what is commanded."""
        self.turns.append([as_data(each) for each in commands])
        for command in commands:
            assert self.finish is None, "nothing comes after FinishRun"
            if isinstance(command, StartItem):
                key = (command.task, command.visit, command.index, command.attempt)
                assert self.status != "cancelling"
                assert self.conductor.status != "paused"
                assert key not in self.starts
                self.starts.add(key)
                self.running[key[:3]] = command
            elif isinstance(command, WaitUntil):
                self.timers.append(command.then)
            elif isinstance(command, FinishRun):
                self.finish = command


@given(text=definitions(), random=st.randoms(use_true_random=False), meddling=st.integers(0, 3))
@settings(deadline=None, max_examples=examples(250))
def test_random_workflows_end_and_replay_to_the_same(text: str, random: Random, meddling: int) -> None:
    """Whatever its shape, a run ends exactly once; its recorded events give the same commands again."""
    workflow = read_workflow(text, "test.yaml")
    executor = RandomExecutor(workflow, random, meddling)
    executor.run()
    replayed = Conductor(read_workflow(text, "test.yaml"), "run", bind(workflow, {}), 0.0)
    turns = [[as_data(each) for each in replayed.begin()]]
    for event in executor.events:
        turns.append([as_data(each) for each in replayed.on(event)])  # noqa: PERF401 - each on its own turn
    assert turns == executor.turns
    assert replayed.status == executor.conductor.status
    assert replayed.tasks() == executor.conductor.tasks()


@given(text=definitions(), random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=examples(60))
def test_snapshots_of_a_run_never_change(text: str, random: Random) -> None:
    """Each item's scope shows at the run's end what it showed when the item started."""
    workflow = read_workflow(text, "test.yaml")
    executor = RandomExecutor(workflow, random, 0)
    kept: list[tuple[StartItem, Any]] = []
    take = executor.take

    def watched(commands: list[Command]) -> None:
        kept.extend((each, as_data(each)) for each in commands if isinstance(each, StartItem))
        take(commands)

    executor.take = watched  # type: ignore[method-assign]
    executor.run()
    assert all(as_data(start) == before for start, before in kept)
