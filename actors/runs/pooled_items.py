"""The items of one run that run in pools: those that wait for a permit of their pool, and those in flight."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from stretto.actors.pools import Pool
from stretto.actors.runs.permits import UNCHANGED, PermitPool, RunPermits
from stretto.definitions.conductor import StartItem

Key: TypeAlias = tuple[str, int, int]
Waiting: TypeAlias = tuple[StartItem, float | None]


class PoolQueue(msgspec.Struct):
    """The items of one pool.

    Attributes:
        permits: The run's permits of the pool.
        waiting: The items that wait.
        in_flight: How many are in flight, or about to be once their start is recorded.
        missing: How many items wait for a permit only, but not in this queue.
    """

    permits: RunPermits
    waiting: deque[Waiting]
    in_flight: int = 0
    missing: int = 0


class PooledItems:
    """Starts the items of pools as far as the permits of each pool allow.

    Args:
        run_id: The run.
        permits: The permits of all pools by name.
        pools: The pools.
    """

    __slots__ = ("_carried", "_in_flight", "_pools", "_queues", "_run_id")

    def __init__(self, run_id: str, permits: Mapping[str, PermitPool], pools: Mapping[str, Pool]) -> None:
        self._run_id = run_id
        self._pools = permits
        self._carried = pools
        self._queues: dict[str, PoolQueue] = {}
        self._in_flight: dict[Key, str] = {}

    def __len__(self) -> int:
        """Return how many items are in flight."""
        return len(self._in_flight)

    def add(self, pool: str, start: StartItem, preceding_end: float | None) -> None:
        """Enqueue an item."""
        if pool not in self._queues:
            self._queues[pool] = PoolQueue(RunPermits(), deque())
        self._queues[pool].waiting.append((start, preceding_end))

    @property
    def any_waits(self) -> bool:
        """Whether any item waits."""
        return any(queue.waiting for queue in self._queues.values())

    def queues(self) -> Iterator[deque[Waiting]]:
        """Yield the queues of items that wait."""
        for queue in self._queues.values():
            yield queue.waiting

    def waiting(self) -> dict[str, int]:
        """Return how many items wait for each pool."""
        return {pool: len(queue.waiting) for pool, queue in self._queues.items() if queue.waiting}

    def pool_of(self, key: Key) -> str | None:
        """Return the pool of an item in flight, or None if it is not one of a pool."""
        return self._in_flight.get(key)

    def in_flight(self) -> tuple[Key, ...]:
        """Return the items in flight."""
        return tuple(self._in_flight)

    def take_permitted(self) -> Iterator[tuple[StartItem, float | None, str]]:
        """Take items that wait as far as permits allow, each with its pool. They are in flight from now on."""
        for pool, queue in self._queues.items():
            free = queue.permits.usable - queue.in_flight
            missing = len(queue.waiting) - free
            if missing > 0 and self._run_id not in self._carried[pool].held_up:
                taken = self._pools[pool].take(self._run_id, missing)
                queue.permits.granted(taken)
                free += taken
            for _ in range(min(free, len(queue.waiting))):
                start, preceding_end = queue.waiting.popleft()
                queue.in_flight += 1
                self._in_flight[start.task, start.visit, start.index] = pool
                yield start, preceding_end, pool

    def has_permit(self, pool: str, count: int) -> bool:
        """Return whether one of `count` further items of a pool may start now. If not, they wait for permits."""
        queue = self._queues.setdefault(pool, PoolQueue(RunPermits(), deque()))
        free = queue.permits.usable - queue.in_flight - len(queue.waiting)
        if free <= 0 and self._run_id not in self._carried[pool].held_up:
            taken = self._pools[pool].take(self._run_id, count - free)
            queue.permits.granted(taken)
            free += taken
        queue.missing = 0 if free > 0 else count
        return free > 0

    def begin(self, pool: str, key: Key) -> None:
        """Note that an item with a permit is in flight from now on."""
        self._queues[pool].in_flight += 1
        self._in_flight[key] = pool

    def ended(self, key: Key) -> None:
        """Remove an item that is no more in flight."""
        pool = self._in_flight.pop(key, None)
        if pool is not None:
            self._queues[pool].in_flight -= 1

    def granted(self, pool: str, count: int) -> None:
        """Add permits of a pool."""
        self._queues[pool].permits.granted(count)

    def reclaimed(self, pool: str, count: int) -> None:
        """Return permits of a pool as items end."""
        if pool in self._queues:
            self._queues[pool].permits.reclaimed(count)

    def update_permits(self, *, paused: bool) -> bool:
        """Release unneeded permits and request missing ones. Return True if the engine has to share permits out."""
        asks = False
        for name, queue in self._queues.items():
            waiting, queue.missing = len(queue.waiting) + queue.missing, 0
            carried = self._carried[name]
            carried.note_waiting(self._run_id, waiting)
            wants_none = paused or self._run_id in carried.held_up
            update = queue.permits.reconcile(queue.in_flight, 0 if wants_none else waiting)
            if update is UNCHANGED:
                continue
            pool = self._pools[name]
            asks = (update.returned > 0 and pool.release(self._run_id, update.returned)) or asks
            asks = (update.requested is not None and pool.request(self._run_id, update.requested)) or asks
        return asks
