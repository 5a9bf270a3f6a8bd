"""One visit of a task: its items, the window of those in flight, and what came of them.

A task without items is a fan-out of one. What is in the window is the keys of `window`, never a counter: an item is
in it from its start command to its final outcome, so one that waits for a retry keeps its place.
"""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Final

from stretto.definitions.conductor.branches import Branch
from stretto.definitions.conductor.commands import Command, Prepared, StartItem
from stretto.definitions.conductor.events import DelayElapsed, Failure, ItemCompleted, RetryDue
from stretto.definitions.conductor.items import NO_ITEMS, ItemFailure, RetryPlan, Slot, error_object
from stretto.definitions.conductor.states import ITEM, TASK, advance
from stretto.definitions.context import ItemScope, Snapshot, TaskRecord
from stretto.definitions.data import EMPTY_LIST, Data, FrozenDict, list_of, object_of
from stretto.definitions.model import Semantics, Share, Task

NOWHERE: Final[frozenset[str]] = frozenset()


class Arrival:
    """A task that has been led to: it starts when it is `ready`, with `branch`.

    `after_failure`: it starts although the run has failed.
    """

    __slots__ = ("after_failure", "branch", "ready", "route", "task")

    def __init__(self, task: str, route: int, branch: Branch, *, ready: bool = True) -> None:
        self.task = task
        self.route = route
        self.branch = branch
        self.ready = ready
        self.after_failure = False


