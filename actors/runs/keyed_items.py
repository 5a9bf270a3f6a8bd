"""The items of one run that need a permit of their key: those that wait for it, and those that have it."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from stretto.actors.dispatch import Overran
from stretto.actors.history import KeyWait
from stretto.actors.runs.item_failures import unrendered_failure
from stretto.actors.runs.key_limits import KEY_PREFIX, KeyLimits, KeyPool
from stretto.actors.runs.permits import UNCHANGED, RunPermits
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import StartItem
from stretto.definitions.dialects import MAX_KEY_LENGTH
from stretto.definitions.errors import ExpressionError, StrettoError
from stretto.definitions.expressions import Constant, Moment, Template
from stretto.definitions.model import Workflow

Key: TypeAlias = tuple[str, int, int]
Waiting: TypeAlias = tuple[StartItem, float | None]
Refusal: TypeAlias = tuple[StartItem, str, str]
"""An item without a key, with the code and the message of its failure."""
Refused: TypeAlias = deque[Refusal]


class InvalidKey(StrettoError):
    """The value of a task's `concurrency_key`, or of the key of its `rate`, is not a key."""

    code = "invalid_key"


def key_of_item(services: Services, key: Template, what: str, start: StartItem, run_id: str) -> str:
    """Return the key of an item.

    Args:
        services: The engine's services.
        key: Gives the key.
        what: The field, in messages.
        start: The item's start.
        run_id: The item's run.

    Raises:
        ExpressionError, Overran: The expression cannot be evaluated.
        InvalidKey: Its value is not a key, or has a secret in it.
    """
    if isinstance(key, Constant):
        value = key.value
    else:
        facts = start.scope.facts
        moment = Moment(start.at, run_id, start.task, start.visit, start.index, limits=facts.limits)
        value = services.guard.call(key.evaluate, start.scope, moment)
        if isinstance(value, str) and facts.mask.text(value) != value:
            raise InvalidKey(f"{what} must not have a secret in it: other runs and people see it")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY_LENGTH or "\0" in value:
        found = f"{len(value):,} characters" if isinstance(value, str) else type(value).__name__
        raise InvalidKey(f"{what} must be a text of 1 to {MAX_KEY_LENGTH} characters, got {found}")
    return value


def key_or_refusal(services: Services, key: Template, what: str, start: StartItem, run_id: str) -> str | Refusal:
    """Return the key of an item, see `key_of_item`, or why the item has none."""
    try:
        return key_of_item(services, key, what, start, run_id)
    except InvalidKey as error:
        return start, error.code, str(error)
    except (ExpressionError, Overran) as error:
        failure = unrendered_failure(error, services, {"run_id": run_id, "task": start.task})
        return start, failure.kind, failure.message


class _KeyQueue:
    """The items of one key.

    Attributes:
        pool: The permits of the key.
        permits: The run's permits of it.
        waiting: The items that wait for a permit.
        admitted: How many have one.
    """

    __slots__ = ("admitted", "permits", "pool", "waiting")

    def __init__(self, pool: KeyPool) -> None:
        self.pool = pool
        self.permits = RunPermits()
        self.waiting: deque[Waiting] = deque()
        self.admitted = 0


