"""Waiting for an answer without ever losing Ctrl-C.

A signal that arrives just before the main thread blocks on a lock does not wake it: Python's handler runs only when the
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
    """Return a future's value, or raise its error. Ctrl-C raises `KeyboardInterrupt` at once."""
    with arrivals() as arrived:

        def watch() -> None:
            with contextlib.suppress(Exception):  # the main thread gets the error from the future
                future.get()
            arrived.put(None)

        threading.Thread(target=watch, name="stretto-wait", daemon=True).start()
        arrived.get()
    return future.get()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Delay Ctrl-C until the `with` block is done; then `KeyboardInterrupt` is raised."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


class Arrivals(Generic[T]):
    """A queue from other threads and signal handlers to the main thread."""

    def __init__(self, pipe: "_Pipe") -> None:
        # SimpleQueue is made for signal handlers: they may put while the interrupted thread gets.
        self._waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._pipe = pipe

    def put(self, arrived: T) -> None:
        """Send something to the main thread from another one."""
        self._waiting.put(arrived)
        self._pipe.wake()

    def put_by_signal(self, arrived: T) -> None:
        """Send something from a signal's handler; the signal itself has written to the pipe."""
        self._waiting.put(arrived)

    def get(self) -> T:
        """Wait in the main thread for the next thing. Signal handlers run at once while this waits."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self._waiting.get_nowait()
            self._pipe.wait()


@contextlib.contextmanager
def arrivals() -> Iterator[Arrivals[Any]]:
    """Yield a queue that wakes the main thread on each arrival and each signal."""
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
        """Block until the pipe has been written to."""
        select.select([self._readable], [], [])
        os.read(self._readable, 64)

    def wake(self) -> None:
        """Write unless the pipe is closed: its number may be another file's by now."""
        with self._lock:
            if not self._closed:
                with contextlib.suppress(BlockingIOError):  # a full pipe wakes its reader anyway
                    os.write(self.writable, b".")

    def close(self) -> None:
        """Close both ends."""
        with self._lock:
            self._closed = True
            os.close(self._readable)
            os.close(self.writable)


@contextlib.contextmanager
def _wakeable() -> Iterator[_Pipe]:
    """Yield a pipe that signals write to."""
    pipe = _Pipe()
    before = signal.set_wakeup_fd(pipe.writable, warn_on_full_buffer=False)
    try:
        yield pipe
    finally:
        signal.set_wakeup_fd(before)
        pipe.close()
