"""One visit of a task: its items, the window of those in flight, and what came of them.

A task without items is a fan-out of one. What is in the window is the keys of `window`, never a counter: an item is
in it from its start command to its final outcome, so one that waits for a retry keeps its place.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from stretto.definitions.conductor.branches import Branch
from stretto.definitions.conductor.commands import Prepared, StartItem
from stretto.definitions.conductor.events import DelayElapsed, Failure, ItemCompleted, RetryDue
from stretto.definitions.conductor.states import ITEM, TASK, advance
from stretto.definitions.context import ItemScope, Snapshot, TaskRecord
from stretto.definitions.frozen import EMPTY_LIST, Data, FrozenDict, FrozenList, list_of, object_of
from stretto.definitions.model import Share, Task
from stretto.definitions.semantics import Semantics


class Batches(Sequence[FrozenList]):
    """A list seen in batches of up to `size`; a batch is made when its item starts."""

    def __init__(self, members: FrozenList, size: int) -> None:
        self._members = members
        self._size = size

    def __len__(self) -> int:
        return (len(self._members) + self._size - 1) // self._size

    def __getitem__(self, index: Any) -> Any:
        start = range(len(self))[index] * self._size
        return list_of(self._members[start : start + self._size])


class Slot:
    """An item's place in the window: its state, its try, when its first try started, and why its last one failed.

    `since` is when its state began, `until` when a wait for its next try ends. `stopping`: its try is to be stopped.
    """

    __slots__ = ("attempt", "failed", "since", "started_at", "state", "stopping", "until")

    def __init__(self, started_at: float, attempt: int) -> None:
        self.attempt = attempt
        self.started_at = self.since = started_at
        self.state = "running"
        self.until = 0.0
        self.stopping = False
        self.failed: Failure | None = None

    def change(self, event: str, at: float) -> None:
        """Go to the state that `event` leads to."""
        self.state = advance(ITEM, self.state, event)
        self.since = at

    def wait(self, failure: Failure, at: float, until: float) -> None:
        """Have the next try wait, as this one has failed."""
        self.change("retry", at)
        self.failed = failure
        self.until = until


MAX_WAIT_SECONDS = 10.0 * 365 * 86_400
"""The longest wait before a retry: ten years, so that no backoff overflows."""


class RetryPlan:
    """A task's `retry`, its expressions evaluated."""

    __slots__ = ("backoff", "count", "delay", "max_delay")

    def __init__(self, count: int, delay: float, backoff: str, max_delay: float | None) -> None:
        self.count = count
        self.delay = delay
        self.backoff = backoff
        self.max_delay = max_delay

    def wait(self, retry: int) -> float:
        """Return the seconds to wait before the given retry, counted from 1."""
        factors: dict[str, int] = {"constant": 1, "linear": retry, "exponential": 2 ** min(retry - 1, 64)}
        wait = min(self.delay * factors[self.backoff], MAX_WAIT_SECONDS)
        return wait if self.max_delay is None else min(wait, self.max_delay)


class ItemFailure:
    """An item that did not succeed, after its last try."""

    __slots__ = ("attempt", "failure", "index", "outcome")

    def __init__(self, index: int, attempt: int, outcome: str, failure: Failure) -> None:
        self.index = index
        self.attempt = attempt
        self.outcome = outcome
        self.failure = failure


