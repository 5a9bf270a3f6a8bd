import asyncio
import contextvars
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from msgspec.structs import astuple, replace
from structlog.testing import capture_logs

from stretto.actors.actions import Action, ActionFailed, ActionRegistry
from stretto.actors.runners import Call, Finished
from stretto.actors.runners.event_loop import EventLoopRunner
from stretto.definitions.data.frozen import FrozenDict, freeze
from stretto.metrics.logging import CallIds, call_ids
from tests.support.waiting import PATIENCE


def _ids() -> tuple[Any, ...]:
    """Return the call ids that an action sees."""
    ids = call_ids.get()
    assert ids is not None
    return astuple(ids)


IDS = CallIds("run", "ops.flow", "task", 0)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def runner() -> Iterator[EventLoopRunner]:
    runner = EventLoopRunner()
    yield runner
    runner.stop()


@pytest.fixture
def ends() -> "SimpleQueue[Finished]":
    return SimpleQueue()


def call(function: Any, ids: CallIds = IDS, **values: Any) -> tuple[Action, Call]:
    frozen = freeze(values)
    assert isinstance(frozen, FrozenDict)
    return Action("test.async", function, "async"), Call("test.async", frozen, ids)


class Waiting:
    """An action that reports its begin and waits to be cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    async def __call__(self) -> None:
        self.begun.set()
        await asyncio.Event().wait()


def test_a_call_runs_on_the_loops_thread(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """The coroutine runs on the loop's one thread, and done receives its result."""

    async def act(x: int) -> tuple[int, str]:
        return x, threading.current_thread().name

    before = time.monotonic()
    running = runner.start(*call(act, x=1), ends.put)
    end = ends.get(timeout=PATIENCE)
    assert (end.status, end.result, end.error, end.kind) == ("succeeded", [1, "stretto-loop"], None, None)
    assert running.began is not None
    assert before <= running.began.monotonic <= time.monotonic()


