"""What an item costs, counted: calls of Python functions, messages, actors, and memory that stays.

A change that has every item do more fails here, without a clock. Each count is a difference between fan-outs of 1,000
and of 2,000 items in the same engine, so that what a run costs once, whatever its items, is in none of them.
"""

import gc
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import pytest

from stretto.actors.dispatch import Dispatcher, LightActor, Mailbox
from stretto.actors.runs import RunSupervisor
from stretto.definitions.data import COMPILED
from tests.support.harness import PATIENCE, Bed, running_engine, write_workflow

ITEMS = 1_000
MOST_CALLS = 40 if COMPILED else 45
"""Of functions of the engine and of Pykka, for an item of core.echo with one rendered input."""
MOST_CALLS_WITH_A_STORE = MOST_CALLS + 6
"""The disk decides how many commits there are, and with it some tenths of a call."""

IN_NO_POOL = pytest.mark.own_process(
    "it counts what an engine without a default pool does; one has four calls more an item"
)

WORKFLOW = """
parameters: {items: {type: array, required: true}}
tasks:
  - name: fan
    action: core.echo
    with_items: "{{ parameters.items }}"
    concurrency: 256
    input: {message: "hello {{ item }}"}
output_map: {count: "{{ task.fan.result | length }}"}
"""


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    return write_workflow(tmp_path, "counted", WORKFLOW)


@contextmanager
def profiled(calls: Counter[str]) -> Iterator[None]:
    """Count the calls of the engine's functions, on all threads that start in the `with` block."""

    def count(frame: FrameType, event: str, _argument: object) -> None:
        # What is compiled from a definition has no module's name.
        module = frame.f_globals.get("__name__", "stretto.")
        if event == "call" and module.startswith(("stretto.", "pykka.")):
            calls[frame.f_code.co_qualname] += 1

    threading.setprofile(count)
    try:
        yield
    finally:
        threading.setprofile(None)


def fan_out(bed: Bed, workflow: Path, items: int) -> None:
    outcome = bed.run(workflow, {"items": list(range(items))})
    assert outcome.output == {"count": items}


def of_an_item(bed: Bed, workflow: Path, read: Callable[[], int]) -> float:
    """Return what `read` counts for an item."""
    marks = [read()]
    for items in (ITEMS, 2 * ITEMS):
        fan_out(bed, workflow, items)
        marks.append(read())
    once, twice = marks[1] - marks[0], marks[2] - marks[1]
    return (twice - once) / ITEMS


@IN_NO_POOL
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions of Python call for other things")
@pytest.mark.parametrize(("stored", "most"), [(False, MOST_CALLS), (True, MOST_CALLS_WITH_A_STORE)])
def test_calls(workflow: Path, tmp_path: Path, stored: bool, most: int) -> None:
    """As many as were needed when this was written, and no more."""
    calls: Counter[str] = Counter()
    store = f"sqlite:///{tmp_path / 'counted.db'}" if stored else None
    with profiled(calls), running_engine(store=store) as bed:
        fan_out(bed, workflow, 10)
        needed = of_an_item(bed, workflow, lambda: sum(calls.values()))
    assert needed < most + 0.05, calls.most_common(120)  # a stray call among 1,000 items is of none of them


MOST_CALLS_OF_A_RUN = 241
"""Of functions of the engine and of Pykka, for a run of one task without a store."""


@IN_NO_POOL
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions of Python call for other things")
def test_calls_of_a_run(tmp_path: Path) -> None:
    """What follows from the definition alone is computed once a workflow, not once a run."""
    write_workflow(tmp_path, "small", f"ref: counted.small\n{ONE_TASK}")
    calls: Counter[str] = Counter()
    with profiled(calls), running_engine(definitions=str(tmp_path)) as bed:
        bed.run("counted.small")
        before = sum(calls.values())
        for _ in range(SMALL_RUNS):
            bed.run("counted.small")
        needed = (sum(calls.values()) - before) / SMALL_RUNS
    assert needed <= MOST_CALLS_OF_A_RUN, calls.most_common(120)


