"""The results that a rerun reuses. They are settled in the old order, before any item runs."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from stretto.actors.dispatch import Recipient
from stretto.actors.runs.messages import SettleReused
from stretto.definitions.conductor import DelayElapsed, Event, ItemCompleted, RetryDue, ReusePlan, StartItem

SETTLED_AT_ONCE: Final = 64
"""Reused items settled in one turn, so that other runs get turns in between."""


NO_WAITS: Final[deque[RetryDue | DelayElapsed]] = deque()
"""The waits of all runs that reuse nothing."""


class ReusedItems:
    """Commanded items and waits that are reused, until each has been settled by an event."""

    __slots__ = ("_items", "_now", "_plan", "_scheduled", "_supervisor", "_taken", "_waits")

    def __init__(self, plan: ReusePlan | None, now: Callable[[], float], supervisor: Recipient) -> None:
        """Reuse the results of an earlier run.

        Args:
            plan: The results to reuse. None for none.
            now: Returns seconds since the epoch.
            supervisor: Gets `SettleReused` while there are items to settle.
        """
        self._plan = plan
        self._now = now
        self._supervisor = supervisor
        self._waits = NO_WAITS if plan is None else deque[RetryDue | DelayElapsed]()
        self._items: list[tuple[int, int, ItemCompleted]] = []
        self._taken = 0
        self._scheduled = False

    def __bool__(self) -> bool:
        return bool(self._waits or self._items)

    def take(self, start: StartItem) -> bool:
        """Take an item if its result is reused. Return False if it has to run."""
        if self._plan is None:
            return False
        position, completed = self._plan.position(start), self._plan.completion(start, self._now())
        if position is None or completed is None:
            return False
        heapq.heappush(self._items, (position, self._taken, completed))
        self._taken += 1
        self.schedule()
        return True

    def take_wait(self, wait: RetryDue | DelayElapsed) -> bool:
        """Take a wait of a reused task, which the old run has waited for. Return False for other waits."""
        if self._plan is None or not self._plan.keeps(wait.task):
            return False
        self._waits.append(wait)
        self.schedule()
        return True

    def schedule(self) -> None:
        """Send `SettleReused` to the supervisor, unless it is on its way."""
        if not self._scheduled:
            self._scheduled = True
            self._supervisor.tell(SettleReused())

    def pause(self) -> None:
        """Settle nothing more until the next `schedule`."""
        self._scheduled = False

    def portion(self) -> Iterator[Event]:
        """Yield the next events, and schedule the next portion if there are more."""
        for _ in range(SETTLED_AT_ONCE):
            if not self:
                break
            yield self.next()
        self._scheduled = False
        if self:
            self.schedule()

    def next(self) -> Event:
        """Return the event that settles the next item or wait. Raises IndexError if there is none."""
        if self._waits:
            return msgspec.structs.replace(self._waits.popleft(), at=self._now())
        return heapq.heappop(self._items)[2]


class _NothingReused(ReusedItems):
    """The results that a run reuses which repeats no other one."""

    __slots__ = ()

    def __init__(self) -> None:
        self._plan = None
        self._waits, self._items = NO_WAITS, []


NOTHING_REUSED: Final[ReusedItems] = _NothingReused()
"""Shared by all runs that reuse nothing."""
