"""The thread runner: runs plain functions on a bounded number of threads.

A ThreadPoolExecutor would make each call four times as expensive, because it creates a future with a condition variable
that no code would wait for.
"""

import atexit
import threading
import time
from queue import SimpleQueue
from typing import Final

from stretto.actors.runners.base import Call, Done, Running, cancelled, report, run_call
from stretto.metrics import get_logger

STOP_SECONDS: Final = 10.0

_log = get_logger(__name__)


class _ThreadCall:
    """A call for a thread. The thread or canceller that takes it from the waiting calls reports its end."""

    __slots__ = ("_waiting", "call", "done")

    def __init__(self, call: Call, done: Done, waiting: "dict[_ThreadCall, bool]") -> None:
        self.call = call
        self.done = done
        self._waiting = waiting

    def take(self) -> bool:
        """Remove the call from the waiting ones. Returns False if it was removed before. Atomic in CPython."""
        return self._waiting.pop(self, False)

    def cancel(self) -> bool:
        if not self.take():
            return False
        report(self.done, self.call, cancelled())
        return True

    def output(self) -> None:
        return None


class ThreadRunner:
    """Runs up to `threads` calls at a time and queues the others in order. Queued calls can be cancelled.

    Threads start when they are needed. A running function cannot be stopped. If one does not end within `stop_seconds`
    of `stop`, its thread is left behind, which is logged, and ends with the process at the latest. A process that ends
    without `stop` also waits up to `stop_seconds` for running functions.

    Args:
        threads: The number of threads, at least 1.
        stop_seconds: How long `stop` waits for running functions.
    """

    def __init__(self, threads: int, *, stop_seconds: float = STOP_SECONDS) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.threads = threads
        self._stop_seconds = stop_seconds
        self._queue: SimpleQueue[_ThreadCall | None] = SimpleQueue()
        self._waiting: dict[_ThreadCall, bool] = {}
        self._running: dict[_ThreadCall, None] = {}
        self._workers: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, call: Call, done: Done) -> Running:
        """Queue the call for the next idle thread."""
        queued = _ThreadCall(call, done, self._waiting)
        with self._lock:
            if self._stopped:
                raise RuntimeError("the thread runner is stopped")
            self._waiting[queued] = True
            needed = len(self._waiting) + len(self._running)
            try:
                if len(self._workers) < min(needed, self.threads):
                    self._start_worker()
            except RuntimeError:  # the system refuses another thread
                if not self._workers:
                    del self._waiting[queued]
                    raise
        self._queue.put(queued)
        return queued

    def stop(self) -> None:
        """Cancel the queued calls, wait for the running ones, and join the threads."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        atexit.unregister(self.stop)
        for queued in list(self._waiting):
            queued.cancel()
        for _ in self._workers:
            self._queue.put(None)
        deadline = time.monotonic() + self._stop_seconds
        for worker in self._workers:
            worker.join(max(deadline - time.monotonic(), 0.0))
        for running in list(self._running):
            _log.warning("action_left_behind", action=running.call.action.ref, **running.call.ids.as_fields())

    def _start_worker(self) -> None:
        if not self._workers:
            atexit.register(self.stop)
        name = f"stretto-action_{len(self._workers)}"
        worker = threading.Thread(target=self._work, name=name, daemon=True)
        worker.start()
        self._workers.append(worker)

    def _work(self) -> None:
        for queued in iter(self._queue.get, None):
            try:
                self._run_call(queued)
            except BaseException:  # noqa: BLE001 - the thread must survive any exception, because other calls wait
                _log.exception("action_end_not_taken", action=queued.call.action.ref, **queued.call.ids.as_fields())
            # An idle thread must not keep the last call's result alive.
            del queued

    def _run_call(self, queued: _ThreadCall) -> None:
        # Comes first, so that the call always counts as waiting or running. Otherwise `start` could think that a
        # thread is free.
        self._running[queued] = None
        try:
            finished = run_call(queued.call) if queued.take() else None
        finally:
            del self._running[queued]
        if finished is not None:
            report(queued.done, queued.call, finished)
