import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any

import pytest
from msgspec.structs import astuple, replace
from structlog.testing import capture_logs

from stretto.actors.actions import Action
from stretto.actors.runners import Call, Finished, threads
from stretto.actors.runners.threads import ThreadRunner
from stretto.definitions.data.frozen import FrozenDict, freeze
from stretto.metrics.logging import CallIds, call_ids
from tests.support.waiting import PATIENCE


def _ids() -> tuple[Any, ...]:
    """Return the call ids that an action sees."""
    ids = call_ids.get()
    assert ids is not None
    return astuple(ids)


IDS = CallIds("run", "ops.flow", "task", None)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def runner() -> Iterator[ThreadRunner]:
    runner = ThreadRunner(2)
    yield runner
    runner.stop()


@pytest.fixture
def ends() -> "SimpleQueue[Finished]":
    return SimpleQueue()


def call(function: Any, ids: CallIds = IDS, **values: Any) -> tuple[Action, Call]:
    frozen = freeze(values)
    assert isinstance(frozen, FrozenDict)
    return Action("test.thread", function, "thread"), Call("test.thread", frozen, ids)


class Gate:
    """An action that reports its begin and waits for the test."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self) -> str:
        self.begun.release()
        assert self.open.wait(PATIENCE)
        return "through"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def test_a_call_runs_on_a_thread_of_the_pool(runner: ThreadRunner, ends: "SimpleQueue[Finished]") -> None:
    """The function runs on another thread, and done receives its result."""
    runner.start(*call(lambda x: (x, threading.current_thread().name), x=1), ends.put)
    end = ends.get(timeout=PATIENCE)
    assert (end.status, end.error, end.kind) == ("succeeded", None, None)
    assert end.result[0] == 1
    assert end.result[1].startswith("stretto-action")


def test_every_call_ends_exactly_once(runner: ThreadRunner) -> None:
    """A thousand calls on two threads report a thousand ends."""
    reported: list[list[Finished]] = [[] for _ in range(1000)]
    for number, ends in enumerate(reported):
        runner.start(*call(lambda number: number, number=number), ends.append)
    runner.stop()  # cancels from the front, while a thread may take a call further on
    assert [len(ends) for ends in reported] == [1] * 1000
    assert all(end.result == number for number, (end,) in enumerate(reported) if end.status == "succeeded")


def test_no_more_calls_run_than_there_are_threads(
    runner: ThreadRunner, ends: "SimpleQueue[Finished]", gate: Gate
) -> None:
    """Two threads run two calls. The third call waits for one of them."""
    for _ in range(3):
        runner.start(*call(gate), ends.put)
    assert gate.begun.acquire(timeout=PATIENCE)
    assert gate.begun.acquire(timeout=PATIENCE)
    assert not gate.begun.acquire(blocking=False)
    gate.open.set()
    assert [ends.get(timeout=PATIENCE).result for _ in range(3)] == ["through"] * 3


def test_a_queued_call_can_be_cancelled(runner: ThreadRunner, ends: "SimpleQueue[Finished]", gate: Gate) -> None:
    """Cancelling a queued call ends it as cancelled at once, and only once. A running call continues."""
    begun = [runner.start(*call(gate), ends.put) for _ in range(2)]
    queued = runner.start(*call(gate), ends.put)
    gate.begun.acquire(timeout=PATIENCE)
    gate.begun.acquire(timeout=PATIENCE)
    assert all(running.began is not None for running in begun)
    assert queued.cancel() is True
    assert queued.began is None, "the wait for a thread is no begin"
    assert ends.get(timeout=PATIENCE).status == "cancelled"
    assert queued.cancel() is False
    assert begun[0].cancel() is False
    gate.open.set()
    assert [ends.get(timeout=PATIENCE).status for _ in range(2)] == ["succeeded"] * 2
    assert begun[0].cancel() is False
    runner.stop()
    assert ends.empty()


def test_ids_and_contexts_do_not_outlive_a_call(ends: "SimpleQueue[Finished]") -> None:
    """Each call sees its own ids, and no variable of another call on the same thread."""
    leaking: ContextVar[str] = ContextVar("leaking", default="clean")

    def look() -> tuple[Any, str]:
        seen = leaking.get()
        leaking.set("dirty")
        return _ids(), seen

    runner = ThreadRunner(1)
    for index in range(2):
        runner.start(*call(look, replace(IDS, item_index=index)), ends.put)
        assert ends.get(timeout=PATIENCE).result == [list(astuple(replace(IDS, item_index=index))), "clean"]
    runner.stop()


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), ValueError("no")])
def test_an_exception_ends_its_call_and_no_thread(error: BaseException, ends: "SimpleQueue[Finished]") -> None:
    """After any exception, also SystemExit, the same thread takes the next call."""

    def explode() -> None:
        raise error

    runner = ThreadRunner(1)
    runner.start(*call(threading.get_ident), ends.put)
    thread = ends.get(timeout=PATIENCE).result
    runner.start(*call(explode), ends.put)
    assert ends.get(timeout=PATIENCE).kind == "exception"
    runner.start(*call(threading.get_ident), ends.put)
    assert ends.get(timeout=PATIENCE).result == thread
    runner.stop()


def test_a_done_that_raises_is_logged_and_affects_nothing(runner: ThreadRunner, ends: "SimpleQueue[Finished]") -> None:
    """An exception in done is logged, and the pool continues."""

    def refuse(end: Finished) -> None:
        raise RuntimeError("mailbox is gone")

    with capture_logs() as lines:
        runner.start(*call(lambda: 1), refuse)
        runner.start(*call(lambda: 2), ends.put)
        assert ends.get(timeout=PATIENCE).result == 2
        runner.stop()
    assert [line["event"] for line in lines] == ["action_end_not_taken"]


def test_stop_cancels_the_queue_and_waits_for_running_calls(ends: "SimpleQueue[Finished]", gate: Gate) -> None:
    """Queued calls end as cancelled, running calls with their results, and then all threads have ended."""
    runner = ThreadRunner(1)
    runner.start(*call(gate), ends.put)
    gate.begun.acquire(timeout=PATIENCE)
    runner.start(*call(gate), ends.put)

    def let_go(end: Finished) -> None:
        ends.put(end)
        gate.open.set()

    runner.start(*call(gate), let_go)
    runner.stop()
    assert [ends.get(timeout=PATIENCE).status for _ in range(3)] == ["cancelled", "cancelled", "succeeded"]
    assert ends.empty()
    runner.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        runner.start(*call(gate), ends.put)


def test_a_function_that_does_not_end_is_left_behind_and_logged(ends: "SimpleQueue[Finished]", gate: Gate) -> None:
    """stop waits for a bounded time. The function's end is still reported, once, when it comes."""
    runner = ThreadRunner(1, stop_seconds=0)
    runner.start(*call(gate), ends.put)
    gate.begun.acquire(timeout=PATIENCE)
    with capture_logs() as lines:
        runner.stop()
    assert [(line["event"], line["action"], line["run_id"]) for line in lines] == [
        ("action_left_behind", "test.thread", "run")
    ]
    gate.open.set()
    assert ends.get(timeout=PATIENCE).status == "succeeded"
    for thread in threading.enumerate():
        if thread.name.startswith("stretto-action"):
            thread.join(PATIENCE)
    assert ends.empty()


