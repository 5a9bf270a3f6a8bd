"""A counter without a lock, for numbers that change with each actor."""

import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Count:
    """An exact counter that any thread may increment without a lock.

    `next()` of an itertools.count is one step under the interpreter's lock. Reading takes a number as well, so the
    reads are subtracted (`__reduce__` has the number, but is deprecated since Python 3.12).
    """

    __slots__ = ("_lock", "_reads", "up")

    def __init__(self) -> None:
        self.up: Callable[[], int] = itertools.count().__next__
        self._reads = 0
        self._lock = threading.Lock()

    def value(self) -> int:
        """Return how often `up` was called."""
        with self._lock:
            value = self.up() - self._reads
            self._reads += 1
            return value
