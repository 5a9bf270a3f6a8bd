"""The items of one run outside of its conductor: those that wait to start, and those in flight."""

from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import Any, Final, TypeAlias

import pykka

from stretto.actors.dispatch import Mailbox, Recipient
from stretto.actors.history import ItemWait
from stretto.actors.journal import Child, Inquiry
from stretto.actors.pools import HERE
from stretto.actors.runs.event_wait_item import EventWaitItem
from stretto.actors.runs.item import ItemActor
from stretto.actors.runs.key_limits import KEY_PREFIX
from stretto.actors.runs.keyed_items import KeyedItems
from stretto.actors.runs.messages import Detach, RunItem, StopItem, WithdrawItem
from stretto.actors.runs.permits import UNCHANGED, RunPermits
from stretto.actors.runs.pooled_calls import action_of, tasks_with_actions, tasks_with_pools
from stretto.actors.runs.pooled_items import PooledItems
from stretto.actors.runs.rate_limits import RATE_PREFIX
from stretto.actors.runs.rated_items import RatedItems
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.actors.runs.starting_items import (
    HERE_OR_NONE,
    NO_KEYS,
    NO_POOLS,
    NO_TASKS,
    NONE_REFUSED,
    NONE_WAIT,
    ItemsToStart,
    Key,
    key_of,
)
from stretto.actors.runs.sub_workflow_item import SubWorkflowItem
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.actors.runs.waiting_item import WaitingItem
from stretto.actors.runs.waiting_messages import WaitedBefore
from stretto.definitions.conductor import ItemCompleted, StartItem

AT_ONCE_SECONDS: Final = 0.001
"""For so long items of pools take their first turns within that of their supervisor. The rest take turns of others."""
STOP: Final = StopItem()
WITHDRAW: Final = WithdrawItem()
WAITING_ITEMS: Final[dict[str, type[ItemActor]]] = {
    "core.ask": WaitingItem, "core.wait_for": EventWaitItem
}  # fmt: skip
"""The actors of items that wait for messages, by their actions."""
RecordFirst: TypeAlias = Callable[[StartItem, float | None], None]
_NONE_RECORDED: Final[dict[Key, None]] = {}
"""Shared by all runs in which no start is being recorded. Nothing is added to it."""
WAITING_KINDS: Final = (WaitingItem, EventWaitItem)