class KeyedItems:
    """Lets items of a run go on to their start as far as the permits of their keys allow.

    Args:
        services: The engine's services.
        workflow: The run's workflow.
        run_id: The run.
        refused: Gets the items without a key, each with the code and the message of the failure.
    """

    __slots__ = (
        "_admitted", "_changed", "_limits", "_paused", "_queues", "_refused", "_run_id", "_services", "_workflow",
    )  # fmt: skip

    def __init__(self, services: Services, workflow: Workflow, run_id: str, refused: Refused) -> None:
        self._services = services
        self._limits: KeyLimits = services.key_limits
        self._workflow = workflow
        self._run_id = run_id
        self._queues: dict[str, _KeyQueue] = {}
        self._admitted: dict[Key, str] = {}
        self._changed: dict[str, None] = {}
        """The keys to look at: those of the other items wait for a message."""
        self._paused = False
        self._refused = refused

    def add(self, start: StartItem, preceding_end: float | None) -> None:
        """Enqueue an item of a task with a limit, or refuse it."""
        limit = self._workflow.tasks[start.task].key_limit
        if limit is None:
            raise ValueError(f"the task {start.task!r} has no concurrency_key")
        key = key_or_refusal(self._services, limit.key, "concurrency_key", start, self._run_id)
        if not isinstance(key, str):
            self._refused.append(key)
            return
        queue = self._queues.get(key)
        pool = self._limits.join(self._run_id, key, limit.limit)
        if queue is None:
            queue = self._queues[key] = _KeyQueue(pool)
        queue.waiting.append((start, preceding_end))
        self._changed[key] = None

    @property
    def any_waits(self) -> bool:
        """Whether any item waits."""
        return any(queue.waiting for queue in self._queues.values())

    def queues(self) -> Iterator[deque[Waiting]]:
        """Yield the queues of items that wait."""
        for queue in self._queues.values():
            yield queue.waiting

    def take_permitted(self) -> Iterator[Waiting]:
        """Take items that have a permit of their key now."""
        for key in tuple(self._changed):
            queue = self._queues.get(key)
            if queue is None:
                continue
            free = queue.permits.usable - queue.admitted
            missing = len(queue.waiting) - free
            if missing > 0:
                taken = queue.pool.take(self._run_id, missing)
                queue.permits.granted(taken)
                free += taken
            for _ in range(min(free, len(queue.waiting))):
                start, preceding_end = queue.waiting.popleft()
                queue.admitted += 1
                self._admitted[start.task, start.visit, start.index] = key
                yield start, preceding_end

    def ended(self, item: Key) -> None:
        """Note that an item needs its permit no more: its attempt has ended, or will not start."""
        key = self._admitted.pop(item, None)
        if key is not None:
            self._queues[key].admitted -= 1
            self._changed[key] = None

    def withdraw(self, task: str, visit: int, withdrawn: Iterable[int]) -> None:
        """Note that items of a visit were removed from queues."""
        for index in withdrawn:
            self.ended((task, visit, index))
        self._look_at_all()

    def removed(self, item: Key) -> None:
        """Note that one item was removed from its queue."""
        self.ended(item)
        self._look_at_all()

    def _look_at_all(self) -> None:
        self._changed.update(dict.fromkeys(self._queues))

    def granted(self, pool: str, count: int) -> None:
        """Add permits of a key."""
        queue = self._queues.get(pool.removeprefix(KEY_PREFIX))
        if queue is not None:
            queue.permits.granted(count)
            self._changed[pool.removeprefix(KEY_PREFIX)] = None

    def reclaimed(self, pool: str, count: int) -> None:
        """Return permits of a key as items end."""
        queue = self._queues.get(pool.removeprefix(KEY_PREFIX))
        if queue is not None:
            queue.permits.reclaimed(count)
            self._changed[pool.removeprefix(KEY_PREFIX)] = None

    def update_permits(self, *, paused: bool) -> bool:
        """Release unneeded permits and request missing ones. Return True if the engine has to share permits out."""
        if paused != self._paused:
            self._paused = paused
            self._look_at_all()
        asks, changed, self._changed = False, self._changed, {}
        for key in changed:
            queue = self._queues.get(key)
            if queue is None:
                continue
            update = queue.permits.reconcile(queue.admitted, 0 if paused else len(queue.waiting))
            if update is not UNCHANGED:
                asks = (update.returned > 0 and queue.pool.release(self._run_id, update.returned)) or asks
                asks = (update.requested is not None and queue.pool.request(self._run_id, update.requested)) or asks
            if not queue.waiting and not queue.admitted and queue.pool.is_unused_by(self._run_id):
                del self._queues[key]
                self._limits.leave(self._run_id, key)
            elif queue.waiting and queue.permits.usable > queue.admitted:
                self._changed[key] = None  # nothing could start in this turn: the journal had no room
        return asks

    def waits(self) -> tuple[KeyWait, ...]:
        """Return the keys that items wait for, and who has their permits."""
        waiting = {key: len(queue.waiting) for key, queue in self._queues.items() if queue.waiting}
        uses = [(key, count, self._limits.use(key)) for key, count in waiting.items()]
        return tuple(KeyWait(key, count, use.limit, use.runs, use.others) for key, count, use in uses)