ONE_TASK = "tasks: [{name: only, action: core.noop}]\n"
WAITS = "tasks: [{name: wait, action: core.noop, delay: 1000}]\n"
SMALL_RUNS = 50


def test_messages_and_mailboxes_of_a_run(tmp_path: Path) -> None:
    """A supervisor finds its first message in its mailbox, and gets the item's end and its stop. The engine gets the
    run's end. The item that is alone has no mailbox."""
    small = write_workflow(tmp_path, "small", ONE_TASK)
    counts: Counter[str] = Counter()
    tell, init = Mailbox.tell, Mailbox.__init__

    def telling(mailbox: Mailbox[Any], message: object) -> None:
        counts[mailbox.kind] += 1
        tell(mailbox, message)

    def making(mailbox: Mailbox[Any]) -> None:
        counts["mailboxes"] += 1
        init(mailbox)

    with running_engine() as bed:
        bed.run(small)
        with mock.patch.object(Mailbox, "tell", telling), mock.patch.object(Mailbox, "__init__", making):
            for _ in range(SMALL_RUNS):
                bed.run(small)
    assert counts["mailboxes"] == SMALL_RUNS
    assert counts["RunSupervisor"] == 2 * SMALL_RUNS
    # A submission and an end for each run, and the stop of the engine.
    assert counts["Engine"] <= 2 * SMALL_RUNS + 2


