"""The thread runner: plain functions on a bounded pool of threads."""

import threading
from typing import Final

from stretto.actors.runners.base import Call, Done, Running, cancelled, perform, tell
from stretto.actors.runners.pool import Pool
from stretto.metrics.logging import get_logger

STOP_SECONDS: Final = 10.0

_log = get_logger(__name__)


class _ThreadCall:
    """A call for a thread. Whoever takes the claim first, a thread or a canceller, tells its end."""

    __slots__ = ("_claim", "_done", "begun", "call")

    def __init__(self, call: Call, done: Done) -> None:
        self.call = call
        self.begun = False
        self._done = done
        self._claim = threading.Lock()

    def cancel(self) -> bool:
        if not self._claim.acquire(blocking=False):
            return False
        tell(self._done, self.call, cancelled())
        return True

    def output(self) -> None:
        return None

    def run(self) -> None:
        if self._claim.acquire(blocking=False):
            self.begun = True
            tell(self._done, self.call, perform(self.call))


class ThreadRunner:
    """Runs up to `threads` calls at once; more are queued, in order, and can be cancelled while they are.

    A function that runs cannot be stopped. If one does not end within `stop_seconds` of `stop`, its thread is
    left behind and told in the log: Python waits for it when the process ends.
    """

    def __init__(self, threads: int, *, stop_seconds: float = STOP_SECONDS) -> None:
        if threads < 1:
            raise ValueError(f"a thread runner needs at least 1 thread, not {threads}")
        self.threads = threads
        self._stop_seconds = stop_seconds
        self._pool = Pool(threads, "stretto-action")
        self._calls: dict[_ThreadCall, None] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, call: Call, done: Done) -> Running:
        """Queue the call for the next idle thread."""
        running = _ThreadCall(call, done)
        with self._lock:
            if self._stopped:
                raise RuntimeError("the thread runner is stopped")
            self._calls[running] = None
            self._pool.submit(self._run, running)
        return running

    def stop(self) -> None:
        """Cancel what has not begun, wait for what has, and join the threads."""
        with self._lock:
            self._stopped = True
        for running in list(self._calls):
            running.cancel()
        if not self._pool.close(self._stop_seconds):
            for running in [running for running in list(self._calls) if running.begun]:
                ids = running.call.ids.told()
                _log.warning("action_left_behind", action=running.call.action.ref, **ids)

    def _run(self, running: _ThreadCall) -> None:
        try:
            running.run()
        finally:
            self._calls.pop(running, None)
