"""Waiting for an answer so that Ctrl-C is never lost.

A signal that arrives just before the main thread blocks on a lock does not wake it: Python's handler would run when the
lock is released, which may be never. Here the main thread blocks on a pipe that the signal itself writes to.
"""

import contextlib
import os
import queue
import select
import signal
import threading
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import pykka

T = TypeVar("T")


def wait_for(future: pykka.Future[Any]) -> Any:
    """Return what a future gives, or raise what it raises; Ctrl-C raises `KeyboardInterrupt` at once, always."""
    with arrivals() as arrived:

        def watch() -> None:
            with contextlib.suppress(Exception):  # whatever it is, the main thread gets it from the future
                future.get()
            arrived.put(None)

        threading.Thread(target=watch, name="stretto-wait", daemon=True).start()
        arrived.get()
    return future.get()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold Ctrl-C back for a moment: what is done in the `with` block is done, then `KeyboardInterrupt` is raised."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


class Arrivals(Generic[T]):
    """What other threads and signal handlers have for the main thread, in the order in which it comes."""

    def __init__(self, pipe: "_Pipe") -> None:
        # SimpleQueue is made for signal handlers: they may put while the thread that they interrupt gets.
        self._waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._pipe = pipe

    def put(self, arrived: T) -> None:
        """Hand something to the main thread, from another one."""
        self._waiting.put(arrived)
        self._pipe.wake()

    def put_by_signal(self, arrived: T) -> None:
        """Hand over something from a signal's handler: the signal itself has written to the pipe."""
        self._waiting.put(arrived)

    def get(self) -> T:
        """Return the next thing, for the main thread; a signal's handler runs at once while this waits."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self._waiting.get_nowait()
            self._pipe.wait()


@contextlib.contextmanager
def arrivals() -> Iterator[Arrivals[Any]]:
    """Have signals, and whoever puts something, wake the main thread."""
    with _wakeable() as pipe:
        yield Arrivals(pipe)


class _Pipe:
    """A pipe that signals and one thread write to."""

    def __init__(self) -> None:
        self._readable, self.writable = os.pipe()
        os.set_blocking(self.writable, False)
        self._lock = threading.Lock()
        self._closed = False

    def wait(self) -> None:
        """Block until somebody has written."""
        select.select([self._readable], [], [])
        os.read(self._readable, 64)

    def wake(self) -> None:
        """Write, if anybody still reads: the number of a closed pipe may be another file's by now."""
        with self._lock:
            if not self._closed:
                with contextlib.suppress(BlockingIOError):  # it is full: whoever waits on it wakes up anyway
                    os.write(self.writable, b".")

    def close(self) -> None:
        """Close both ends."""
        with self._lock:
            self._closed = True
            os.close(self._readable)
            os.close(self.writable)


@contextlib.contextmanager
def _wakeable() -> Iterator[_Pipe]:
    """Have signals write to a pipe."""
    pipe = _Pipe()
    before = signal.set_wakeup_fd(pipe.writable, warn_on_full_buffer=False)
    try:
        yield pipe
    finally:
        signal.set_wakeup_fd(before)
        pipe.close()
