"""The worker runner: runs plain functions in a bounded number of kept processes.

    start --> queue --> a thread for each process --frames--> the worker: imports the module, calls the function
    cancel: kills the worker. Its item ends, and the next call gets a new worker.

A crash, a leak or a hang harms the call's own item only.
"""

import os
import threading
import time
from collections.abc import Callable
from itertools import count
from queue import Empty, SimpleQueue
from typing import Final

import msgspec

from stretto.actors.runners.base import Began, Call, Done, Finished, Running, cancelled, failure, report
from stretto.actors.runners.printing import PrintSlot, append_printed
from stretto.actors.runners.remote_calls import decode_end, encode_call, make_handler
from stretto.actors.workers import Worker, WorkerCommand, WorkerEnded
from stretto.metrics import get_logger

CALLS_OF_A_WORKER: Final = 1000
"""Calls after which a worker is replaced, so that what functions leave in it does not grow for ever."""
IDLE_SECONDS: Final = 60.0
"""How long a worker without calls is kept."""
STOP_SECONDS: Final = 10.0

_log = get_logger(__name__)


def default_workers() -> int:
    """Return how many worker processes there are unless a setting says otherwise: one a core."""
    return len(os.sched_getaffinity(0))


class _WorkerCall:
    """A call for a worker. The thread or canceller that takes it from the waiting calls reports its end."""

    __slots__ = ("_lock", "_runner", "_worker", "began", "call", "cancelling", "done", "printed")

    def __init__(self, call: Call, done: Done, runner: "WorkerRunner") -> None:
        self.began: Began | None = None
        self.call = call
        self.done = done
        self.printed = PrintSlot()
        self.cancelling = False
        self._runner = runner
        self._worker: Worker | None = None
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Remove the call from the waiting ones. Returns False if it was removed before. Atomic in CPython."""
        return self._runner.waiting.pop(self, False)

    def cancel(self) -> bool:
        if self.take():
            report(self.done, self.call, cancelled())
            return True
        with self._lock:
            self.cancelling = True
            if self._worker is not None:
                self._worker.kill()
        return self._runner.is_running(self)

    def run_in(self, worker: Worker, data: bytes) -> bytes:
        """Return the worker's answer. Raises `WorkerEnded`, also if the call is cancelled."""
        with self._lock:
            self._worker = worker
            if self.cancelling:
                raise WorkerEnded("the call was cancelled before it began")
        try:
            return worker.call(data)
        finally:
            with self._lock:
                self._worker = None

    def watch(self, watcher: Callable[[], object]) -> None:
        self.printed.watch(watcher)

    def output(self) -> None:
        return None


class WorkerRunner:
    """Runs up to `workers` calls at a time, each in a process of its own, and queues the others in order.

    Processes start when they are needed. They are kept for `CALLS_OF_A_WORKER` calls and `IDLE_SECONDS` without one.

    Args:
        workers: The number of processes, at least 1.
        max_bytes: The most memory that a process may take, or None.
        stop_seconds: How long `stop` waits for running functions before it ends their processes.
        capture_output: Whether the text that functions print is kept with their calls.

    Attributes:
        waiting: The queued calls.
    """

    def __init__(
        self,
        workers: int,
        *,
        max_bytes: int | None = None,
        stop_seconds: float = STOP_SECONDS,
        capture_output: bool = False,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self.threads = workers
        self.waiting: dict[_WorkerCall, bool] = {}
        self._command = WorkerCommand(make_handler.__module__, "make_handler", max_bytes=max_bytes)
        self._stop_seconds = stop_seconds
        self._captures = capture_output
        self._queue: SimpleQueue[_WorkerCall | None] = SimpleQueue()
        self._running: dict[_WorkerCall, None] = {}
        self._threads: list[threading.Thread] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, call: Call, done: Done) -> Running:
        """Queue the call for the next idle process."""
        queued = _WorkerCall(call, done, self)
        with self._lock:
            if self._stopped:
                raise RuntimeError("the worker runner is stopped")
            self.waiting[queued] = True
            if len(self._threads) < min(len(self.waiting) + len(self._running), self.threads):
                name = f"stretto-worker_{next(self._numbers)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
        self._queue.put(queued)
        return queued

    def is_running(self, call: _WorkerCall) -> bool:
        """Return whether a call has been taken from the queue and has not ended."""
        return call in self._running

    def stop(self) -> None:
        """Cancel the queued calls, wait for the running ones, end their processes, and join the threads."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        for queued in list(self.waiting):
            queued.cancel()
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + self._stop_seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        for running in list(self._running):
            _log.warning("action_stopped", action=running.call.action.ref, **running.call.ids.as_fields())
            running.cancel()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        kept: _Kept | None = None
        while True:
            try:
                queued = self._queue.get(timeout=IDLE_SECONDS if kept is not None else None)
            except Empty:
                kept = _end(kept)
                continue
            if queued is None:
                break
            kept = self._handle(queued, kept)
            # An idle thread must not keep the last call's result alive.
            del queued
        _end(kept)

    def _handle(self, queued: _WorkerCall, kept: "_Kept | None") -> "_Kept | None":
        """Run a call if it still waits. Return the worker that is kept for the next one."""
        # Comes first, so that the call always counts as waiting or running.
        self._running[queued] = None
        try:
            if not queued.take():
                return kept
            finished, kept = self._run(queued, kept)
        finally:
            del self._running[queued]
        report(queued.done, queued.call, finished)
        return kept

    def _run(self, queued: _WorkerCall, kept: "_Kept | None") -> "tuple[Finished, _Kept | None]":
        call = queued.call
        queued.began = Began(time.time(), time.monotonic())
        if call.on_begin is not None:
            call.on_begin()
        try:
            if (
                kept is None
                or kept.calls >= CALLS_OF_A_WORKER
                or call.action.runner == "fresh"
                or not kept.worker.is_fit
            ):
                kept = _end(kept)
                kept = _Kept(self._command, captures=self._captures)
            kept.calls += 1
            kept.printing = queued.printed
            finished = decode_end(queued.run_in(kept.worker, encode_call(call)))
        except (WorkerEnded, OSError, msgspec.DecodeError) as error:
            kept = _end(kept)
            return (cancelled() if queued.cancelling else failure(call.action, error)), kept
        return finished, _end(kept) if call.action.runner == "fresh" else kept


class _Kept:
    """A worker, how many calls it has had, and where the text of its call goes."""

    def __init__(self, command: WorkerCommand, *, captures: bool) -> None:
        self.calls = 0
        self.printing: PrintSlot | None = None
        self.worker = Worker(command, self._print if captures else None)

    def _print(self, text: str) -> None:
        if self.printing is not None:
            append_printed(self.printing, text)


def _end(kept: _Kept | None) -> _Kept | None:
    """End a worker, if there is one. Return what is kept then: none."""
    if kept is not None:
        kept.worker.close()
    return None
