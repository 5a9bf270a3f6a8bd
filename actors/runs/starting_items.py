"""The items of one run that wait to start: here, in pools, for permits or rates of keys, and sub-workflows."""

from collections import Counter, deque
from typing import Final, TypeAlias

from stretto.actors.history import KeyWait, RateWait
from stretto.actors.pools import HERE
from stretto.actors.runs.keyed_items import KeyedItems, Refused
from stretto.actors.runs.pooled_calls import NO_POOL, PoolAndAction, action_of, named_pool
from stretto.actors.runs.pooled_items import PooledItems
from stretto.actors.runs.rated_items import RatedItems
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import StartItem
from stretto.definitions.model import Workflow

Key: TypeAlias = tuple[str, int, int]
"""A task, its visit, and the item's index."""
Waiting: TypeAlias = tuple[StartItem, float | None]
"""A commanded start, and the end of the action before it on the monotonic clock."""

NO_KEYS: Final[frozenset[Key]] = frozenset()
NO_TASKS: Final[frozenset[str]] = frozenset()
NO_POOLS: Final[dict[str, str]] = {}
"""The pools of a run without tasks that name one. Nothing is added."""
HERE_OR_NONE: Final = frozenset({HERE, NO_POOL})
"""An item without a pool starts here, and fails then."""
NONE_REFUSED: Final[Refused] = deque()
NONE_WAIT: Final[deque[Waiting]] = deque()
"""The queue of all runs in which no item waits: an empty one has 760 bytes. Only `add` appends, to a run's own."""


def key_of(start: StartItem) -> Key:
    """Return the item that a command starts."""
    return start.task, start.visit, start.index


class ItemsToStart:
    """The queues of a run's items, which `ItemsInFlight` makes.

    Attributes:
        refused: Items without a key, with the kind and the message of each failure.
    """

    __slots__ = (
        "_children_waiting", "_fixed_pools", "_keyed", "_pooled", "_pooled_tasks", "_rated", "_request", "_run_id",
        "_services", "_waiting", "_workflow", "refused",
    )  # fmt: skip

    _services: Services
    _request: RunRequest
    _run_id: str
    _workflow: Workflow
    _waiting: deque[Waiting]
    _children_waiting: deque[Waiting]
    _fixed_pools: dict[str, str]
    _pooled: PooledItems | None
    _pooled_tasks: frozenset[str]
    _keyed: KeyedItems | None
    _rated: RatedItems | None
    refused: Refused

    def add(self, start: StartItem, preceding_end: float | None, *, has_key: bool = False) -> None:
        """Enqueue an item. With `has_key` it has a permit of its key."""
        if self._request.nested and action_of(self._workflow, start) in self._request.nested:
            if self._children_waiting is NONE_WAIT:
                self._children_waiting = deque()
            self._children_waiting.append((start, preceding_end))
            return
        if self._keyed is not None and not has_key and start.task in self._request.shape.keyed_tasks:
            self._keyed.add(start, preceding_end)
            return
        if self._rated is not None and start.task in self._request.shape.rated_tasks:
            self._rated.add(start, preceding_end)
            return
        if self._pooled is not None and start.task in self._pooled_tasks:
            pool = self._fixed_pools.get(start.task) or self._named_pool(start)
            if pool not in HERE_OR_NONE:
                self._pooled.add(pool, start, preceding_end, action_of(self._workflow, start))
                return
        if self._waiting is NONE_WAIT:
            self._waiting = deque()
        self._waiting.append((start, preceding_end))

    @property
    def any_waits(self) -> bool:
        """Whether any item waits, or is refused."""
        if self._waiting or self._children_waiting or (self._pooled is not None and self._pooled.any_waits):
            return True
        if self._rated is not None and self._rated.any_waits:
            return True
        return bool(self.refused) or (self._keyed is not None and self._keyed.any_waits)

    def _queues(self) -> tuple[deque[Waiting], ...]:
        here: tuple[deque[Waiting], ...] = (self._waiting, self._children_waiting)
        if self._keyed is not None:
            here = (*here, *self._keyed.queues())
        if self._rated is not None:
            here = (*here, *self._rated.queues())
        return here if self._pooled is None else (*here, *self._pooled.queues())

    def waiting(self) -> frozenset[Key]:
        """Return the items that wait."""
        return frozenset(key_of(start) for queue in self._queues() for start, _ in queue)

    def waiting_for_pools(self) -> dict[PoolAndAction, int]:
        """Return how many items wait for each pool, by the action that none of its workers has, or ""."""
        waiting = Counter[PoolAndAction]() if self._rated is None else self._rated.waiting_for_pools()
        waiting.update({} if self._pooled is None else self._pooled.waiting())
        return waiting

    def waiting_for_keys(self) -> tuple[KeyWait, ...]:
        """Return the keys whose permits items wait for."""
        return () if self._keyed is None else self._keyed.waits()

    def waiting_for_rates(self) -> tuple[RateWait, ...]:
        """Return the rates that items wait for."""
        return () if self._rated is None else self._rated.waits()

    def withdraw(self, task: str, visit: int, except_for: frozenset[Key] = NO_KEYS) -> tuple[int, ...]:
        """Remove the waiting items of a visit, and return their indexes."""
        withdrawn: list[int] = []
        for waiting in self._queues():
            remaining: list[Waiting] = []
            for each in waiting:
                key = key_of(each[0])
                if key[:2] == (task, visit) and key not in except_for:
                    withdrawn.append(key[2])
                else:
                    remaining.append(each)
            waiting.clear()
            waiting.extend(remaining)
        if self._keyed is not None:
            self._keyed.withdraw(task, visit, withdrawn)
        if self._rated is not None:
            self._rated.look_at_all()
        if self.refused:
            withdrawn += self._withdraw_refused(task, visit, except_for)
        return tuple(withdrawn)

    def _withdraw_refused(self, task: str, visit: int, except_for: frozenset[Key]) -> list[int]:
        """Remove the refused items of a visit, and return their indexes."""
        gone = [
            each
            for each in self.refused
            if (each[0].task, each[0].visit) == (task, visit) and key_of(each[0]) not in except_for
        ]
        for each in gone:
            self.refused.remove(each)
        return [each[0].index for each in gone]

    def remove_waiting(self, key: Key) -> StartItem | None:
        """Remove one item, and return its start, or None if it does not wait."""
        for waiting in self._queues():
            for each in waiting:
                if key_of(each[0]) == key:
                    waiting.remove(each)
                    if self._keyed is not None:
                        self._keyed.removed(key)
                    if self._rated is not None:
                        self._rated.look_at_all()
                    return each[0]
        return None

    def _named_pool(self, start: StartItem) -> str:
        return named_pool(self._services, self._workflow, start, self._run_id, self._fixed_pools)

    def _place_of(self, start: StartItem) -> str:
        """Return the pool in which an item that waits is to start."""
        if self._pooled is None or start.task not in self._pooled_tasks:
            return HERE
        return self._fixed_pools.get(start.task) or self._named_pool(start)

    def _held_action(self, pool: str, start: StartItem) -> str:
        """Return the ref of an item's action if it waits for a worker that has it, or ""."""
        if self._pooled is None or pool in HERE_OR_NONE:
            return ""
        ref = action_of(self._workflow, start)
        return ref if self._pooled.is_held(pool, ref) else ""
