"""Breaks off calls in which one piece of work takes too long, by an exception raised in their thread.

    guarded thread   --arms--> call of a function --disarms-->  value, or Overran
    watcher thread      looks   looks   looks  raises in the guarded thread

The watcher looks at the armed calls ten times per limit. If the same piece of work has used the limit of CPU time since
the first look at it, the call is broken off. It is the time of the thread alone, so that nothing is broken off because
the machine is busy with other things, or because the process was suspended. While no call is armed, the watcher sleeps
without a timeout.

Only pure functions may be guarded: the exception may come after any step of theirs.
"""

import ctypes
import logging
import threading
import time
from collections.abc import Callable
from threading import get_ident
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple

LOOKS: Final = 10
"""How often the watcher looks in the time of the limit."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Find = Callable[[int], Any]
"""Returns the piece of work that a thread runs, given its identifier, or None. Each piece is an object of its own."""

logger = logging.getLogger("stretto.actors")

_set_async_exception = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


class Overran(Exception):
    """A piece of work took longer than its limit, so the call was broken off.

    Whatever the function would have changed is in an unknown state.

    Attributes:
        seconds: The limit.
        work: The piece of work.
    """

    def __init__(self, seconds: float, work: Any) -> None:
        self.seconds = seconds
        self.work = work
        super().__init__(f"it still ran after {seconds:g} s")


class _BreakOff(BaseException):
    """Raised in a guarded thread while its call is armed. It never leaves the call."""


class Guard(Protocol):
    """Calls functions, and may break them off."""

    def call(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        """Return `function(*arguments)`. Raises `Overran` if it is broken off."""


class Unguarded:
    """A guard that breaks off nothing."""

    def call(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        """Return `function(*arguments)`."""
        return function(*arguments)


class _GuardedThread:
    """One thread that calls functions through the guard.

    Attributes:
        ident: The thread's identifier.
        armed: Whether a call is in progress.
        calls: How many calls have begun.
        seen: How many of them had begun at the last look.
        broken: The work because of which the call was broken off, or None.
        work: The work that ran at the last look.
        began: The CPU time of the thread at the first look at that work, in seconds.
    """

    __slots__ = ("armed", "began", "broken", "calls", "ident", "seen", "work")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.armed = False
        self.calls = self.seen = 0
        self.broken: Any = None
        self.work: Any = None
        self.began = 0.0

    def cpu_seconds(self) -> float:
        """Return the CPU time of the thread, which has to be alive; a clock on systems that do not tell it."""
        if not hasattr(time, "pthread_getcpuclockid"):
            return time.monotonic()
        return time.clock_gettime(time.pthread_getcpuclockid(self.ident))


class TimeGuard:
    """Guards the calls of any number of threads, with one watcher thread that starts with the first call.

    Work that runs in C and never returns to the interpreter cannot be broken off.
    """

    def __init__(self, seconds: float, find: Find) -> None:
        """Guard nothing yet.

        Args:
            seconds: The CPU time that one piece of work may use. It is broken off up to two fifths of that later.
            find: Finds the piece of work that a thread runs. It is called on the watcher's thread.
        """
        self.seconds = seconds
        self._find = find
        self._threads: dict[int, _GuardedThread] = {}
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._asleep = True
        self._stopped = False
        self._bell = threading.Lock()
        self._bell.acquire()

    def call(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        """Call a function. A guarded function may not call this again.

        Args:
            function: A pure function.
            arguments: Its arguments.

        Returns:
            The value of the function.

        Raises:
            Overran: One piece of its work took too long.
        """
        # The exception comes between two steps of the interpreter: when a function is entered or a call has returned,
        # and at the end of a loop's body. There is none of these before the line of the inner `finally`.
        #
        # A call takes no lock, because an item of a fan-out has two of them. The watcher notes in `broken` that it will
        # raise, then looks whether the call is armed; this thread disarms, then looks at `broken`. So either the
        # watcher raises nothing, or this thread knows of it.
        thread = self._threads.get(get_ident()) or self._admit()
        value: Any = None
        error: BaseException | None = None
        try:
            try:
                thread.calls += 1
                if self._asleep:
                    self._wake()
                thread.armed = True
                value = function(*arguments)
            finally:
                thread.armed = False
            if thread.broken is None:
                return value  # type: ignore[no-any-return]
        except BaseException as raised:
            if thread.broken is None:
                raise
            error = raised
        try:
            with self._lock:  # the look may not be over
                broken = thread.broken
            if broken is None:  # it found the call disarmed
                if error is not None:
                    raise error
                return value  # type: ignore[no-any-return]
            # A break that something has swallowed leaves an unknown state behind, too. It must arrive, and is not
            # withdrawn: CPython would go on to look for it before each step of each thread, and under a profiler the
            # step would never come. A thread has room for one, so a second one replaces the first.
            while True:
                _set_async_exception(thread.ident, ctypes.py_object(_BreakOff))
        except _BreakOff:
            broken = thread.broken
        thread.broken = None
        assert broken is not None  # noqa: S101 - for the type checker
        raise Overran(self.seconds, broken)

    def _admit(self) -> _GuardedThread:
        thread = self._threads[get_ident()] = _GuardedThread(get_ident())
        return thread

    def stop(self) -> None:
        """End the watcher. Later calls are not broken off."""
        with self._lock:
            self._stopped = True
            self._asleep = False
            if self._bell.locked():
                self._bell.release()
        if self._watcher is not None:
            self._watcher.join()

    def _wake(self) -> None:
        """Wake the watcher, or start it."""
        with self._lock:
            if self._asleep:
                self._wake_watcher()

    def _wake_watcher(self) -> None:
        if self._watcher is None:
            watcher = threading.Thread(target=self._watch, name="stretto-time-guard", daemon=True)
            try:
                watcher.start()
            except RuntimeError:  # no more threads: the next call tries again
                logger.warning("the time guard's thread cannot be started: calls are not broken off")
                return
            self._watcher = watcher
        elif self._bell.locked():
            self._bell.release()
        self._asleep = False

    def _watch(self) -> None:
        interval, due = self.seconds / LOOKS, time.monotonic()
        while not self._stopped:
            again, now = self._look(), time.monotonic()
            # A look that comes late, because the work keeps the interpreter, must not delay the ones after it.
            due = max(due + interval, now)
            self._bell.acquire(timeout=due - now if again else -1)

    def _look(self) -> bool:
        """Look at all threads. Return whether to look again without being woken."""
        with self._lock:
            # A list, because a thread may make its first call meanwhile. All are looked at.
            threads = list(self._threads.values())
            lively = [self._look_at(thread) for thread in threads]
            if self._stopped or any(lively):
                return True
            # A call that begins is counted, then looks whether the watcher is asleep: one sees the other.
            self._asleep = True
            self._asleep = not any(thread.calls != thread.seen for thread in list(self._threads.values()))
            return not self._asleep

    def _look_at(self, thread: _GuardedThread) -> bool:
        """Break a call off if it is time. Return whether a call is in progress, or was since the last look."""
        calls = thread.calls
        if calls != thread.seen or not thread.armed:
            lively = calls != thread.seen
            thread.seen, thread.work = calls, None
            return lively
        work = thread.broken or self._find(thread.ident)
        if work is None or work is not thread.work:
            # A thread that is armed is alive: it would need the lock to be disarmed.
            thread.work, thread.began = work, thread.cpu_seconds()
            return True
        if thread.cpu_seconds() - thread.began >= self.seconds:
            # Also at each later look, for something may have swallowed the exception: `__del__` does.
            self._break_off(thread, work)
        return True

    @staticmethod
    def _break_off(thread: _GuardedThread, work: Any) -> None:
        """Raise the exception in a thread, if its call is still the one that was looked at. The lock is held."""
        before, thread.broken = thread.broken, work
        # In this order: a later call is counted before it is armed.
        if thread.armed and thread.calls == thread.seen:
            _set_async_exception(thread.ident, ctypes.py_object(_BreakOff))
        else:
            thread.broken = before