def test_many_small_runs_at_once_end_in_two_turns_each(workflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has its turns takes all its items before the next one begins, and handles their ends together."""
    monkeypatch.setattr("stretto.actors.dispatch.dispatcher.LANE_SECONDS", PATIENCE)
    turns: Counter[str] = Counter()
    end_turn = RunSupervisor.on_turn_end

    def counting(supervisor: RunSupervisor) -> None:
        turns["all"] += 1
        end_turn(supervisor)

    monkeypatch.setattr(RunSupervisor, "on_turn_end", counting)
    with running_engine() as bed:
        given = {"items": list(range(10))}
        handles = [bed.engine.submit(workflow, given) for _ in range(SMALL_RUNS)]
        for handle in handles:
            assert handle.get(timeout=PATIENCE).outcome.get(timeout=PATIENCE).output == {"count": 10}
    assert turns["all"] <= 2.5 * SMALL_RUNS


def test_a_small_run_makes_the_same_calls_beside_waiting_runs(tmp_path: Path) -> None:
    """Nothing that a run does looks through the other ones."""
    small, waits = write_workflow(tmp_path, "small", ONE_TASK), write_workflow(tmp_path, "waits", WAITS)
    calls: Counter[str] = Counter()

    def of_small_runs() -> int:
        before = sum(calls.values())
        for _ in range(SMALL_RUNS):
            bed.engine.submit(small).get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)
        return sum(calls.values()) - before

    with profiled(calls), running_engine() as bed:
        of_small_runs()
        alone = of_small_runs()
        handles = [bed.engine.submit(waits).get(timeout=PATIENCE) for _ in range(300)]
        beside = of_small_runs()
        for handle in handles:
            bed.engine.cancel(handle.id).get(timeout=PATIENCE)
    # The last run may still be ending when it is counted.
    assert beside <= 1.05 * alone


def test_messages_and_actors(workflow: Path) -> None:
    """An item is an actor, which finds one message when it is born, and sends one before it ends."""
    told: Counter[str] = Counter()
    tell, start_lightly, admit = Mailbox.tell, LightActor.start_lightly.__func__, Dispatcher.admit  # type: ignore[attr-defined]

    def telling(mailbox: Mailbox[Any], message: object) -> None:
        told["messages"] += 1
        tell(mailbox, message)

    def performing(cls: type[LightActor], *given: Any, **chosen: Any) -> Any:
        told["messages"] += 1
        return start_lightly(cls, *given, **chosen)

    def admitting(dispatcher: Dispatcher, class_name: str) -> Callable[[], int]:
        told["actors"] += 1
        return admit(dispatcher, class_name)

    with (
        running_engine() as bed,
        mock.patch.object(Mailbox, "tell", telling),
        mock.patch.object(LightActor, "start_lightly", classmethod(performing)),
        mock.patch.object(Dispatcher, "admit", admitting),
    ):
        fan_out(bed, workflow, 10)
        assert of_an_item(bed, workflow, lambda: told["actors"]) == 1
        # Beyond these two, permits are asked for, granted and given back by the window.
        assert 2 <= of_an_item(bed, workflow, lambda: told["messages"]) <= 2.1


def test_memory_that_stays(workflow: Path) -> None:
    """Of an item stays its result, as long as the run does; nothing of it needs the garbage collector to go."""
    with running_engine() as bed:
        fan_out(bed, workflow, 10)
        gc.collect()
        gc.disable()
        try:
            kept = of_an_item(bed, workflow, sys.getallocatedblocks)
        finally:
            gc.enable()
    assert kept <= 1.1


MOST_OBJECTS_OF_A_RUN = 57
"""Objects of a run in progress that the garbage collector looks through in each of its passes."""
MOST_BLOCKS_OF_A_RUN = 82
"""Blocks of memory that are allocated for it."""
MOST_OBJECTS_OF_AN_ITEM = 34
MOST_BLOCKS_OF_AN_ITEM = 52
SLEEPS = """
parameters: {seconds: {type: array, required: true}}
tasks:
  - name: fan
    action: core.sleep
    with_items: "{{ parameters.seconds }}"
    concurrency: 2000
    input: {seconds: "{{ item }}"}
"""


def allocated() -> tuple[int, int]:
    """Return the objects that the collector tracks, and all blocks of memory."""
    gc.collect()
    return len(gc.get_objects()), sys.getallocatedblocks()


@IN_NO_POOL
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions of Python allocate otherwise")
def test_allocations_of_a_run(tmp_path: Path) -> None:
    """Of one that waits in a delay: what few runs use is made on demand."""
    write_workflow(tmp_path, "waits", f"ref: counted.waits\n{WAITS}")
    with running_engine(definitions=str(tmp_path)) as bed:

        def start() -> None:
            for handle in [bed.submit("counted.waits") for _ in range(200)]:
                # The request waits in the supervisor's mailbox behind the begin.
                status = bed.engine.status(handle.id).get(timeout=PATIENCE)
                assert status["tasks"]["wait"]["status"] == "delayed"

        start()
        marks = [allocated()]
        for _ in range(3):
            start()
            marks.append(allocated())
    objects, blocks = zip(
        *([now - before for before, now in zip(*pair, strict=True)] for pair in pairwise(marks)), strict=True
    )
    # The least: other threads make a few objects now and then, which are no run's.
    assert min(objects) / 200 <= MOST_OBJECTS_OF_A_RUN
    assert min(blocks) / 200 <= MOST_BLOCKS_OF_A_RUN


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions of Python allocate otherwise")
def test_allocations_of_an_item(tmp_path: Path) -> None:
    """Of one in flight, its call on the event loop included."""
    sleeps = write_workflow(tmp_path, "sleeps", SLEEPS)
    with running_engine() as bed:

        def start(items: int) -> None:
            handle = bed.submit(sleeps, {"seconds": [3600] * items})
            for _ in range(2):  # the second request comes behind the items' first turns
                status = bed.engine.status(handle.id).get(timeout=PATIENCE)
            assert status["tasks"]["fan"]["items"]["running"] == items
            # The event loop takes calls in their order.
            assert bed.submit(sleeps, {"seconds": [0]}).outcome.get(timeout=PATIENCE).status == "succeeded"

        start(10)
        before = allocated()
        start(500)
        objects, blocks = ((after - earlier) / 500 for after, earlier in zip(allocated(), before, strict=True))
    assert objects <= MOST_OBJECTS_OF_AN_ITEM
    assert blocks <= MOST_BLOCKS_OF_AN_ITEM
