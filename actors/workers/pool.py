"""The pool of workers: one thread reads all answers. The thread that has a call sends it.

start --> the calls that wait --> an idle worker, or as many calls in one write as the busy ones finish soon
thread <-- answers, text, log records, questions; it starts workers, ends idle ones, and keeps deadlines
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from stretto.actors.workers.kept import Job
from stretto.actors.workers.roster import DEFAULT_LIFE, Roster, WorkerLife
from stretto.actors.workers.watching import WorkerWatch

CANCELLED: Final = "the call was cancelled"
"""The reason why a cancelled call has no answer."""
JOIN_SECONDS: Final = 10.0
"""How long `stop` waits for the pool's thread, which has only ended processes to close then."""


class WorkerPool:
    """Runs calls in a bounded number of kept processes, one at a time in each.

    Processes start when they are needed. If
    all processes are taken, an idle one of another command ends for a call that needs its place.

    Args:
        limit: The most processes, at least 1.
        name: The name of the pool's thread.
        captures: Whether what the processes print comes to their calls, and not to the daemon's own streams.
        life: How long the processes are kept.
    """

    def __init__(self, limit: int, name: str, *, captures: bool, life: WorkerLife = DEFAULT_LIFE) -> None:
        self._limit = limit
        self._name = name
        self._captures = captures
        self._life = life
        self._lock = threading.Lock()
        self._is_idle = threading.Condition(self._lock)
        self._is_stopped = False
        self._thread: threading.Thread | None = None
        self._watch: WorkerWatch | None = None
        self._roster: Roster | None = None

    @property
    def waiting(self) -> list[Job]:
        """The calls that have not begun."""
        with self._lock:
            places = {} if self._roster is None else self._roster.places
            return [job for job, worker in places.items() if worker is None or not worker.runs(job)]

    def start(self, job: Job) -> None:
        """Send a call to a worker, or queue it.

        Raises:
            RuntimeError: The pool is stopped, or the system refuses its thread.
        """
        with self._lock:
            if self._is_stopped:
                raise RuntimeError("the worker runner is stopped")
            if self._roster is None or self._watch is None:
                self._watch = WorkerWatch()
                self._roster = Roster(self._limit, self._watch, self._lock, self._life, captures=self._captures)
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, args=(self._roster, self._watch), name=self._name, daemon=True
                )
                thread.start()
                self._thread = thread
            if self._roster.add(job):
                self._watch.wake()

    def cancel(self, job: Job) -> bool:
        """End a call: one that waits at once, one that runs by killing its process.

        Returns:
            Whether `ended` follows, or has just been called.
        """
        with self._lock:
            if self._roster is None or job not in self._roster.places:
                return False
            worker = self._roster.places[job]
            if not self._roster.withdraw(job):
                if worker is not None:
                    worker.stop(job, CANCELLED)
                return True
            self._is_idle.notify_all()
        job.ended(None, CANCELLED)
        return True

    def stop(self, seconds: float) -> list[Job]:
        """Cancel the calls that wait, give those that run some time, end all processes, and join the thread.

        Args:
            seconds: How long to wait for the calls that run.

        Returns:
            The calls that were still running then.
        """
        with self._lock:
            first, self._is_stopped = not self._is_stopped, True
            thread, watch, roster = self._thread, self._watch, self._roster
        if not first or watch is None or roster is None:
            return []
        for job in self.waiting:
            self.cancel(job)
        with self._is_idle:
            self._is_idle.wait_for(lambda: not roster.places, seconds)
            running = list(roster.places)
        for job in running:
            self.cancel(job)
        with self._lock:
            if self._watch is not None:
                watch.wake()
        if thread is None:
            watch.close()
        else:
            thread.join(JOIN_SECONDS)  # it may be in a caller's code for longer
        return running

    def _run(self, roster: Roster, watch: WorkerWatch) -> None:
        timeout: float | None = 0.0
        while True:
            ready = watch.wait(timeout)
            with self._lock:
                for handle in ready:
                    handle()
                now = time.monotonic()
                roster.collect()
                roster.keep_deadlines(now)
                roster.assign(now)
                due, roster.due = roster.due, []
                timeout = roster.next_deadline(now)
                if not roster.places:
                    self._is_idle.notify_all()
                    if self._is_stopped:
                        break
            _call(due)
            # An idle thread must not keep the last call's result alive.
            del due, ready
        _call(due)
        with self._lock:
            roster.end_all()
            watch.close()
            self._watch = None


def _call(functions: list[Callable[[], object]]) -> None:
    for each in functions:
        each()
