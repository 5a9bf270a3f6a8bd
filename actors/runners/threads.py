"""The thread runner: runs plain functions on a bounded number of threads.

A ThreadPoolExecutor would make each call four times as expensive, because it creates a future with a condition variable
that no code would wait for.
"""

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from typing import Final

from stretto.actors.actions import Action
from stretto.actors.runners.base import (
    Began,
    Begun,
    Call,
    Done,
    Finished,
    Running,
    ThreadUse,
    cancelled,
    let_go,
    report,
    run_call,
)
from stretto.actors.runners.printing import PrintSlot
from stretto.metrics import get_logger

STOP_SECONDS: Final = 10.0
MAX_THREADS_LEFT_BEHIND: Final = 64
"""How many threads that were left behind with a function are replaced."""

_log = get_logger(__name__)


class _ThreadCall:
    """A call for a thread. The thread or canceller that takes it from the waiting calls reports its end."""

    __slots__ = ("_runner", "action", "began", "begun", "call", "done", "printed")

    def __init__(self, action: Action, call: Call, done: Done, begun: Begun | None, runner: "ThreadRunner") -> None:
        self.action = action
        self.began: Began | None = None
        self.begun = begun
        self.call = call
        self.done = done
        self.printed = PrintSlot()
        self._runner = runner

    def take(self) -> bool:
        """Remove the call from the waiting ones. Returns False if it was removed before. Atomic in CPython."""
        return self._runner.waiting.pop(self, False)

    def cancel(self) -> bool:
        if not self.take():
            self._runner.leave(self)
            return False
        report(let_go(self), self.call, cancelled())
        return True

    def watch(self, watcher: Callable[[], object]) -> None:
        self.printed.watch(watcher)

    def output(self) -> None:
        return None


class ThreadRunner:
    """Runs up to `threads` calls at a time and queues the others in order. Queued calls can be cancelled.

    Threads start when they are needed. A running function cannot be stopped. A function that is cancelled while it runs
    keeps its thread: the thread is left behind, and another one replaces it, up to `max_left_behind`. If all threads
    are left behind, `begun` of the queued calls is called at once, so that their timeouts start.

    If a function does not end within `stop_seconds` of `stop`, its thread is logged, and ends with the process at the
    latest. A process that ends without `stop` also waits up to `stop_seconds` for running functions.

    Args:
        threads: The number of threads, at least 1.
        stop_seconds: How long `stop` waits for running functions.
        max_left_behind: How many threads that were left behind are replaced.
        capture_output: Whether the text that functions print is kept with their calls.

    Attributes:
        waiting: The queued calls.
    """

    def __init__(
        self,
        threads: int,
        *,
        stop_seconds: float = STOP_SECONDS,
        max_left_behind: int = MAX_THREADS_LEFT_BEHIND,
        capture_output: bool = False,
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.threads = threads
        self.waiting: dict[_ThreadCall, bool] = {}
        self._stop_seconds = stop_seconds
        self._max_left_behind = max_left_behind
        self._captures = capture_output
        self._queue: SimpleQueue[_ThreadCall | None] = SimpleQueue()
        self._running: dict[_ThreadCall, None] = {}
        self._left: dict[_ThreadCall, None] = {}
        self._workers: list[threading.Thread] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._stopped = False

    @property
    def use(self) -> ThreadUse:
        """The use of the threads at this moment."""
        left = len(self._left)
        return ThreadUse(self.threads, left, left >= self.threads + self._max_left_behind)

    def start(self, action: Action, call: Call, done: Done, begun: Begun | None = None) -> Running:
        """Queue the call for the next idle thread."""
        queued = _ThreadCall(action, call, done, begun, self)
        with self._lock:
            if self._stopped:
                raise RuntimeError("the thread runner is stopped")
            self.waiting[queued] = True
            try:
                self._start_worker_if_needed()
            except RuntimeError:  # the system refuses another thread
                if not self._workers:
                    del self.waiting[queued]
                    raise
        self._queue.put(queued)
        if self._left and self.use.is_exhausted:
            _start_timeout(queued)
        return queued

    def leave(self, running: _ThreadCall) -> None:
        """Replace the thread of a call that runs on although its item has ended. Any thread may call this."""
        with self._lock:
            self._left[running] = None
            # The worker removes a call from the running ones first, so one of the two finds it here.
            if running not in self._running or self._stopped:
                self._left.pop(running, None)
                return
            with suppress(RuntimeError):  # the system refuses another thread
                self._start_worker_if_needed()
            use = self.use
        if use.is_exhausted:
            _log.error("threads_exhausted", threads=use.threads, left_behind=use.left_behind)
            for queued in list(self.waiting):
                _start_timeout(queued)

    def stop(self) -> None:
        """Cancel the queued calls, wait for the running ones, and join the threads."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        atexit.unregister(self.stop)
        for queued in list(self.waiting):
            queued.cancel()
        for _ in self._workers:
            self._queue.put(None)
        deadline = time.monotonic() + self._stop_seconds
        for worker in self._workers:
            worker.join(max(deadline - time.monotonic(), 0.0))
        for running in list(self._running):
            _log.warning("action_left_behind", action=running.call.ref, **running.call.ids.as_fields())

    def _start_worker_if_needed(self) -> None:
        needed = len(self.waiting) + len(self._running)
        if len(self._workers) >= min(needed, self._most_workers()):
            return
        if not self._workers:
            atexit.register(self.stop)
        name = f"stretto-action_{next(self._numbers)}"
        worker = threading.Thread(target=self._work, name=name, daemon=True)
        worker.start()
        self._workers.append(worker)

    def _most_workers(self) -> int:
        return self.threads + min(len(self._left), self._max_left_behind)

    def _work(self) -> None:
        for queued in iter(self._queue.get, None):
            try:
                self._run_call(queued)
            except BaseException:  # noqa: BLE001 - the thread must survive any exception, because other calls wait
                _log.exception("action_end_not_taken", action=queued.call.ref, **queued.call.ids.as_fields())
            if self._left and self._is_surplus(queued):
                return
            # An idle thread must not keep the last call's result alive.
            del queued

    def _is_surplus(self, ended: _ThreadCall) -> bool:
        """Return whether this thread has been replaced, and take it from the threads then."""
        with self._lock:
            if ended not in self._left:
                return False
            del self._left[ended]
            if self._stopped or len(self._workers) <= self._most_workers():
                return False
            self._workers.remove(threading.current_thread())
            return True

    def _run_call(self, queued: _ThreadCall) -> None:
        # Comes first, so that the call always counts as waiting or running. Otherwise `start` could think that a
        # thread is free.
        self._running[queued] = None
        try:
            finished: Finished | None = None
            if queued.take():
                queued.began = Began(None, time.monotonic())
                finished = run_call(
                    queued.action, queued.call, queued.printed if self._captures else None, queued.begun
                )
        finally:
            del self._running[queued]
        if finished is not None:
            report(let_go(queued), queued.call, finished)


def _start_timeout(queued: _ThreadCall) -> None:
    if queued.begun is not None:
        queued.begun()
