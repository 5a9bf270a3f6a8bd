"""The window of a fan-out that reads a file, or writes one: as exact as any other's, however the file is read."""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from stretto.definitions import Workflow, freeze, read_workflow, thaw
from stretto.definitions.conductor import (
    CloseResults,
    Command,
    Conductor,
    Event,
    ItemsRead,
    OpenResults,
    ReadItems,
    ResultsClosed,
    ResultsOpened,
    SkipRequested,
    WriteResult,
)
from stretto.definitions.conductor.streamed import StreamedVisit
from stretto.definitions.data.frozen import FrozenList
from stretto.definitions.model.parameters import bind
from tests.definitions.conductor.test_properties import WindowMachine
from tests.support.examples import examples


def workflow_of(concurrency: int, retries: int, max_failures: int | None, policy: str, *, filed: bool) -> Workflow:
    """Return a workflow of one fan-out over the lines of a file."""
    task: dict[str, Any] = {
        "name": "fan",
        "action": "core.noop",
        "with_items": {"lines": "items"},
        "concurrency": concurrency,
        "retry": {"count": retries, "delay": 2, "backoff": "linear"},
        "max_failures": max_failures,
        **({"results": {"jsonl": "results"}} if filed else {}),
    }
    output = {"results": "{{ task.fan.result }}", "errors": "{{ task.fan.errors }}"}
    document = {"version": "1", "tasks": [task], "output_map": output, "cancellation_policy": policy}
    return read_workflow(json.dumps(document), "test.yaml")


class LazyWindowMachine(WindowMachine):
    """The same model, over a file that is read in pieces of any size as soon as that is asked for."""

    @initialize(
        concurrency=st.integers(1, 4),
        beyond=st.sampled_from([None, -1, 0, 1, 5, 30]),
        retries=st.integers(0, 2),
        max_failures=st.none() | st.integers(0, 3),
        policy=st.sampled_from(["allow_finish", "cancel_running"]),
        sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
        filed=st.booleans(),
    )
    def begin(self, *, sizes: list[int], filed: bool, **given: Any) -> None:
        """Start two runs of the same definition; the number of items is 0, or lies about the concurrency."""
        self.sizes, self.filed = sizes, filed
        self.known = 0
        self.lines: list[WriteResult] = []
        self.pieces = 0
        self.prepare(**given)
        workflow = workflow_of(**{name: value for name, value in given.items() if name != "beyond"}, filed=filed)
        self.conductors = [Conductor(workflow, "run", bind(workflow, {}), 0.0) for _ in range(2)]
        self.answer(self.take([conductor.begin() for conductor in self.conductors]))

    def feed(self, event: Event) -> list[Command]:
        """Give both conductors an event, and at once what they ask for of files."""
        commands = super().feed(event)
        return [*commands, *self.answer(commands)]

    def answer(self, commands: list[Command]) -> list[Command]:
        """Carry out what is commanded of files, and return what follows from that."""
        more: list[Command] = []
        for command in commands:
            if isinstance(command, WriteResult):
                self.lines.append(command)
            elif isinstance(command, ReadItems | OpenResults | CloseResults):
                event = self.answer_to(command)
                self.spent.append(event)
                more += self.feed(event)
        return more

    def answer_to(self, command: ReadItems | OpenResults | CloseResults) -> Event:
        """Return what comes of it."""
        if isinstance(command, OpenResults):
            return ResultsOpened("fan", 1, self.clock)
        if isinstance(command, CloseResults):
            return ResultsClosed("fan", 1, self.clock)
        assert command.start == self.known, "nothing is read twice, and nothing left out"
        size = self.sizes[self.pieces % len(self.sizes)]
        self.pieces += 1
        self.known = min(command.start + size, self.total)
        items = freeze([f"item {index}" for index in range(command.start, self.known)])
        assert isinstance(items, FrozenList)
        return ItemsRead("fan", 1, items, command.start, self.known, self.known, self.known == self.total, self.clock)

    def may_start(self, index: int) -> bool:
        """Whether an item that has not started still may. Items that are not read are unknown."""
        return index < self.known and super().may_start(index)

    @precondition(lambda self: not self.finishes)
    @rule(beyond=st.integers(0, 3))
    def skip_what_was_not_read(self, beyond: int) -> None:
        """An item that has not been read cannot be skipped."""
        self.refused(SkipRequested("fan", self.known + beyond, self.clock))

    @invariant()
    def holds_only_what_it_needs(self) -> None:
        """Items in the window, those of two pieces ahead, and those that have failed."""
        if not hasattr(self, "outcomes"):
            return
        visit = self.conductors[0].last_visit("fan")
        assert isinstance(visit, StreamedVisit)
        assert visit.source is not None
        ahead = 2 * max(self.sizes)
        assert visit.source.held <= self.window + self.failures + len(self.again) + len(self.skipping) + ahead
        assert not (self.filed and visit.results), "results that are in a file are not held"

    def check_the_end(self) -> None:
        """The outcome says what the model has counted; a file has a line for each item."""
        (finish,), (ended,) = self.finishes, self.task_ends
        assert (ended.items, ended.failed) == (self.known, self.failures)
        output = thaw(finish.output)
        succeeded = [i for i, outcome in self.outcomes.items() if outcome == "succeeded"]
        skipped = [i for i, outcome in self.outcomes.items() if outcome == "skipped"]
        failed = sorted(i for i, outcome in self.outcomes.items() if outcome in {"failed", "cancelled"})
        assert [(entry["index"], entry["item"]) for entry in output["errors"]] == [(i, f"item {i}") for i in failed]
        if not self.filed:
            assert output["results"] == [f"result {i}" if i in succeeded else None for i in range(self.known)]
            return
        assert output["results"] == {
            "path": "results",
            "items": len(succeeded) + len(skipped) + len(failed),
            "succeeded": len(succeeded) + len(skipped),
            "failed": len(failed),
        }
        last = {line.index: line for line in self.lines}  # one that was tried again has an earlier line, too
        assert sorted(last) == sorted([*succeeded, *skipped, *failed])
        assert {i for i, line in last.items() if line.outcome == "succeeded"} == set(succeeded)
        assert {i for i, line in last.items() if line.outcome == "skipped"} == set(skipped)
        assert all(line.result == f"result {line.index}" for line in last.values() if line.outcome == "succeeded")
        assert all((line.failure is not None) == (i in failed) for i, line in last.items())


TestLazyWindow = LazyWindowMachine.TestCase
TestLazyWindow.settings = settings(deadline=None, max_examples=examples(150), stateful_step_count=40)