class ItemsInFlight(ItemsToStart):
    """Starts the items that wait, as far as permits allow, and stops those in flight.

    An item with a sub-workflow takes no permit: its own items do, and would wait for its permit forever.
    """

    __slots__ = (
        "_at_once_until", "_being_recorded", "_children", "_lane", "_missing", "_requested_by", "_running",
        "_supervisor", "_telemetry", "permits",
    )  # fmt: skip

    def __init__(self, services: Services, request: RunRequest, supervisor: Recipient, telemetry: RunTelemetry) -> None:
        self.permits = RunPermits()
        # The queues are made here: a call less for each run.
        self._services = services
        self._request = request
        self._run_id = request.handle.id
        self._workflow = request.workflow
        self._waiting = self._children_waiting = NONE_WAIT
        may_leave = tasks_with_pools if services.runs_on == HERE else tasks_with_actions
        self._pooled_tasks = NO_TASKS if services.pools is None else may_leave(request.workflow)
        self._fixed_pools = {} if self._pooled_tasks else NO_POOLS
        self._pooled = None
        if services.pools is not None and self._pooled_tasks:
            self._pooled = PooledItems(request.workflow, self._run_id, services.pool_permits, services.pools)
        # Most have none with a `concurrency_key` or a `rate`.
        self._keyed = self._rated = None
        self.refused = NONE_REFUSED
        if request.shape.keyed_tasks or request.shape.rated_tasks:
            self.refused = deque()
        if request.shape.keyed_tasks:
            self._keyed = KeyedItems(services, request.workflow, self._run_id, self.refused)
        if request.shape.rated_tasks:
            self._rated = RatedItems(services, request.workflow, self._run_id, supervisor, self.refused)
        self._missing = 0  # items that wait for permits, but not in the queue of those
        self._requested_by = None if request.requested_by is None else request.requested_by.who
        self._lane = request.lane or services.dispatcher.lane()
        self._supervisor = supervisor
        self._telemetry = telemetry
        self._being_recorded = _NONE_RECORDED
        self._at_once_until = 0.0
        self._running: dict[Key, ItemActor] = {}
        self._children: dict[Key, ItemActor] = {}

    def is_outstanding(self, key: Key) -> bool:
        """Return whether an item waits to start or is in flight. One with a sub-workflow does not count."""
        if key in self._running or key in self._being_recorded:
            return True
        return any(
            key_of(start) == key
            for queue in self._queues()
            if queue is not self._children_waiting
            for start, _ in queue
        )

    def withdraw(self, task: str, visit: int, except_for: frozenset[Key] = NO_KEYS) -> tuple[int, ...]:
        """Remove the waiting items of a visit, and return their indexes.

        Items in flight whose call waits for a worker of a pool are cancelled.
        """
        for key in () if self._pooled is None else self._pooled.in_flight():
            if key[:2] == (task, visit) and key not in except_for:
                self.send(key, WITHDRAW)
        return super().withdraw(task, visit, except_for)

    # ---- items that start

    def start_permitted(self, record_first: RecordFirst) -> None:
        """Start all items with a sub-workflow, and the others as far as permits allow.

        Args:
            record_first: Called for items that may start only once that is durable (`delivery: at_most_once`), with
                the start and the preceding end. `start_recorded` or `start_dropped` follows.
        """
        while self._children_waiting:
            self.start_child(*self._children_waiting.popleft())
        if self._keyed is not None:
            for start, preceding_end in self._keyed.take_permitted():
                self.add(start, preceding_end, has_key=True)
        waiting, permits = self._waiting, self.permits
        free = permits.usable - len(self._running) - len(self._being_recorded)
        if self._pooled is not None:
            free += len(self._pooled)
        if free < len(waiting):
            taken = self._services.permits.take(self._run_id, len(waiting) - free)
            permits.granted(taken)
            free += taken
        durable, tasks = self._services.journal.durable, self._workflow.tasks
        for _ in range(min(free, len(waiting))):
            start, preceding_end = waiting.popleft()
            if durable and tasks[start.task].delivery == "at_most_once":
                self._start_one(start, preceding_end, None, record_first)
            else:  # a call less for each item
                self._running[start.task, start.visit, start.index] = self._start(start, preceding_end)
        if self._pooled is not None:
            self._start_pooled(self._pooled, record_first)
        if self._rated is not None:
            self._start_rated(self._rated, record_first)

    def _start_pooled(self, pooled: PooledItems, record_first: RecordFirst) -> None:
        self._at_once_until = monotonic() + AT_ONCE_SECONDS
        for start, preceding_end, pool in pooled.take_permitted():
            self._start_one(start, preceding_end, pool, record_first)

    def _start_one(self, start: StartItem, preceding_end: float | None, pool: str | None, record: RecordFirst) -> None:
        if self._services.journal.durable and self._workflow.tasks[start.task].delivery == "at_most_once":
            self._being_recorded = self._being_recorded or {}
            self._being_recorded[key_of(start)] = None
            record(start, preceding_end)
        else:
            self._running[start.task, start.visit, start.index] = self._start(start, preceding_end, pool=pool)

    def _start_rated(self, rated: RatedItems, record_first: RecordFirst) -> None:
        """Start the items whose time has come. An item uses its time only once it has all permits."""
        for queue, count in rated.due():
            start, preceding_end = queue.waiting[0]
            pool = self._place_of(start)
            held = self._held_action(pool, start)
            if held or not self._has_permit(pool, max(count, rated.open)):
                queue.is_blocked = True
                if self._pooled is None:
                    break  # so are all others
                if pool not in HERE_OR_NONE:
                    queue.full = pool, held
            elif rated.take(queue):
                if self._pooled is not None and pool not in HERE_OR_NONE:
                    self._pooled.begin(pool, key_of(start))
                self._start_one(start, preceding_end, pool, record_first)

    def _has_permit(self, pool: str, count: int) -> bool:
        """Return whether one of `count` items may start now. If not, they wait for permits."""
        if self._pooled is not None and pool not in HERE_OR_NONE:
            return self._pooled.has_permit(pool, count)
        in_flight = len(self._running) + len(self._being_recorded) - (0 if self._pooled is None else len(self._pooled))
        free = self.permits.usable - in_flight - len(self._waiting)
        if free <= 0:
            taken = self._services.permits.take(self._run_id, count - free)
            self.permits.granted(taken)
            free += taken
        if free <= 0:
            self._missing = count
        return free > 0

    def start_recorded(self, start: StartItem, preceding_end: float | None) -> None:
        """Start an item whose start is durable."""
        self._being_recorded.pop(key_of(start), None)
        self._running[key_of(start)] = self._start(start, preceding_end)

    def start_dropped(self, start: StartItem) -> None:
        """Do not start an item whose start is durable."""
        self._being_recorded.pop(key_of(start), None)
        if self._pooled is not None:
            self._pooled.ended(key_of(start))
        if self._keyed is not None:
            self._keyed.ended(key_of(start))

    def start_child(
        self, start: StartItem, preceding_end: float | None, child: Child | Inquiry | WaitedBefore | None = None
    ) -> None:
        """Start an item with a sub-workflow, or one that waits. `child` is what it had before a recovery."""
        self._children[key_of(start)] = self._start(start, preceding_end, self._request.depth + 1, child)

    def _start(
        self, start: StartItem, preceding_end: float | None, depth: int | None = None,
        child: Child | Inquiry | WaitedBefore | None = None, pool: str | None = None,
    ) -> ItemActor:  # fmt: skip
        if start.attempt > 1:
            self._telemetry.retried()
        services, workflow = self._services, self._workflow
        task, core_actions = workflow.tasks[start.task], workflow.semantics.core_actions
        if pool is None:
            pool = HERE
            if self._pooled is not None and depth is None:  # one that waited here may have named none that exists
                pool = self._pooled.pool_of(key_of(start)) or self._place_of(start)
        message = RunItem(
            start, task, self._supervisor, preceding_end, self._request.origin, depth, core_actions, child,
            pool, self._requested_by,
        )  # fmt: skip
        # An item that is alone takes its first turn at once. Others start in their order, with turns of other actors.
        alone = not (self._waiting or self._running or self._children or self._being_recorded)
        at_once = alone and task.with_items is None
        if pool != HERE and self._lane.ready.empty():
            at_once = at_once or monotonic() < self._at_once_until
        kind = ItemActor if depth is None else self._kind_of(start)
        return kind.start_lightly(self._lane, message, services, self._run_id, workflow.ref, at_once=at_once)

    def _kind_of(self, start: StartItem) -> type[ItemActor]:
        """Return the actor of an item without a permit: one with a sub-workflow, or one that waits."""
        return (self._services.waiting_items or WAITING_ITEMS).get(action_of(self._workflow, start), SubWorkflowItem)

    def waits_for_message(self, start: StartItem) -> bool:
        """Return whether an item waits for people or for an event."""
        action = action_of(self._workflow, start)
        return action in WAITING_ITEMS and action in self._request.nested

    # ---- items in flight

    def ended(self, completed: ItemCompleted) -> None:
        """Remove an item whose attempt has ended, and its actor with it."""
        key = (completed.task, completed.visit, completed.index)
        if self._running.pop(key, None) is None:
            self._children.pop(key, None)
        if self._pooled is not None:
            self._pooled.ended(key)
        if self._keyed is not None:
            self._keyed.ended(key)

    def mailboxes(self) -> dict[Key, Mailbox[Any]]:
        """Return the mailboxes of the items in flight."""
        return {key: item.actor_inbox for key, item in (*self._running.items(), *self._children.items())}

    def children(self) -> frozenset[Key]:
        """Return the items in flight with a sub-workflow."""
        return frozenset(self._children.keys() - self.waits().keys())

    def waits(self) -> dict[Key, ItemWait]:
        """Return the items in flight that wait for people or events, each with what it waits for."""
        return {key: item.waits_for for key, item in self._children.items() if isinstance(item, WAITING_KINDS)}

    def mailbox_of(self, key: Key) -> Mailbox[Any] | None:
        """Return the mailbox of an item in flight without a permit, or None."""
        item = self._children.get(key)
        return None if item is None else item.actor_inbox

    def is_idle_except_for(self, paused: AbstractSet[Key]) -> bool:
        """Return whether nothing is in flight but items with a paused sub-workflow, and those that wait."""
        idle = all(key in paused or isinstance(item, WAITING_KINDS) for key, item in self._children.items())
        return idle and not (self._running or self._being_recorded)

    def send(self, key: Key, message: Any) -> None:
        """Send a message to an item, if it is in flight."""
        item = self._running.get(key) or self._children.get(key)
        if item is None:
            return
        try:
            item.actor_inbox.tell(message)
        except pykka.ActorDeadError:
            return  # it has ended: its report is in the supervisor's mailbox

    def send_to_children(self, message: Any, task: str | None = None, visit: int = 0) -> None:
        """Send a message to the items with a sub-workflow, or only to those of a visit."""
        for key in list(self._children):
            if task is None or key[:2] == (task, visit):
                self.send(key, message)

    def stop(self) -> None:
        """Stop all items in flight."""
        for key in (*self._running, *self._children):
            self.send(key, STOP)

    def leave(self) -> None:
        """Stop the items in flight, but detach sub-workflows that can be recovered."""
        for key in self._running:
            self.send(key, STOP)
        self.send_to_children(Detach() if self._services.journal.durable else STOP)

    # ---- permits

    def granted(self, pool: str, count: int) -> None:
        """Add permits of a pool."""
        if pool == HERE:
            self.permits.granted(count)
        elif pool.startswith(KEY_PREFIX):
            if self._keyed is not None:
                self._keyed.granted(pool, count)
        elif pool.startswith(RATE_PREFIX):
            if self._rated is not None:
                self._rated.granted(pool)
        elif self._pooled is not None:
            self._pooled.granted(pool, count)

    def reclaimed(self, pool: str, count: int) -> None:
        """Return permits of a pool as items end."""
        if pool == HERE:
            self.permits.reclaimed(count)
        elif pool.startswith(KEY_PREFIX):
            if self._keyed is not None:
                self._keyed.reclaimed(pool, count)
        elif self._pooled is not None:
            self._pooled.reclaimed(pool, count)

    def update_permits(self, *, paused: bool) -> bool:
        """Release unneeded permits and request missing ones. Return True if the engine has to share permits out."""
        in_flight, asked = len(self._running) + len(self._being_recorded), False
        if self._pooled is not None:
            in_flight -= len(self._pooled)
            asked = self._pooled.update_permits(paused=paused)
        if self._keyed is not None:
            asked = self._keyed.update_permits(paused=paused) or asked
        missing, self._missing = self._missing, 0
        if self._rated is not None:
            self._rated.end_turn(paused=paused)
        if not in_flight and not self.any_waits:
            self._waiting = self._children_waiting = NONE_WAIT
        update = self.permits.reconcile(in_flight, 0 if paused else len(self._waiting) + missing)
        if update is UNCHANGED:
            return asked
        pool = self._services.permits
        asked = (update.returned > 0 and pool.release(self._run_id, update.returned)) or asked
        return (update.requested is not None and pool.request(self._run_id, update.requested)) or asked
