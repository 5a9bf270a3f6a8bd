"""Waiting for an answer so that Ctrl-C is never lost.

A signal that arrives just before the main thread blocks on a lock does not wake it: Python's handler would run when the
lock is released, which may be never. Here the main thread blocks on a pipe that the signal itself writes to.
"""

import contextlib
import os
import select
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pykka


def wait_for(future: pykka.Future[Any]) -> Any:
    """Return what a future gives, or raise what it raises; Ctrl-C raises `KeyboardInterrupt` at once, always."""
    with _wakeable() as pipe:
        arrived = threading.Event()

        def watch() -> None:
            with contextlib.suppress(Exception):  # whatever it is, the main thread gets it from the future
                future.get()
            arrived.set()
            pipe.wake()

        threading.Thread(target=watch, name="stretto-wait", daemon=True).start()
        while not arrived.is_set():
            pipe.wait()
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
