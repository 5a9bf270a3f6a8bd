"""Deadlines of a worker's calls: one thread serves all of them."""

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Final

MAX_FORGOTTEN: Final = 1_000


class Deadlines:
    """Calls functions when they are due, on one thread that starts with the first of them."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int]] = []
        self._functions: dict[int, Callable[[], object]] = {}
        self._changed = threading.Condition()
        self._numbers = count()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def add(self, seconds: float, function: Callable[[], object]) -> int:
        """Call a function in so many seconds. It must return at once and raise nothing. Return its number."""
        with self._changed:
            number = next(self._numbers)
            self._functions[number] = function
            heapq.heappush(self._waiting, (time.monotonic() + seconds, number))
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="stretto-pool-deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()
        return number

    def forget(self, number: int) -> None:
        """Do not call a function. Its place is given back in time, so that quick calls with long ones take no room."""
        with self._changed:
            self._functions.pop(number, None)
            if len(self._waiting) > 2 * len(self._functions) + MAX_FORGOTTEN:
                self._waiting = [each for each in self._waiting if each[1] in self._functions]
                heapq.heapify(self._waiting)

    def stop(self) -> None:
        """Call no more functions, and end the thread. Idempotent."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while (number := self._next()) is not None:
            function = self._functions.pop(number, None)
            if function is not None:
                function()

    def _next(self) -> int | None:
        """Wait for the next function that is due. Return None at the stop."""
        with self._changed:
            while not self._stopped:
                left = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._waiting)[1]
                self._changed.wait(left)
        return None
