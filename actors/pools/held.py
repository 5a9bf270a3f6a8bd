"""Calls that no worker of a pool can run now: each worker has another version of their action, or none.

They wait apart from all others, which they would hold up, until a worker joins that has their action.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.workers import Worker

MAX_HELD_OF_A_RUN: Final = 100
"""A run with so many of one action gets no further permits of the pool for that: each held call has one."""


class HeldCalls:
    """The calls that wait for a worker with their action, in their order.

    Attributes:
        full: The runs and actions of which `MAX_HELD_OF_A_RUN` calls or more are held. Any thread may look at it.
    """

    def __init__(self) -> None:
        self.full: set[tuple[str, str]] = set()
        self._calls: dict[PooledCall, None] = {}
        self._counts = Counter[tuple[str, str]]()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._calls)

    def __iter__(self) -> Iterator[PooledCall]:
        """Yield those that are held at this moment. Any thread may ask."""
        return iter(tuple(self._calls))

    def hold(self, pooled: PooledCall) -> None:
        """Add a call."""
        key = pooled.call.ids.run_id, pooled.call.ref
        self._calls[pooled] = None
        self._counts[key] += 1
        if self._counts[key] >= MAX_HELD_OF_A_RUN:
            self.full.add(key)

    def remove(self, pooled: PooledCall) -> bool:
        """Remove a call. Return False if it is not held."""
        if pooled not in self._calls:
            return False
        del self._calls[pooled]
        key = pooled.call.ids.run_id, pooled.call.ref
        self._counts[key] -= 1
        if self._counts[key] < MAX_HELD_OF_A_RUN:
            self.full.discard(key)
        if not self._counts[key]:
            del self._counts[key]
        return True

    def take(self, worker: Worker) -> list[PooledCall]:
        """Remove and return the calls that a worker can run."""
        found = [each for each in self._calls if worker.can_run(each.action)]
        for each in found:
            self.remove(each)
        return found

    def clear(self) -> list[PooledCall]:
        """Remove and return all calls."""
        found = list(self._calls)
        self._calls.clear()
        self._counts.clear()
        self.full.clear()
        return found


def count_waiting(
    run_id: str, waiting: Iterable[PooledCall], held: Iterable[PooledCall], workers: Collection[Worker]
) -> Counter[str]:
    """Return how many calls of a run wait, by the ref of an action that no worker has, or "" if one has it."""
    found = Counter[str]()
    for pooled in (*waiting, *held):
        if pooled.call.ids.run_id == run_id:
            there = not workers or any(each.can_run(pooled.action) for each in workers)
            found["" if there else pooled.call.ref] += 1
    return found