NO_ITEMS: Sequence[Data] = (None,)
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
    `led_to` holds the targets of the transitions taken at its end, `prepared` what each item performs, where that is
    settled before the first starts. `decided` is not None when the action is performed more than once: then it tells
    which performance counts. `since` is when a wait of the whole visit began, `until` when it ends.
    """

    __slots__ = (
        "after_failure", "attempt", "branch", "broken", "cancelling", "concurrency", "decided", "failures", "items",
        "led_to", "next_index", "number", "prepared", "results", "retry", "route", "semantics", "since",
        "snapshot", "started_at", "state", "stopped", "succeeded", "task", "timeout", "until", "visit", "window",
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
        self.prepared: Sequence[Prepared] | None = None
        self.items: Sequence[Data] = NO_ITEMS
        self.concurrency = 1
        self.timeout: float | None = None
        self.retry: RetryPlan | None = None
        self.window: dict[int, Slot] = {}
        self.next_index = 0
        self.results: list[Data] = []
        self.failures: list[ItemFailure] = []
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

    def refill(self, at: float) -> Iterator[StartItem]:
        """Yield the starts that bring the window back to min(concurrency, items left)."""
        total = len(self.items)
        while self.next_index < total and len(self.window) < self.concurrency and not self.stopped:
            index = self.next_index
            self.next_index += 1
            self.window[index] = Slot(at, self.attempt)
            yield self.start(index, self.window[index])

    def start(self, index: int, slot: Slot) -> StartItem:
        """Return the command that starts (or restarts) an item that has its place in the window."""
        scope = ItemScope(self.snapshot, self.items[index], index) if self.task.with_items else self.snapshot
        prepared = None if self.prepared is None else self.prepared[index]
        return StartItem(
            self.task.name, self.visit, index, slot.attempt, scope, self.timeout, slot.started_at, self.route, prepared
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
        self.window[index] = Slot(at, self.attempt)
        return self.start(index, self.window[index])

    def settle(self, event: ItemCompleted) -> None:
        """Record an item's final outcome and free its place."""
        slot = self.window.pop(event.index)
        slot.state = advance(ITEM, slot.state, event.outcome)
        if self.decided is not None:
            self.decided = event.index
            self.window.clear()  # the others go on, and what they give counts no more
        if event.failure is None:
            self.results[event.index] = event.result
            self.succeeded += 1
        else:
            self.failures.append(ItemFailure(event.index, event.attempt, event.outcome, event.failure))
            if self.semantics.failed_results == "kept":
                self.results[event.index] = event.failure.result
        if self.failures and self._must_stop():
            self.stopped = True

    def _must_stop(self) -> bool:
        if self.semantics.failed_items == "when_idle":
            return not self.window or self.failures[-1].outcome == "cancelled"
        return self.too_many_failures()

    def withdraw(self, index: int) -> None:
        """Free the place of an item whose try was never started."""
        slot = self.window.pop(index)
        slot.state = advance(ITEM, slot.state, "withdraw")
        self._keep_failure(index, slot)

    def release_waiting(self) -> None:
        """Free the places of items that only wait: nothing new will start."""
        for index, slot in list(self.window.items()):
            if slot.state in {"waiting", "due"}:
                slot.state = advance(ITEM, slot.state, "cancelled")
                del self.window[index]
                self._keep_failure(index, slot)

    def _keep_failure(self, index: int, slot: Slot) -> None:
        """An item whose next try never comes has failed, as its last one did."""
        if slot.failed is not None:
            self.failures.append(ItemFailure(index, slot.attempt, "cancelled", slot.failed))

    def outcomes(self) -> dict[str, int]:
        """Count the items by what they ended as."""
        if self.task.action is None or self.broken:
            return {}
        return {**Counter(failed.outcome for failed in self.failures), "succeeded": self.succeeded}

    def too_many_failures(self) -> bool:
        """Tell whether `max_failures` is exceeded."""
        limit = self.task.with_items.max_failures if self.task.with_items else None
        if limit is None:
            return False
        if isinstance(limit, Share):
            return len(self.failures) > limit.of_all * len(self.items)
        return len(self.failures) > limit

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def exhausted(self) -> bool:
        """No item is left to start, or none may."""
        return self.stopped or self.next_index >= len(self.items)

    @property
    def left(self) -> int:
        """How many items have not been started, and may be."""
        return 0 if self.stopped else len(self.items) - self.next_index

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
        """Forget what came of the items: the whole visit is tried once more."""
        self.attempt += 1
        self.next_index = self.succeeded = 0
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
        elif self.succeeded + len(self.failures) < len(self.items):
            self.change("cancel")
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


def error_object(failure: Failure) -> FrozenDict:
    """Return a failure as `error` in `on_error` and in `task.NAME.errors` shows it."""
    return object_of({"kind": failure.kind, "message": failure.message, **(failure.details or {})})