def test_a_pool_needs_a_thread() -> None:
    """Zero threads are refused, and the error has the number."""
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        ThreadRunner(0)


UNSTOPPED = """
import sys
import threading
from stretto.actors.actions import Action
from stretto.actors.runners import Call
from stretto.actors.runners.threads import ThreadRunner
from stretto.definitions.data import EMPTY_OBJECT
from stretto.metrics.logging import CallIds

begun = threading.Event()

def read():
    begun.set()
    print("read", sys.stdin.readline().strip(), flush=True)

call = Call("test.read", EMPTY_OBJECT, CallIds("run", "ops.flow", "task", None))
ThreadRunner(2).start(Action("test.read", read, "thread"), call, lambda finished: None)
begun.wait()
print("main ends", flush=True)
"""


def test_a_process_that_ends_without_a_stop_waits_for_running_calls() -> None:
    """Idle threads do not keep the process."""
    with subprocess.Popen(
        [sys.executable, "-c", UNSTOPPED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "main ends\n"
        output, _ = process.communicate("a line\n", timeout=PATIENCE)
    assert (process.returncode, output) == (0, "read a line\n")


def test_threads_start_when_they_are_needed(ends: "SimpleQueue[Finished]", gate: Gate) -> None:
    """Calls one after another need one thread."""
    runner = ThreadRunner(4)
    for _ in range(10):
        runner.start(*call(lambda: None), ends.put)
        ends.get(timeout=PATIENCE)
    assert workers() == 1
    runner.start(*call(gate), ends.put)
    runner.start(*call(lambda: None), ends.put)
    assert gate.begun.acquire(timeout=PATIENCE)
    ends.get(timeout=PATIENCE)
    assert workers() == 2
    gate.open.set()
    runner.stop()


def workers() -> int:
    """Return the number of runners' threads."""
    return sum(thread.name.startswith("stretto-action") for thread in threading.enumerate())


def test_a_call_that_has_just_been_taken_counts_as_running(
    ends: "SimpleQueue[Finished]", gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that starts in that very moment gets its own thread and does not wait."""
    runner = ThreadRunner(2)
    take = threads._ThreadCall.take

    def taking(queued: Any) -> bool:
        taken = take(queued)
        if queued.action.function is gate:
            runner.start(*call(lambda: "other"), ends.put)
        return taken

    monkeypatch.setattr(threads._ThreadCall, "take", taking)
    runner.start(*call(gate), ends.put)
    assert ends.get(timeout=PATIENCE).result == "other", "the gate is closed still"
    gate.open.set()
    runner.stop()


def test_a_replaced_thread_ends_with_its_function(ends: "SimpleQueue[Finished]", gate: Gate) -> None:
    """A call that was left behind gets a substitute for its thread. When it returns, one of the two threads ends."""
    runner = ThreadRunner(1)
    hanging = runner.start(*call(gate), ends.put)
    assert gate.begun.acquire(timeout=PATIENCE)
    (first,) = runner._workers
    assert not hanging.cancel()
    assert runner.use == (1, 1, False)
    runner.start(*call(lambda: "second"), ends.put)
    assert ends.get(timeout=PATIENCE).result == "second"
    gate.open.set()
    assert ends.get(timeout=PATIENCE).status == "succeeded"
    first.join(PATIENCE)
    assert not first.is_alive()
    assert runner.use == (1, 0, False)
    runner.stop()


def test_a_function_that_has_ended_leaves_no_thread_behind(runner: ThreadRunner, ends: "SimpleQueue[Finished]") -> None:
    """A cancel that comes too late changes nothing."""
    ended = runner.start(*call(lambda: 1), ends.put)
    assert ends.get(timeout=PATIENCE).result == 1
    assert not ended.cancel()
    assert runner.use.left_behind == 0


def test_without_a_thread_that_can_come_back_calls_begin_to_wait(ends: "SimpleQueue[Finished]", gate: Gate) -> None:
    """`begun` is called for those that wait, and for those that come later, because their timeouts must start."""
    runner = ThreadRunner(1, max_left_behind=0)
    begun: SimpleQueue[str] = SimpleQueue()
    hanging = runner.start(*call(gate), ends.put)
    assert gate.begun.acquire(timeout=PATIENCE)
    queued = runner.start(*call(lambda: 1), ends.put, lambda: begun.put("waiting"))
    hanging.cancel()
    assert runner.use == (1, 1, True)
    assert begun.get(timeout=PATIENCE) == "waiting"
    runner.start(*call(lambda: 2), ends.put, lambda: begun.put("later"))
    assert begun.get(timeout=PATIENCE) == "later"
    assert queued.began is None, "only its timeout has started"
    gate.open.set()
    assert len([ends.get(timeout=PATIENCE) for _ in range(3)]) == 3
    assert runner.use == (1, 0, False)
    runner.stop()