class FanOut:
    """The state of one visit of a task, from its start to its end.

    `number` counts the visits of all tasks in the order of their start, `attempt` the tries of the whole visit;
    `led_to` holds the targets of the transitions taken at its end, `stands` tells whether it ended as it would have
    whatever else failed: a rerun may keep that; `prepared` what each item performs, where that is
    settled before the first starts. `decided` is not None when the action is performed more than once: then it tells
    which performance counts. `since` is when a wait of the whole visit began, `until` when it ends. `skipped` are the
    items that count as succeeded without a result; `again` holds those that failed and are to be tried once more, until
    they find a place in the window. `streams`: its items are read from a file, or its results written into one.
    """

    streams: ClassVar[bool] = False

    __slots__ = (
        "after_failure", "again", "attempt", "branch", "broken", "cancelling", "concurrency", "decided",
        "failures", "items", "led_to", "next_index", "number", "prepared", "results", "retry", "route",
        "semantics", "since", "skipped", "snapshot", "stands", "started_at", "state", "stopped", "succeeded",
        "task", "timeout", "until", "visit", "window",
    )  # fmt: skip

    def __init__(
        self, task: Task, arrival: Arrival, snapshot: Snapshot, started_at: float, semantics: Semantics
    ) -> None:
        self.task = task
        self.visit = 0
        self.route = arrival.route
        self.branch = arrival.branch
        self.after_failure = arrival.after_failure
        self.number = 0
        self.decided: int | None = None
        self.cancelling = False
        self.snapshot = snapshot
        self.started_at = self.since = started_at
        self.until = started_at
        self.semantics = semantics
        self.state = "running"
        self.attempt = 1
        self.led_to: frozenset[str] = NOWHERE
        self.stands = False
        self.prepared: Sequence[Prepared] | None = None
        self.items: Sequence[Data] = NO_ITEMS
        self.concurrency = 1
        self.timeout: float | None = None
        self.retry: RetryPlan | None = None
        self.window: dict[int, Slot] = {}
        self.next_index = 0
        self.results: list[Data] = []
        self.failures: list[ItemFailure] = []
        self.skipped: set[int] = set()
        self.again: dict[int, ItemFailure] = {}
        self.succeeded = 0
        self.stopped = False
        self.broken = False

    def change(self, event: str) -> None:
        """Go to the state that `event` leads to."""
        self.state = advance(TASK, self.state, event)

    def open(self, items: Sequence[Data], concurrency: int) -> None:
        """Set what is to be performed."""
        self.items = items
        self.concurrency = concurrency
        self.results = [None] * len(items)

    def refill(self, at: float, commands: list[Command]) -> None:
        """Add the starts that bring the window back to min(concurrency, items left)."""
        window, total = self.window, len(self.items)
        while len(window) < self.concurrency and not self.stopped:
            if self.again:
                commands.append(self._start_again(at))
                continue
            index = self.next_index
            if index >= total:
                return
            self.next_index = index + 1
            if self.skipped:
                self._pass_over()
            window[index] = slot = Slot(at, self.attempt, at)
            commands.append(self.start(index, slot))

    def _start_again(self, at: float) -> StartItem:
        """Put the first of the items that are to be tried once more into the window."""
        index = min(self.again)
        failed = self.again.pop(index)
        slot = self.window[index] = Slot(failed.started_at, failed.attempt + 1, at)
        slot.failed = failed.failure
        return self.start(index, slot)

    def _pass_over(self) -> None:
        while self.next_index in self.skipped:
            self.next_index += 1

    def start(self, index: int, slot: Slot) -> StartItem:
        """Return the command that starts (or restarts) an item that has its place in the window."""
        task = self.task
        scope = self.snapshot if task.with_items is None else ItemScope(self.snapshot, self.items[index], index)
        prepared = None if self.prepared is None else self.prepared[index]
        return StartItem(
            task.name, self.visit, index, slot.attempt, scope, self.timeout, slot.started_at, self.route, prepared
        )

    def retry_due(self, index: int, slot: Slot) -> RetryDue:
        """Return what ends the wait for an item's next try."""
        return RetryDue(self.name, self.visit, index, slot.attempt + 1, slot.until)

    def delay_elapsed(self) -> DelayElapsed:
        """Return what ends a wait of the whole visit."""
        return DelayElapsed(self.name, self.visit, self.until, self.attempt)

    def perform_also(self, prepared: Prepared, at: float) -> StartItem:
        """Return the command that performs the action of this visit once more; the first to end decides."""
        assert self.prepared is not None  # noqa: S101 - only what is prepared is performed again
        index = len(self.prepared)
        self.prepared = [*self.prepared, prepared]
        self.results.append(None)
        self.decided = 0
        self.window[index] = Slot(at, self.attempt, at)
        return self.start(index, self.window[index])

    def settle(self, event: ItemCompleted) -> None:
        """Record an item's final outcome and free its place."""
        slot = self.window.pop(event.index)
        if self.decided is not None:
            self.decided = event.index
            self.window.clear()  # the others go on, and what they give counts no more
        if slot.skipping or event.outcome == "skipped":
            self._count_skipped(event.index, slot)
        elif event.failure is None:
            self.results[event.index] = event.result
            self.succeeded += 1
        else:
            slot.state = advance(ITEM, slot.state, event.outcome)
            failed = ItemFailure(event.index, event.attempt, event.outcome, event.failure, slot.started_at)
            self.failures.append(failed)
            if self.semantics.failed_results == "kept":
                self.results[event.index] = event.failure.result
        if self.failures and self._must_stop():
            self.stopped = True
            self._give_up_again()

    def skip_item(self, index: int) -> None:
        """Count an item as skipped that is not being performed: it waits for a try, or for its first start."""
        self.again.pop(index, None)
        slot = self.window.pop(index, None)
        self._count_skipped(index, slot)
        self._pass_over()

    def _count_skipped(self, index: int, slot: Slot | None) -> None:
        if slot is not None:
            slot.state = advance(ITEM, slot.state, "skipped")
        self.skipped.add(index)

    def put_back(self, index: int) -> None:
        """Have an item that has failed tried once more, as soon as there is a place in the window."""
        failed = next(each for each in self.failures if each.index == index)
        self.failures.remove(failed)
        self.again[index] = failed

    def _give_up_again(self) -> None:
        """Items that were to be tried once more, and will not be, have failed as they had."""
        self.failures += self.again.values()
        self.again = {}

    def _must_stop(self) -> bool:
        if self.semantics.failed_items == "when_idle":
            return not self.window or self.failures[-1].outcome == "cancelled"
        return self.too_many_failures()

    def withdraw(self, index: int) -> None:
        """Free the place of an item whose try was never started."""
        slot = self.window.pop(index)
        if slot.skipping:
            self._count_skipped(index, slot)
            return
        slot.state = advance(ITEM, slot.state, "withdraw")
        self._keep_failure(index, slot)

    def release_waiting(self) -> None:
        """Free the places of items that only wait: nothing new will start."""
        self._give_up_again()
        for index, slot in list(self.window.items()):
            if slot.state in {"waiting", "due"}:
                slot.state = advance(ITEM, slot.state, "cancelled")
                del self.window[index]
                self._keep_failure(index, slot)

    def _keep_failure(self, index: int, slot: Slot) -> None:
        """An item whose next try never comes has failed, as its last one did."""
        if slot.failed is not None:
            self.failures.append(ItemFailure(index, slot.attempt, "cancelled", slot.failed, slot.started_at))

    def outcomes(self) -> dict[str, int]:
        """Count the items by what they ended as."""
        if self.task.action is None or self.broken:
            return {}
        skipped = {"skipped": len(self.skipped)} if self.skipped else {}
        return {**Counter(failed.outcome for failed in self.failures), "succeeded": self.succeeded, **skipped}

    def too_many_failures(self) -> bool:
        """Tell whether `max_failures` is exceeded."""
        limit = self.task.with_items.max_failures if self.task.with_items else None
        if limit is None:
            return False
        if isinstance(limit, Share):
            return self.failed > limit.of_all * len(self.items)
        return self.failed > limit

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def exhausted(self) -> bool:
        """No item is left to start, or none may."""
        return self.stopped or (self.next_index >= len(self.items) and not self.again)

    @property
    def all_skipped(self) -> bool:
        """Every item was skipped, and there was one."""
        return 0 < len(self.items) <= len(self.skipped)

    @property
    def opened(self) -> bool:
        """It is known what its items are."""
        return self.task.with_items is None or self.items is not NO_ITEMS

    @property
    def accounted(self) -> int:
        """How many items have ended."""
        return self.succeeded + len(self.skipped) + self.failed

    @property
    def failed(self) -> int:
        """How many items have failed."""
        return len(self.failures)

    @property
    def total(self) -> int | None:
        """How many items there are; None while that is not known."""
        return len(self.items)

    @property
    def ending(self) -> bool:
        """Nothing is performed any more, and it only waits for its end."""
        return False

    @property
    def complete(self) -> bool:
        """Every item has ended."""
        return self.accounted >= len(self.items)

    @property
    def left(self) -> int:
        """How many items have not been started, and may be."""
        if self.stopped:
            return 0
        ahead = sum(index >= self.next_index for index in self.skipped)
        return len(self.items) - self.next_index - ahead + len(self.again)

    def break_off(self, failure: Failure) -> None:
        """Fail the task as a whole, before any item could start."""
        self.items = ()
        self.broken = True
        self.failures.append(ItemFailure(0, 1, "failed", failure))

    def skip(self) -> None:
        """End the task without performing it: its `when` is false."""
        self.items = ()
        self.change("skip")

    def gather(self, result: Data, failure: Failure | None) -> None:
        """End a task that has no action of its own."""
        self.results = [result]
        if failure is None:
            self.succeeded = 1
        else:
            self.failures.append(ItemFailure(0, 1, "failed", failure))

    def try_again(self) -> None:
        """Forget what came of the items, but for what was skipped: the whole visit is tried once more."""
        self.attempt += 1
        self.next_index = self.succeeded = 0
        self._pass_over()
        self.results = [None] * len(self.items)
        self.failures = []
        self.stopped = False
        self.decided = None

    def close(self) -> str:
        """Settle the task's outcome once nothing is in the window, and return it."""
        fan_out = self.task.with_items
        if self.state == "skipped":
            return self.state
        if self.state in {"delayed", "retrying", "held"}:
            self.change("cancel")
        elif self.broken:
            self.change("fail")
        elif self.failures and fan_out is None:
            self.change(self._event_of(self.failures[0].outcome))
        elif self.failures and self._is_cancelled():
            self.change("cancel")
        elif self.failures and fan_out is not None and (fan_out.max_failures is None or self.too_many_failures()):
            self.change("fail")
        elif not self.complete:
            self.change("cancel")
        elif self.skipped and fan_out is None and self.semantics.skips == "skipped":
            self.change("skip")
        else:
            self.change("succeed")
        return self.state

    def _event_of(self, outcome: str) -> str:
        if outcome == "timed_out" and self.semantics.time_outs == "timed_out":
            return "time_out"
        return "cancel" if outcome == "cancelled" else "fail"

    def _is_cancelled(self) -> bool:
        cancelled = [each.outcome == "cancelled" for each in self.failures]
        if self.semantics.cancelled_action == "run":
            return any(cancelled) or self.cancelling
        return all(cancelled)

    def record(self) -> TaskRecord:
        """Return what `task.NAME` reads from now on."""
        errors = list_of([self._error_entry(each) for each in self._in_order()]) if self.failures else EMPTY_LIST
        with_items = self.task.with_items is not None
        return TaskRecord(self.task.name, self.state, self._result(), errors, with_items=with_items)

    def _result(self) -> Data:
        if self.task.with_items is not None:
            return list_of(self.results) if self.state != "skipped" else None
        if self.failures:
            return self.failures[0].failure.result
        return self.results[self.decided or 0] if self.results else None

    def _in_order(self) -> list[ItemFailure]:
        return sorted(self.failures, key=lambda each: each.index)

    @property
    def failures_as_a_whole(self) -> list[ItemFailure]:
        """What failed that is no item of a list."""
        return self._in_order() if self.broken or self.task.with_items is None else []

    def first_failures(self, most: int) -> list[ItemFailure]:
        """Return the first failed items in the items' order."""
        return self._in_order()[:most]

    def _error_entry(self, failed: ItemFailure) -> FrozenDict:
        with_items = self.task.with_items is not None and failed.index < len(self.items)
        return object_of(
            {
                "index": failed.index if with_items else None,
                "item": self.items[failed.index] if with_items else None,
                "error": error_object(failed.failure),
            }
        )
