"""The items of one run outside of its conductor: those that wait to be performed, and those that are."""

from collections import deque
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeAlias

import pykka

from stretto.actors.dispatch import Mailbox
from stretto.actors.journal import Child
from stretto.actors.runs.item import ItemActor
from stretto.actors.runs.messages import LetGo, PerformItem, Recipient, StopItem
from stretto.actors.runs.permits import AS_TOLD, RunPermits
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.actors.runs.telemetry import RunRecord
from stretto.definitions.conductor import ItemCompleted, StartItem

Key: TypeAlias = tuple[str, int, int]
"""A task, its visit, and the item's index."""
Waiting: TypeAlias = tuple[StartItem, float | None]
"""A start that was commanded, and when the action ended that it follows on, on the monotonic clock."""

STOP: Final = StopItem()
NO_KEYS: Final[frozenset[Key]] = frozenset()


def key_of(start: StartItem) -> Key:
    """Return which item a command starts."""
    return start.task, start.visit, start.index


class RunItems:
    """What waits, what is in flight, and the permits for that.

    An item that a workflow performs (it is *nested*) takes no permit: its own items do, and would wait for it for ever.
    """

    def __init__(self, services: Services, request: RunRequest, supervisor: Recipient, record: RunRecord) -> None:
        self.permits = RunPermits()
        self._services = services
        self._request = request
        self._run_id = request.handle.id
        self._workflow = request.workflow
        self._supervisor = supervisor
        self._record = record
        self._waiting: deque[Waiting] = deque()
        self._nested_waiting: deque[Waiting] = deque()
        self._being_recorded: set[Key] = set()
        self._running: dict[Key, Mailbox[Any]] = {}
        self._children: dict[Key, Mailbox[Any]] = {}

    # ---- what waits

    def add(self, start: StartItem, caused_at: float | None) -> None:
        """Have an item wait to be performed."""
        nested = self._request.nested and self._is_nested(start)
        (self._nested_waiting if nested else self._waiting).append((start, caused_at))

    def _is_nested(self, start: StartItem) -> bool:
        """Tell whether a workflow performs the item; an action's ref may be known only now."""
        action = start.prepared.action if start.prepared is not None else self._workflow.tasks[start.task].action
        return action in self._request.nested

    @property
    def any_waits(self) -> bool:
        """Whether any item waits."""
        return bool(self._waiting or self._nested_waiting)

    def next_nested(self) -> Waiting | None:
        """Take the next item that a workflow performs."""
        return self._nested_waiting.popleft() if self._nested_waiting else None

    def take_permitted(self) -> list[Waiting]:
        """Take the next items that actions perform, as many as there are permits for, or as can be had at once."""
        waiting, permits = self._waiting, self.permits
        free = permits.usable - len(self._running) - len(self._being_recorded)
        if free < len(waiting):
            taken = self._services.permits.take(self._run_id, len(waiting) - free)
            permits.granted(taken)
            free += taken
        return [waiting.popleft() for _ in range(min(free, len(waiting)))]

    def withdraw(self, task: str, visit: int, but: frozenset[Key] = NO_KEYS) -> tuple[int, ...]:
        """Have no item of a visit wait any more, but for some; return which ones did."""
        withdrawn: list[int] = []
        for waiting in (self._waiting, self._nested_waiting):
            kept: list[Waiting] = []
            for each in waiting:
                key = key_of(each[0])
                if key[:2] == (task, visit) and key not in but:
                    withdrawn.append(key[2])
                else:
                    kept.append(each)
            waiting.clear()
            waiting.extend(kept)
        return tuple(withdrawn)

    def take_back(self, key: Key) -> StartItem | None:
        """Have an item not wait any more; return its start if it did."""
        for waiting in (self._waiting, self._nested_waiting):
            for each in waiting:
                if key_of(each[0]) == key:
                    waiting.remove(each)
                    return each[0]
        return None

    # ---- what is in flight

    def record_first(self, start: StartItem) -> None:
        """Count an item as in flight while it is written down that it is about to be."""
        self._being_recorded.add(key_of(start))

    def recorded(self, start: StartItem) -> None:
        """It has been written down."""
        self._being_recorded.discard(key_of(start))

    def perform(self, start: StartItem, caused_at: float | None) -> None:
        """Have an action performed."""
        self._running[start.task, start.visit, start.index] = self._start(start, caused_at)

    def perform_nested(self, start: StartItem, caused_at: float | None, child: Child | None = None) -> None:
        """Have a workflow performed; `child` is the run that does that already."""
        self._children[key_of(start)] = self._start(start, caused_at, self._request.depth + 1, child)

    def _start(
        self, start: StartItem, caused_at: float | None, depth: int | None = None, child: Child | None = None
    ) -> Mailbox[Any]:
        if start.attempt > 1:
            self._record.retried()
        services, workflow = self._services, self._workflow
        task, core_actions = workflow.tasks[start.task], workflow.semantics.core_actions
        perform = PerformItem(start, task, self._supervisor, caused_at, depth, core_actions, child)
        return ItemActor.perform_on(services.dispatcher, perform, services, self._run_id, workflow.ref)

    def ended(self, completed: ItemCompleted) -> None:
        """A try has ended, and its actor with it."""
        key = (completed.task, completed.visit, completed.index)
        if self._running.pop(key, None) is None:
            self._children.pop(key, None)

    def idle_but_for(self, paused: AbstractSet[Key]) -> bool:
        """Tell whether nothing is in flight but some items that paused workflows perform."""
        return not (self._running or self._being_recorded) and self._children.keys() <= paused

    def tell(self, key: Key, message: Any) -> None:
        """Tell an item's actor, if it has one."""
        item = self._running.get(key) or self._children.get(key)
        if item is None:
            return
        try:
            item.tell(message)
        except pykka.ActorDeadError:
            return  # it has ended by itself: its report is in the supervisor's mailbox

    def tell_children(self, message: Any) -> None:
        """Tell the items that workflows perform."""
        for key in list(self._children):
            self.tell(key, message)

    def stop(self) -> None:
        """Stop all that is in flight."""
        for key in (*self._running, *self._children):
            self.tell(key, STOP)

    def leave(self, *, children: LetGo | StopItem) -> None:
        """Stop what actions perform; what workflows perform is told `children`."""
        for key in self._running:
            self.tell(key, STOP)
        self.tell_children(children)

    # ---- what is told of them

    def settle_permits(self, *, paused: bool) -> bool:
        """Give back permits that are not needed, and wait for missing ones; True: the engine is to share out."""
        in_flight = len(self._running) + len(self._being_recorded)
        settled = self.permits.settle(in_flight, 0 if paused else len(self._waiting))
        if settled is AS_TOLD:
            return False
        pool = self._services.permits
        returned = settled.returned > 0 and pool.give_back(self._run_id, settled.returned)
        requested = settled.requested is not None and pool.request(self._run_id, settled.requested)
        return returned or requested

    def leave_permits(self) -> bool:
        """Give all permits back, as the run has ended; True: the engine is to share out."""
        return self._services.permits.forget(self._run_id)

    def waiting(self) -> frozenset[Key]:
        """Return the items that wait."""
        return frozenset(key_of(start) for start, _ in (*self._waiting, *self._nested_waiting))

    def nested(self) -> frozenset[Key]:
        """Return the items in flight that workflows perform."""
        return frozenset(self._children)

    def mailboxes(self) -> dict[Key, Mailbox[Any]]:
        """Return the mailboxes of the items in flight."""
        return {**self._running, **self._children}
