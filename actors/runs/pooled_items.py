"""The items of one run that run in pools: those that wait for a permit of their pool, and those in flight."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from stretto.actors.pools import Pool
from stretto.actors.runs.permits import UNCHANGED, PermitPool, RunPermits
from stretto.actors.runs.pooled_calls import PoolAndAction, action_of
from stretto.definitions.conductor import StartItem
from stretto.definitions.model import Workflow

Key: TypeAlias = tuple[str, int, int]
Waiting: TypeAlias = tuple[StartItem, float | None]


class PoolQueue(msgspec.Struct):
    """The items of one pool.

    Attributes:
        permits: The run's permits of the pool.
        waiting: The items that wait for a permit.
        held: Those that wait for a worker with their action, by that action. They take no permit.
        actions: The actions of all items that were added.
        in_flight: How many are in flight, or about to be once their start is recorded.
        missing: How many items wait for a permit only, but not in this queue.
    """

    permits: RunPermits
    waiting: deque[Waiting]
    held: dict[str, deque[Waiting]]
    actions: set[str]
    in_flight: int = 0
    missing: int = 0

    @property
    def all_waiting(self) -> int:
        """How many items wait in this queue."""
        return len(self.waiting) + sum(map(len, self.held.values()))


class PooledItems:
    """Starts the items of pools as far as the permits of each pool allow.

    Args:
        workflow: The run's workflow.
        run_id: The run.
        permits: The permits of all pools by name.
        pools: The pools.
    """

    __slots__ = ("_carried", "_in_flight", "_pools", "_queues", "_run_id", "_workflow")

    def __init__(
        self, workflow: Workflow, run_id: str, permits: Mapping[str, PermitPool], pools: Mapping[str, Pool]
    ) -> None:
        self._workflow = workflow
        self._run_id = run_id
        self._pools = permits
        self._carried = pools
        self._queues: dict[str, PoolQueue] = {}
        self._in_flight: dict[Key, str] = {}

    def __len__(self) -> int:
        """Return how many items are in flight."""
        return len(self._in_flight)

    def add(self, pool: str, start: StartItem, preceding_end: float | None, action: str) -> None:
        """Enqueue an item with its action."""
        queue = self._queues.get(pool)
        if queue is None:
            queue = self._queues[pool] = PoolQueue(RunPermits(), deque(), {}, set())
        queue.actions.add(action)
        queue.held.get(action, queue.waiting).append((start, preceding_end))

    @property
    def any_waits(self) -> bool:
        """Whether any item waits."""
        return any(queue.all_waiting for queue in self._queues.values())

    def queues(self) -> Iterator[deque[Waiting]]:
        """Yield the queues of items that wait."""
        for queue in self._queues.values():
            yield queue.waiting
            yield from queue.held.values()

    def waiting(self) -> dict[PoolAndAction, int]:
        """Return how many items wait for each pool, by the action that none of its workers has, or ""."""
        queues = (
            ((pool, action), len(waiting))
            for pool, queue in self._queues.items()
            for action, waiting in (("", queue.waiting), *queue.held.items())
        )
        return {key: count for key, count in queues if count}

    def is_held(self, pool: str, action: str) -> bool:
        """Return whether further items of an action wait until a worker of a pool has it."""
        return (self._run_id, action) in self._carried[pool].held_up

    def pool_of(self, key: Key) -> str | None:
        """Return the pool of an item in flight, or None if it is not one of a pool."""
        return self._in_flight.get(key)

    def in_flight(self) -> tuple[Key, ...]:
        """Return the items in flight."""
        return tuple(self._in_flight)

    def take_permitted(self) -> Iterator[tuple[StartItem, float | None, str]]:
        """Take items that wait as far as permits allow, each with its pool. They are in flight from now on."""
        for pool, queue in self._queues.items():
            self._set_apart(pool, queue)
            free = queue.permits.usable - queue.in_flight
            missing = len(queue.waiting) - free
            if missing > 0:
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
        queue = self._queues.setdefault(pool, PoolQueue(RunPermits(), deque(), {}, set()))
        free = queue.permits.usable - queue.in_flight - len(queue.waiting)
        if free <= 0:
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
            self._set_apart(name, queue)
            missing, queue.missing = queue.missing, 0
            self._carried[name].note_waiting(self._run_id, queue.all_waiting + missing)
            update = queue.permits.reconcile(queue.in_flight, 0 if paused else len(queue.waiting) + missing)
            if update is UNCHANGED:
                continue
            pool = self._pools[name]
            asks = (update.returned > 0 and pool.release(self._run_id, update.returned)) or asks
            asks = (update.requested is not None and pool.request(self._run_id, update.requested)) or asks
        return asks

    def _set_apart(self, pool: str, queue: PoolQueue) -> None:
        """Set items apart that wait for a worker with their action, and take those back whose action is there."""
        if not queue.held and not self._carried[pool].held_up:
            return
        held = {each for each in queue.actions if self.is_held(pool, each)}
        for action in queue.held.keys() - held:
            queue.waiting.extendleft(reversed(queue.held.pop(action)))
        new = held - queue.held.keys()
        if not new:
            return
        queue.held.update((action, deque()) for action in new)
        waiting = tuple(queue.waiting)
        queue.waiting.clear()
        for each in waiting:
            queue.held.get(action_of(self._workflow, each[0]), queue.waiting).append(each)
