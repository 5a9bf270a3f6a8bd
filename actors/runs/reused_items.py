"""What a rerun keeps of the run that it does again: settled in the old order, before anything is performed."""

import heapq
from collections import deque
from collections.abc import Callable

import msgspec

from stretto.definitions.conductor import DelayElapsed, Event, ItemCompleted, RetryDue, ReusePlan, StartItem


class KeptItems:
    """Items and waits that were commanded and are kept, until each has been settled by an event.

    Without `kept` there are none. `now` gives seconds since the epoch.
    """

    def __init__(self, kept: ReusePlan | None, now: Callable[[], float]) -> None:
        self._kept = kept
        self._now = now
        self._waits: deque[RetryDue | DelayElapsed] = deque()
        self._items: list[tuple[int, int, ItemCompleted]] = []
        self._taken = 0

    def __bool__(self) -> bool:
        return bool(self._waits or self._items)

    def take(self, start: StartItem) -> bool:
        """Take an item if it is kept; else it is to be performed."""
        if self._kept is None:
            return False
        position, completed = self._kept.position(start), self._kept.completion(start, self._now())
        if position is None or completed is None:
            return False
        heapq.heappush(self._items, (position, self._taken, completed))
        self._taken += 1
        return True

    def take_wait(self, wait: RetryDue | DelayElapsed) -> bool:
        """Take a wait of a kept task: it was waited for in the old run."""
        if self._kept is None or not self._kept.keeps(wait.task):
            return False
        self._waits.append(wait)
        return True

    def next(self) -> Event:
        """Return the event that settles the next one; IndexError if there is none."""
        if self._waits:
            return msgspec.structs.replace(self._waits.popleft(), at=self._now())
        return heapq.heappop(self._items)[2]
