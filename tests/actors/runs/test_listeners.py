"""Watchers get a run's progress when they are ready for it, and always its end."""

import itertools
import queue
import threading
from collections.abc import Iterator
from typing import Any, Self
from unittest.mock import patch

import pykka
import pytest

from stretto.actors import RunProgressed
from stretto.actors.dispatch import DispatchedActor, Dispatcher
from stretto.actors.runs import listeners
from stretto.definitions.conductor import Conductor
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

LENGTH = 300
CHAIN = "ref: test.chain\ntasks:\n" + "".join(
    f"  - {{name: t{number}, action: core.noop, next: [{{do: [t{number + 1}]}}]}}\n" for number in range(LENGTH - 1)
)
CHAIN += f"  - {{name: t{LENGTH - 1}, action: core.noop}}\n"
HELD = """
ref: test.held
cancellation_policy: cancel_running
tasks:
  - {name: first, action: core.noop, next: [{do: [second]}]}
  - {name: second, action: core.sleep, input: {seconds: 1000}}
"""


class Watcher(pykka.ThreadingActor):
    """A watcher that keeps what it gets, and is busy with each message until `go` is set."""

    use_daemon_thread = True

    def __init__(self, seen: "queue.SimpleQueue[RunProgressed]", go: threading.Event) -> None:
        super().__init__()
        self._seen = seen
        self._go = go

    def on_receive(self, message: Any) -> None:
        self._seen.put(message)
        assert self._go.wait(PATIENCE)


class DispatchedWatcher(DispatchedActor):
    """A watcher without a thread of its own."""

    def __init__(self, seen: "queue.SimpleQueue[RunProgressed]") -> None:
        super().__init__()
        self._seen = seen

    def on_receive(self, message: Any) -> None:
        self._seen.put(message)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """Return a dispatcher of the test's own, without threads that are left behind."""
    dispatcher = Dispatcher(1)
    yield dispatcher
    dispatcher.stop()


@pytest.fixture
def seen() -> "queue.SimpleQueue[RunProgressed]":
    """Return what a watcher got."""
    return queue.SimpleQueue()


class Reports:
    """Counts the reports that conductors make of all their tasks."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        make = Conductor.tasks

        def tasks(conductor: Conductor) -> Any:
            self.count += 1
            return make(conductor)

        self._patch = patch.object(Conductor, "tasks", tasks)
        self._patch.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._patch.stop()


def until_end(seen: "queue.SimpleQueue[RunProgressed]") -> list[RunProgressed]:
    """Return what a watcher gets up to the run's end."""
    got = [seen.get(timeout=PATIENCE)]
    while got[-1].status == "running":
        got.append(seen.get(timeout=PATIENCE))
    return got


def succeeded(progress: RunProgressed) -> int:
    return sum(task["items"]["succeeded"] for task in progress.tasks.values())


def test_a_watcher_that_is_busy_gets_one_report_and_the_end(
    bench: Bench, seen: "queue.SimpleQueue[RunProgressed]"
) -> None:
    """While it handles the first report, all further changes are merged; nothing piles up before it."""
    go = threading.Event()
    watcher = Watcher.start(seen, go)
    with Reports() as reports:
        outcome = outcome_of(bench.submit(CHAIN, watcher=watcher))
        go.set()
        got = until_end(seen)
    assert outcome.status == "succeeded"
    assert [each.status for each in got] == ["running", "succeeded"]
    assert succeeded(got[-1]) == LENGTH
    assert reports.count == 2
    watcher.stop()


def test_no_more_reports_are_made_than_a_watcher_was_ready_for(
    bench: Bench, seen: "queue.SimpleQueue[RunProgressed]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that is at once ready again gets more of them, each newer than the one before."""
    monkeypatch.setattr(listeners, "PROGRESS_SECONDS", 0.0)
    ready = itertools.count()
    became_ready = listeners.RunListeners.watcher_ready

    def counted(self: listeners.RunListeners, watcher: Any) -> None:
        next(ready)
        became_ready(self, watcher)

    monkeypatch.setattr(listeners.RunListeners, "watcher_ready", counted)
    go = threading.Event()
    go.set()
    watcher = Watcher.start(seen, go)
    with Reports() as reports:
        outcome_of(bench.submit(CHAIN, watcher=watcher))
        got = until_end(seen)
    counts = [succeeded(each) for each in got]
    assert counts == sorted(counts)
    assert counts[-1] == LENGTH
    assert reports.count == len(got) <= next(ready) + 2  # the first report and the end
    watcher.stop()


@pytest.mark.parametrize("dispatched", [False, True])
def test_the_last_change_arrives_without_another_one(
    bench: Bench, seen: "queue.SimpleQueue[RunProgressed]", dispatcher: Dispatcher, dispatched: bool
) -> None:
    """A change during the handling of a report is reported when the watcher is ready; then there is silence."""
    go = threading.Event()
    go.set()
    watcher: Any = DispatchedWatcher.start_on(dispatcher, seen) if dispatched else Watcher.start(seen, go)
    with Reports() as reports:
        handle = bench.submit(HELD, watcher=watcher)
        while seen.get(timeout=PATIENCE).tasks["second"]["status"] != "running":
            pass
        made = reports.count
        with pytest.raises(queue.Empty):
            seen.get(timeout=3 * listeners.PROGRESS_SECONDS)
        assert reports.count == made
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).status == "cancelled"
    watcher.stop()


def test_a_watcher_that_is_added_gets_the_present_state(
    bench: Bench, seen: "queue.SimpleQueue[RunProgressed]", dispatcher: Dispatcher
) -> None:
    """It needs no change, and a second request adds it only once."""
    handle = bench.submit(HELD)
    watcher = DispatchedWatcher.start_on(dispatcher, seen)
    for _ in range(2):
        bench.proxy.watch(handle.id, watcher).get(timeout=PATIENCE)
        assert seen.get(timeout=PATIENCE).run_id == handle.id
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome_of(handle)
    statuses = [each.status for each in until_end_of(seen)]
    assert statuses.count("cancelled") == 1
    watcher.stop()


def until_end_of(seen: "queue.SimpleQueue[RunProgressed]") -> list[RunProgressed]:
    """Return what a watcher gets up to the end of a cancelled run."""
    got = [seen.get(timeout=PATIENCE)]
    while got[-1].status != "cancelled":
        got.append(seen.get(timeout=PATIENCE))
    with pytest.raises(queue.Empty):
        seen.get(timeout=listeners.PROGRESS_SECONDS)
    return got