def test_thousands_are_in_flight_on_one_thread(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """2,000 calls wait for one another, so all are in flight. The loop's is the only new thread."""
    calls = 2000
    arrived = 0
    all_there: asyncio.Event | None = None

    async def meet() -> None:
        nonlocal arrived, all_there
        all_there = all_there or asyncio.Event()
        arrived += 1
        if arrived == calls:
            all_there.set()
        await all_there.wait()

    before = set(threading.enumerate())
    for _ in range(calls):
        runner.start(*call(meet), ends.put)
    assert {ends.get(timeout=PATIENCE).status for _ in range(calls)} == {"succeeded"}
    assert {thread.name for thread in set(threading.enumerate()) - before} == {"stretto-loop"}
    assert ends.empty()


def test_calls_may_come_from_many_threads(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """Calls that several threads start at once all end, each exactly once."""

    async def act(number: int) -> int:
        return number

    def start_some(first: int) -> None:
        for number in range(first, first + 500):
            runner.start(*call(act, number=number), ends.put)

    threads = [threading.Thread(target=start_some, args=(first,)) for first in range(0, 2000, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results = [ends.get(timeout=PATIENCE).result for _ in range(2000)]
    assert sorted(results) == list(range(2000))
    assert ends.empty()


def test_cancelling_ends_the_coroutine_first(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """cancel() returns True at once. done reports the cancelled call when the coroutine has cleaned up."""
    begun, cleaned = threading.Event(), threading.Event()

    async def act() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    running = runner.start(*call(act), ends.put)
    assert begun.wait(PATIENCE)
    assert running.cancel() is True
    end = ends.get(timeout=PATIENCE)
    assert cleaned.is_set()
    assert (end.status, end.kind, end.error) == ("cancelled", "cancelled", "the call was cancelled")
    assert running.cancel() is False


def test_a_call_that_is_cancelled_at_once_never_begins(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """A call that is cancelled before its first step ends as cancelled, and its function is not called."""
    held, release, blocker_began = [], threading.Event(), threading.Event()

    async def block() -> None:
        blocker_began.set()
        assert release.wait(PATIENCE)

    async def act() -> None:
        held.append("begun")

    runner.start(*call(block), lambda end: None)
    assert blocker_began.wait(PATIENCE)
    running = runner.start(*call(act), ends.put)
    assert running.cancel() is True
    assert running.cancel() is True
    release.set()
    assert ends.get(timeout=PATIENCE).status == "cancelled"
    assert held == []
    assert running.began is None
    runner.stop()
    assert ends.empty()


def test_an_action_that_catches_its_cancel_ends_as_it_returns(
    runner: EventLoopRunner, ends: "SimpleQueue[Finished]"
) -> None:
    """A coroutine that catches the cancel and returns or fails has succeeded or failed."""
    begun = threading.Semaphore(0)

    async def act(*, fail: bool) -> str:
        try:
            begun.release()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if fail:
                raise ActionFailed("interrupted", {"done": 5}) from None
        return "done anyway"

    for fail in (False, True):
        running = runner.start(*call(act, fail=fail), ends.put)
        assert begun.acquire(timeout=PATIENCE)
        assert running.cancel() is True
    first, second = (ends.get(timeout=PATIENCE) for _ in range(2))
    assert (first.status, first.result) == ("succeeded", "done anyway")
    assert (second.status, second.result, second.kind) == ("failed", {"done": 5}, "failed")


def test_a_call_sees_its_own_ids_and_no_other_context(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """A task sees its call's ids and none of the variables of the thread that started it."""
    private: contextvars.ContextVar[str] = contextvars.ContextVar("private", default="unset")
    private.set("the caller's")

    async def look() -> tuple[Any, str]:
        seen = private.get()
        private.set("another call's")
        await asyncio.sleep(0)
        return _ids(), seen

    for index in range(5):
        runner.start(*call(look, replace(IDS, item_index=index)), ends.put)
    results = [ends.get(timeout=PATIENCE).result for _ in range(5)]
    assert results == [[list(astuple(replace(IDS, item_index=index))), "unset"] for index in range(5)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("no"), "ValueError: no"),
        (SystemExit(1), "SystemExit: 1"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (asyncio.CancelledError(), "CancelledError"),
    ],
)
def test_an_exception_ends_its_call_and_not_the_loop(
    runner: EventLoopRunner, ends: "SimpleQueue[Finished]", error: BaseException, message: str
) -> None:
    """Any exception of a coroutine is its failure, also a CancelledError without a request."""

    async def explode() -> None:
        raise error

    runner.start(*call(explode), ends.put)
    end = ends.get(timeout=PATIENCE)
    assert (end.status, end.error, end.kind) == ("failed", message, "exception")
    runner.start(*call(asyncio.sleep, delay=0, result="alive"), ends.put)
    assert ends.get(timeout=PATIENCE).result == "alive"


def test_a_task_of_an_action_cannot_end_the_loop(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """SystemExit in a task that an action left running is logged, and the loop continues."""

    async def leave_one() -> None:
        async def explode() -> None:
            raise SystemExit(4)

        task = asyncio.create_task(explode())
        task.add_done_callback(lambda task: task.exception())

    with capture_logs() as lines:
        runner.start(*call(leave_one), ends.put)
        assert ends.get(timeout=PATIENCE).status == "succeeded"
        runner.start(*call(asyncio.sleep, delay=0, result="alive"), ends.put)
        assert ends.get(timeout=PATIENCE).result == "alive"
    assert [(line["event"], line["error"]) for line in lines] == [("event_loop_error", "SystemExit: 4")]


def test_stop_cancels_all_and_ends_the_thread(ends: "SimpleQueue[Finished]") -> None:
    """stop cancels the calls and the tasks that actions left running, waits for them, and is idempotent."""
    runner = EventLoopRunner()
    waiting = [Waiting() for _ in range(10)]
    stray = Waiting()
    strays: list[asyncio.Task[None]] = []

    async def leave_one() -> None:
        strays.append(asyncio.create_task(stray()))

    runner.start(*call(leave_one), ends.put)
    assert ends.get(timeout=PATIENCE).status == "succeeded"
    for action in waiting:
        runner.start(*call(action), ends.put)
    assert all(action.begun.wait(PATIENCE) for action in [*waiting, stray])
    runner.stop()
    runner.stop()
    assert [ends.get(timeout=PATIENCE).status for _ in waiting] == ["cancelled"] * len(waiting)
    assert ends.empty()
    assert strays[0].cancelled()
    with pytest.raises(RuntimeError, match="stopped"):
        runner.start(*call(stray), ends.put)


def test_a_connection_that_is_closed_as_the_runner_stops_is_closed(ends: "SimpleQueue[Finished]") -> None:
    """By an action that was cancelled just before: asyncio closes a connection in the loop's next turn."""
    runner, (ours, theirs) = EventLoopRunner(), socket.socketpair()
    stopping = threading.Thread(target=runner.stop)
    reads = threading.Event()

    async def read() -> None:
        reader, writer = await asyncio.open_connection(sock=ours)
        reads.set()
        try:
            await reader.read()
        finally:
            writer.close()

    async def cancel_and_stop() -> None:
        reading.cancel()
        stopping.start()
        ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        while not any("_begin_closing" in str(each) for each in tuple(ready)):
            pass

    with theirs:
        reading = runner.start(*call(read), ends.put)
        assert reads.wait(PATIENCE)
        runner.start(*call(cancel_and_stop), ends.put)
        assert {ends.get(timeout=PATIENCE).status for _ in range(2)} == {"succeeded", "cancelled"}
        stopping.join(PATIENCE)
        assert ours.fileno() == -1


def test_stop_without_a_call_needs_no_thread() -> None:
    """A runner without calls has no thread."""
    before = set(threading.enumerate())
    runner = EventLoopRunner()
    assert set(threading.enumerate()) <= before
    runner.stop()


def test_an_action_that_swallows_its_cancel_is_left_behind(ends: "SimpleQueue[Finished]") -> None:
    """stop waits for a bounded time, then ends the call as cancelled, logs it, and ends its thread."""
    runner = EventLoopRunner(stop_seconds=0.01)
    begun = threading.Event()

    async def stubborn() -> None:
        while True:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    runner.start(*call(stubborn), ends.put)
    assert begun.wait(PATIENCE)
    with capture_logs() as lines:
        runner.stop()
    end = ends.get(timeout=PATIENCE)
    assert end.status == "cancelled"
    assert end.error == "it did not end within 0.01 s of its cancellation and was left behind"
    assert ends.empty()
    assert [(line["event"], line["action"]) for line in lines] == [("action_left_behind", "test.async")]


def test_an_action_that_blocks_the_loop_cannot_hold_stop(
    ends: "SimpleQueue[Finished]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coroutine that never yields is logged. stop returns, and the call has ended once."""
    monkeypatch.setattr("stretto.actors.runners.event_loop.CLEAN_UP_SECONDS", 0.01)
    runner = EventLoopRunner(stop_seconds=0.01)
    begun, release = threading.Event(), threading.Event()

    async def block() -> None:
        begun.set()
        assert release.wait(PATIENCE)

    runner.start(*call(block), ends.put)
    assert begun.wait(PATIENCE)
    with capture_logs() as lines:
        runner.stop()
    assert [line["event"] for line in lines] == ["event_loop_left_behind", "action_left_behind"]
    assert ends.get(timeout=PATIENCE).status == "cancelled"
    release.set()
    for thread in threading.enumerate():
        if thread.name == "stretto-loop":
            thread.join(PATIENCE)
    assert ends.empty()


def test_to_thread_uses_the_runners_few_helpers(runner: EventLoopRunner, ends: "SimpleQueue[Finished]") -> None:
    """Blocking work that actions hand to threads takes no more threads than the runner declares."""

    async def work() -> str:
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    before = set(threading.enumerate())
    for _ in range(100):
        runner.start(*call(work), ends.put)
    assert all(ends.get(timeout=PATIENCE).result.startswith("stretto-helper") for _ in range(100))
    assert len(set(threading.enumerate()) - before) <= runner.threads


def test_an_idle_loop_sleeps_without_a_deadline(ends: "SimpleQueue[Finished]", monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing in flight, the loop waits for the next call without a timeout."""
    idle: SimpleQueue[None] = SimpleQueue()

    class Watched(selectors.EpollSelector):
        def select(self, timeout: float | None = None) -> Any:
            if timeout is None:
                idle.put(None)
            return super().select(timeout)

    monkeypatch.setattr(selectors, "DefaultSelector", Watched)
    runner = EventLoopRunner()
    runner.start(*call(asyncio.sleep, delay=0.01), ends.put)
    assert ends.get(timeout=PATIENCE).status == "succeeded"
    idle.get(timeout=PATIENCE)
    runner.stop()


def test_stop_ends_the_commands_of_core_local(ends: "SimpleQueue[Finished]", monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping the runner ends running processes, without a warning and without a thread."""
    monkeypatch.setattr("stretto.actors.actions.core.local.GRACE_SECONDS", 0.01)
    runner = EventLoopRunner()
    values = freeze({"cmd": "trap '' TERM; sleep 1000 & wait; sleep 1000"})
    assert isinstance(values, FrozenDict)
    local = ActionRegistry.registered().get("core.local")
    for _ in range(3):
        runner.start(local, Call(local.ref, values, IDS), ends.put)
    runner.start(*call(asyncio.sleep, delay=0), ends.put)
    assert ends.get(timeout=PATIENCE).status == "succeeded"
    runner.stop()
    assert [ends.get(timeout=PATIENCE).status for _ in range(3)] == ["cancelled"] * 3
