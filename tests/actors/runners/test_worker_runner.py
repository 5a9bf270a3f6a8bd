"""The worker runner: isolated functions run in kept processes, and harm their own items only."""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from stretto.actors.actions import Action, ActionRegistry
from stretto.actors.runners import Call, Finished
from stretto.actors.runners.worker_runner import WorkerRunner
from stretto.actors.workers import WorkerLife
from stretto.definitions.data.frozen import FrozenDict, freeze
from stretto.metrics.logging import CallIds
from tests.support import isolated_actions
from tests.support.harness import fifo
from tests.support.waiting import PATIENCE

IDS = CallIds("run", "ops.flow", "task", None)


def processes() -> set[str]:
    """Return the ids of this process's children."""
    return {child for task in Path("/proc/self/task").glob("*/children") for child in task.read_text().split()}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before, others = set(threading.enumerate()), processes()
    yield
    assert set(threading.enumerate()) <= before
    assert processes() <= others


@pytest.fixture
def runner() -> Iterator[WorkerRunner]:
    made = WorkerRunner(2, capture_output=True)
    yield made
    made.stop()


@pytest.fixture
def ends() -> "SimpleQueue[Finished]":
    return SimpleQueue()


def call(name: str, **values: Any) -> tuple[Action, Call]:
    action = ActionRegistry.registered().find(f"isolated.{name}")
    frozen = freeze(values)
    assert action is not None
    assert isinstance(frozen, FrozenDict)
    return action, Call(action.ref, frozen, IDS)


def test_results_come_back_as_frozen_data(runner: WorkerRunner, ends: "SimpleQueue[Finished]") -> None:
    """Whatever JSON can say."""
    value: dict[str, Any] = {"text": "é😀", "numbers": [1, -1.5, 2**63], "none": None, "deep": [[{"a": []}]]}
    runner.start(*call("echo", value=value), ends.put)
    ended = ends.get(timeout=PATIENCE)
    assert (ended.status, ended.result, ended.error) == ("succeeded", value, None)
    assert isinstance(ended.result, FrozenDict)


def test_calls_share_the_kept_processes_but_fresh_ones_do_not(
    runner: WorkerRunner, ends: "SimpleQueue[Finished]"
) -> None:
    """Globals persist in a kept process. A fresh one begins anew."""
    seen: dict[int, int] = {}
    for _ in range(6):
        runner.start(*call("count"), ends.put)
    for _ in range(6):
        ended = ends.get(timeout=PATIENCE).result
        seen[ended["pid"]] = max(seen.get(ended["pid"], 0), ended["calls"])
    assert 1 <= len(seen) <= 2
    assert sum(seen.values()) == 6
    assert os.getpid() not in seen
    for _ in range(2):
        runner.start(*call("alone"), ends.put)
        ended = ends.get(timeout=PATIENCE).result
        assert ended["calls"] == 1
        assert ended["pid"] not in seen
    assert isolated_actions.calls == 0


def test_a_process_is_replaced_after_many_calls(ends: "SimpleQueue[Finished]") -> None:
    """So that what functions leave behind does not grow for ever."""
    runner = WorkerRunner(1, life=WorkerLife(calls=2))
    pids = []
    for _ in range(5):
        runner.start(*call("count"), ends.put)
        pids.append(ends.get(timeout=PATIENCE).result["pid"])
    runner.stop()
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]


def test_an_idle_process_is_ended(ends: "SimpleQueue[Finished]") -> None:
    """The next call gets a new one."""
    runner = WorkerRunner(1, life=WorkerLife(idle_seconds=0.0))
    runner.start(*call("count"), ends.put)
    with suppress(ProcessLookupError):  # it has ended already
        ended = os.pidfd_open(ends.get(timeout=PATIENCE).result["pid"])
        assert select.select([ended], [], [], PATIENCE)[0]
        os.close(ended)
    runner.start(*call("count"), ends.put)
    assert ends.get(timeout=PATIENCE).result["calls"] == 1
    runner.stop()


def test_prints_and_log_lines_belong_to_their_call(runner: WorkerRunner, ends: "SimpleQueue[Finished]") -> None:
    """As those of functions on threads do."""
    started = [runner.start(*call("talk", text=f"call {number}"), ends.put) for number in range(4)]
    for _ in started:
        assert ends.get(timeout=PATIENCE).status == "succeeded"
    for number, running in enumerate(started):
        (text,) = running.printed
        assert sorted(text.newest()[0].splitlines()) == sorted(
            [f"call {number}", f"WARNING own: call {number}, logged"]
        )


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("fail", "failed", "it is Sunday"),
        ("raise", "exception", "ValueError: a value is odd"),
        ("odd", "not_data", "the action's result is a set, which is not JSON-like data"),
        ("exit", "exception", "WorkerEnded: the worker process ended with exit code 7"),
        ("crash", "exception", "WorkerEnded: the worker process was ended by signal 11 (SIGSEGV)"),
    ],
)
def test_a_failure_has_its_kind_and_harms_no_other_call(
    runner: WorkerRunner, ends: "SimpleQueue[Finished]", name: str, kind: str, error: str
) -> None:
    """Also one that ends the process."""
    runner.start(*call(name), ends.put)
    ended = ends.get(timeout=PATIENCE)
    assert (ended.status, ended.kind) == ("failed", kind)
    assert ended.error is not None
    assert ended.error.startswith(error)
    if name == "fail":
        assert (ended.result, ended.retry_after) == ({"day": 7}, 3)
    if name == "raise":
        assert [frame.function for frame in ended.traceback] == ["raise_"]
    runner.start(*call("echo", value=1), ends.put)
    assert ends.get(timeout=PATIENCE).result == 1


def test_a_cancel_ends_an_endless_function(runner: WorkerRunner, ends: "SimpleQueue[Finished]", tmp_path: Path) -> None:
    """Its process is killed, whatever it does."""
    with fifo(tmp_path / "told") as told:
        running = runner.start(*call("hang", told=str(told.path)), ends.put)
        told.lines(1)
        while running.began is None:  # the function may say so first
            pass
        assert running.cancel()
        ended = ends.get(timeout=PATIENCE)
    assert (ended.status, ended.kind) == ("cancelled", "cancelled")
    assert not running.cancel()


def test_a_waiting_call_can_be_cancelled(ends: "SimpleQueue[Finished]", tmp_path: Path) -> None:
    """Stopping the runner cancels the waiting ones, and ends what runs."""
    runner = WorkerRunner(1, stop_seconds=0)
    with fifo(tmp_path / "told") as told:
        runner.start(*call("hang", told=str(told.path)), ends.put)
        told.lines(1)
        waiting = runner.start(*call("echo", value=1), ends.put)
        assert len(runner.waiting) == 1
        assert waiting.cancel()
        assert ends.get(timeout=PATIENCE).status == "cancelled"
        runner.start(*call("echo", value=1), ends.put)
        runner.stop()
    assert [ends.get(timeout=PATIENCE).status for _ in range(2)] == ["cancelled", "cancelled"]
    with pytest.raises(RuntimeError, match="stopped"):
        runner.start(*call("echo", value=1), ends.put)
    runner.stop()
