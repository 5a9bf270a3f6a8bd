"""Requests to a run that goes on: its windows, single items, and what it waits for; without and with a store."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import ActionFailed, RunHandle, action
from stretto.definitions.errors import StrettoError
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

FAN = """
ref: test.fan
parameters: {values: {type: array}, concurrency: {default: 1}}
tasks:
  - name: fan
    action: control.gated
    with_items: "{{ parameters.values }}"
    concurrency: "{{ parameters.concurrency }}"
    input: {value: "{{ item }}"}
    retry: {count: 1, delay: 1000}
    next: [{do: [after]}]
  - {name: after, action: core.noop}
  - {name: other, action: core.noop, next: [{do: [both]}]}
  - {name: both, join: all, action: core.noop}
output_map: {all: "{{ task.fan.result }}"}
"""
JOINED = FAN.replace("next: [{do: [after]}]", "next: [{do: [after, both]}]")


class Gates:
    """The actions that have begun, and the gate that lets them end."""

    def __init__(self) -> None:
        self.begun: dict[Any, threading.Semaphore] = {}
        self.open: dict[Any, threading.Semaphore] = {}
        self.count: dict[Any, int] = {}

    def of(self, value: Any) -> tuple[threading.Semaphore, threading.Semaphore]:
        begun = self.begun.setdefault(value, threading.Semaphore(0))
        return begun, self.open.setdefault(value, threading.Semaphore(0))

    def wait_for(self, value: Any) -> None:
        assert self.of(value)[0].acquire(timeout=PATIENCE), f"{value} has not begun"

    def let(self, *values: Any) -> None:
        for value in values:
            self.of(value)[1].release()


GATES = Gates()


@action("control.gated")
def gated(value: Any) -> Any:
    """Wait to be let through; what begins with "bad" fails the first time."""
    begun, gate = GATES.of(value)
    GATES.count[value] = GATES.count.get(value, 0) + 1
    begun.release()
    assert gate.acquire(timeout=PATIENCE)
    if str(value).startswith("bad") and GATES.count[value] == 1:
        raise ActionFailed(f"{value} is bad")
    return value


@pytest.fixture(autouse=True)
def gates() -> Iterator[Gates]:
    GATES.__init__()  # type: ignore[misc]  # the action keeps its reference
    yield GATES
    for gate in GATES.open.values():
        gate.release(100)


@pytest.fixture(params=["in memory", "in a store"])
def bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """Every test passes with and without a store."""
    return start_bench(store=None if request.param == "in memory" else f"sqlite:///{tmp_path}/runs.db")


def submitted(bench: Bench, values: list[Any], text: str = FAN, **more: Any) -> RunHandle:
    return bench.submit(text, {"values": values, **more})


def items_of(bench: Bench, run: RunHandle, task: str = "fan") -> dict[str, int]:
    items: dict[str, int] = bench.proxy.status(run.id).get(timeout=PATIENCE)["tasks"][task]["items"]
    return items


def test_a_window_is_widened_while_it_moves(bench: Bench) -> None:
    """The further items begin in the same turn."""
    run = submitted(bench, [1, 2, 3, 4])
    GATES.wait_for(1)
    bench.proxy.set_concurrency(run.id, "fan", 3).get(timeout=PATIENCE)
    GATES.wait_for(2)
    GATES.wait_for(3)
    assert items_of(bench, run)["running"] == 3
    GATES.let(1, 2, 3, 4)
    assert outcome_of(run).output == {"all": [1, 2, 3, 4]}


def test_a_window_is_narrowed_as_items_end(bench: Bench) -> None:
    """Running items are left alone."""
    run = submitted(bench, [1, 2, 3], concurrency=2)
    GATES.wait_for(1)
    GATES.wait_for(2)
    bench.proxy.set_concurrency(run.id, "fan", 1).get(timeout=PATIENCE)
    GATES.let(1)
    GATES.let(2)
    GATES.wait_for(3)
    assert items_of(bench, run)["running"] == 1
    GATES.let(3)
    assert outcome_of(run).output == {"all": [1, 2, 3]}


def test_items_are_skipped_whether_they_have_begun_or_not(bench: Bench) -> None:
    """They end with null, and the task succeeds."""
    run = submitted(bench, [1, "slow", 3], concurrency=2)
    GATES.wait_for(1)
    GATES.wait_for("slow")
    bench.proxy.skip_item(run.id, "fan", 2).get(timeout=PATIENCE)
    bench.proxy.skip_item(run.id, "fan", 1).get(timeout=PATIENCE)
    GATES.let(1, "slow")
    outcome = outcome_of(run)
    assert (outcome.status, outcome.output) == ("succeeded", {"all": [1, None, None]})
    assert 3 not in GATES.count


def test_an_item_that_waits_for_its_retry_is_tried_now(bench: Bench) -> None:
    """The test does not wait a thousand seconds."""
    run = submitted(bench, ["bad"])
    GATES.wait_for("bad")
    GATES.let("bad")
    waits = [each["kind"] for each in why(bench, run, until="retry_wait")]
    assert "retry_wait" in waits
    bench.proxy.retry_item(run.id, "fan", 0).get(timeout=PATIENCE)
    GATES.wait_for("bad")
    GATES.let("bad")
    assert outcome_of(run).output == {"all": ["bad"]}


def why(bench: Bench, run: RunHandle, task: str | None = None, until: str | None = None) -> list[dict[str, Any]]:
    """Ask what a run waits for, until it is what comes by itself in a moment."""
    while True:
        found: list[dict[str, Any]] = bench.proxy.why(run.id, task).get(timeout=PATIENCE)
        if until is None or until in {each["kind"] for each in found}:
            return found


def test_why_tells_what_is_in_flight_what_waits_and_which_join(bench: Bench) -> None:
    """For people, with what a program needs beside it."""
    run = submitted(bench, [1, 2, 3], JOINED)
    GATES.wait_for(1)
    found = {each["kind"]: each for each in (*why(bench, run, "fan"), *why(bench, run, "both"))}
    assert found["item_in_flight"]["text"].startswith("item 0 of 'fan' is in flight since 20")
    assert (found["item_in_flight"]["index"], found["item_in_flight"]["task"]) == (0, "fan")
    assert found["concurrency"]["text"] == "2 items wait for a place in the window of the task 'fan' (concurrency)"
    assert found["join"]["text"] == "the task 'both' waits for fan"
    assert [each["kind"] for each in why(bench, run, "both")] == ["join"]
    bench.proxy.pause(run.id).get(timeout=PATIENCE)
    assert why(bench, run)[0]["text"].startswith("the run is paused since 20")
    bench.proxy.resume(run.id).get(timeout=PATIENCE)
    GATES.let(1, 2, 3)
    outcome_of(run)
    end = bench.proxy.why(run.id).get(timeout=PATIENCE)
    assert [(each["kind"], each["status"]) for each in end] == [("ended", "succeeded")]


def test_why_tells_of_the_bound_on_items_in_flight(start_bench: Callable[..., Bench]) -> None:
    """The conductor does not know of permits."""
    bench = start_bench(max_items_in_flight=1)
    run = submitted(bench, [1, 2], concurrency=2)
    GATES.wait_for(1)
    found = {each["kind"]: each for each in why(bench, run, "fan")}
    assert found["permits"]["text"].startswith("the engine's max_items_in_flight is reached: ")
    assert found["item_to_start"]["index"] == 1
    bench.proxy.skip_item(run.id, "fan", 1).get(timeout=PATIENCE)
    GATES.let(1)
    assert outcome_of(run).output == {"all": [1, None]}


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (lambda engine, run: engine.set_concurrency(run, "fan", 0), "concurrency must be at least 1, got 0"),
        (lambda engine, run: engine.set_concurrency(run, "fun", 2), "did you mean 'fan'"),
        (lambda engine, run: engine.skip_item(run, "fan", 7), "no such item; its items are numbered 0 to 0"),
        (lambda engine, run: engine.retry_item(run, "fan", 0), "it is running"),
        (lambda engine, run: engine.why(run, "fun"), "did you mean 'fan'"),
    ],
)
def test_what_cannot_be_says_why_and_changes_nothing(bench: Bench, ask: Callable[[Any, str], Any], found: str) -> None:
    """The run goes on as it was."""
    run = submitted(bench, [1])
    GATES.wait_for(1)
    with pytest.raises(StrettoError, match=found):
        ask(bench.proxy, run.id).get(timeout=PATIENCE)
    GATES.let(1)
    assert outcome_of(run).output == {"all": [1]}


def test_requests_are_part_of_what_is_rebuilt(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """A skipped item stays skipped, and the window as wide."""
    url = f"sqlite:///{tmp_path}/runs.db"
    first = start_bench(store=url)
    run = submitted(first, [1, 2, 3, 4])
    GATES.wait_for(1)
    first.proxy.skip_item(run.id, "fan", 1).get(timeout=PATIENCE)
    first.proxy.set_concurrency(run.id, "fan", 2).get(timeout=PATIENCE)
    GATES.wait_for(3)
    stop = first.proxy.stop(grace=0)
    with pytest.raises(StrettoError):
        outcome_of(run)
    GATES.let(1, 3)
    stop.get(timeout=PATIENCE)
    second = start_bench(store=url)
    again = second.proxy.handle(run.id).get(timeout=PATIENCE)
    for value in (1, 3):
        GATES.wait_for(value)
    assert 4 not in GATES.count
    GATES.let(1, 3, 4)
    assert outcome_of(again).output == {"all": [1, None, 3, 4]}
    assert 2 not in GATES.count


def task_status(bench: Bench, run: RunHandle, task: str = "fan") -> str:
    status: str = bench.proxy.status(run.id).get(timeout=PATIENCE)["tasks"][task]["status"]
    return status


def test_a_task_is_paused_and_resumed_alone(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """An item that waits for a permit does not start either."""
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db", max_items_in_flight=1)
    run = submitted(bench, [1, 2, 3], concurrency=2)
    GATES.wait_for(1)
    bench.proxy.pause_task(run.id, "fan").get(timeout=PATIENCE)
    assert task_status(bench, run) == "pausing"
    assert items_of(bench, run)["running"] == 1
    GATES.let(1)
    why(bench, run, until="task_paused")
    while task_status(bench, run) != "paused":
        pass
    assert 2 not in GATES.count
    bench.proxy.resume_task(run.id, "fan").get(timeout=PATIENCE)
    GATES.let(2, 3)
    assert outcome_of(run).output == {"all": [1, 2, 3]}


def test_a_task_is_cancelled_alone(bench: Bench) -> None:
    """Its item's thread runs on, and its result does not count."""
    run = submitted(bench, [1, 2])
    GATES.wait_for(1)
    bench.proxy.cancel_task(run.id, "fan").get(timeout=PATIENCE)
    GATES.let(1)
    outcome = outcome_of(run)
    assert task_status(bench, run) == "cancelled"
    assert 2 not in GATES.count
    assert outcome.status == "succeeded", "its transition has no condition"


def test_a_paused_task_stays_paused_in_the_next_engine(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Nor do its items start there before the resume."""
    url = f"sqlite:///{tmp_path}/runs.db"
    first = start_bench(store=url)
    run = submitted(first, [1, 2])
    GATES.wait_for(1)
    first.proxy.pause_task(run.id, "fan").get(timeout=PATIENCE)
    GATES.let(1)
    first.proxy.stop().get(timeout=PATIENCE)
    second = start_bench(store=url)
    second.proxy.host.recovered().get(timeout=PATIENCE)
    assert task_status(second, run) == "paused"
    second.proxy.resume_task(run.id, "fan").get(timeout=PATIENCE)
    GATES.let(2)
    assert outcome_of(second.proxy.handle(run.id).get(timeout=PATIENCE)).output == {"all": [1, 2]}
