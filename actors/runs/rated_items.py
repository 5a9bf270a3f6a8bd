"""The items of one run that wait until the rate of their key lets them start."""

from collections import Counter, deque
from collections.abc import Iterator
from typing import TypeAlias

from stretto.actors.dispatch import Recipient
from stretto.actors.history import RateWait
from stretto.actors.runs.keyed_items import Refused, key_or_refusal
from stretto.actors.runs.pooled_calls import PoolAndAction
from stretto.actors.runs.rate_limits import RATE_PREFIX, RatePool
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import StartItem
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.model import Workflow

Waiting: TypeAlias = tuple[StartItem, float | None]


class RateQueue:
    """The items of one key.

    Attributes:
        key: The key.
        pool: The times of the key.
        waiting: The items that wait.
        is_blocked: Whether something else than the rate keeps the next item from its start.
        full: The pool of workers without room for the next item, and the action that none of them has, or "". Or None.
    """

    __slots__ = ("full", "is_blocked", "key", "pool", "waiting")

    def __init__(self, key: str, pool: RatePool) -> None:
        self.key = key
        self.pool = pool
        self.waiting: deque[Waiting] = deque()
        self.is_blocked = True
        self.full: PoolAndAction | None = None


class RatedItems:
    """Lets items of a run start as the rates of their keys allow.

    Args:
        services: The engine's services.
        workflow: The run's workflow.
        run_id: The run.
        supervisor: Is reminded when an item may start.
        refused: Gets the items without a key, each with the code and the message of the failure.
    """

    __slots__ = (
        "_limits", "_open", "_paused", "_queues", "_refused", "_run_id", "_services", "_supervisor", "_workflow",
    )  # fmt: skip

    def __init__(
        self, services: Services, workflow: Workflow, run_id: str, supervisor: Recipient, refused: Refused
    ) -> None:
        self._services = services
        self._limits = services.rate_limits
        self._workflow = workflow
        self._run_id = run_id
        self._supervisor = supervisor
        self._refused = refused
        self._queues: dict[str, RateQueue] = {}
        self._open: dict[str, None] = {}
        """The keys to look at: the items of all others wait for their reminder."""
        self._paused = False

    def add(self, start: StartItem, preceding_end: float | None) -> None:
        """Enqueue an item of a task with a rate, or refuse it."""
        rate = self._workflow.tasks[start.task].rate
        if rate is None:
            raise ValueError(f"the task {start.task!r} has no rate")
        key = key_or_refusal(self._services, rate.key, "key of a rate", start, self._run_id)
        if not isinstance(key, str):
            self._refused.append(key)
            return
        try:
            pool = self._limits.join(self._run_id, key, rate)
        except LimitExceeded as error:
            self._refused.append((start, error.code, str(error)))
            return
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = RateQueue(key, pool)
        queue.waiting.append((start, preceding_end))
        self._open[key] = None

    @property
    def any_waits(self) -> bool:
        """Whether any item waits."""
        return any(queue.waiting for queue in self._queues.values())

    def queues(self) -> Iterator[deque[Waiting]]:
        """Yield the queues of items that wait."""
        for queue in self._queues.values():
            yield queue.waiting

    def due(self) -> Iterator[tuple[RateQueue, int]]:
        """Yield each queue again and again while items of it may start, with how many, until it is blocked."""
        for key in tuple(self._open):
            queue = self._queues.get(key)
            if queue is None:
                continue
            queue.is_blocked, queue.full = False, None
            while count := min(queue.pool.usable(self._run_id), len(queue.waiting)):
                yield queue, count
                if queue.is_blocked:
                    break

    def take(self, queue: RateQueue) -> bool:
        """Use a time for the first item of a queue, which starts now. Return False if it may not start."""
        if not queue.pool.take(self._run_id):
            return False
        queue.waiting.popleft()
        return True

    def granted(self, pool: str) -> None:
        """Note that an item of a key may start."""
        key = pool.removeprefix(RATE_PREFIX)
        queue = self._queues.get(key)
        if queue is not None:
            queue.pool.rang()
            self._open[key] = None

    def look_at_all(self) -> None:
        """Note that items were removed from queues."""
        self._open.update(dict.fromkeys(self._queues))

    @property
    def open(self) -> int:
        """How many keys are to be looked at."""
        return len(self._open)

    def end_turn(self, *, paused: bool) -> None:
        """Wait for the times that are missing. A queue that something else blocks does not keep other runs waiting."""
        if paused != self._paused:
            self._paused = paused
            self.look_at_all()
        looked_at, self._open = self._open, {}
        for key in looked_at:
            queue = self._queues.get(key)
            if queue is None:
                continue
            if not queue.waiting:
                del self._queues[key]
                self._limits.leave(self._run_id, key)
            elif paused or queue.is_blocked:
                queue.pool.wait(self._run_id, 0, self._supervisor)
                self._open[key] = None
            else:
                queue.pool.wait(self._run_id, len(queue.waiting), self._supervisor)
                queue.is_blocked = True  # until its items are looked at again

    def waits(self) -> tuple[RateWait, ...]:
        """Return the rates that items wait for. An item waits for a pool first, if that is full."""
        now = self._services.now()
        found = []
        for queue in self._queues.values():
            if queue.waiting and queue.full is None:
                use = queue.pool.use(self._run_id)
                until = None if use.seconds is None else now + use.seconds
                found.append(RateWait(queue.key, len(queue.waiting), use.limit, use.per, until))
        return tuple(found)

    def waiting_for_pools(self) -> Counter[PoolAndAction]:
        """Return how many items wait for each pool of workers that has no room for them, and for which action."""
        waiting = Counter[PoolAndAction]()
        for queue in self._queues.values():
            if queue.full is not None:
                waiting[queue.full] += len(queue.waiting)
        return waiting
