"""One visit of a task: its items, the window of those in flight, and their results.

A task without items is a visit with one item. The keys of `window` are the items in flight, so there is no counter to
go wrong. An item is in the window from its start command to its final outcome: it keeps its place between attempts.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar, Final

from stretto.definitions.conductor.branches import Branch
from stretto.definitions.conductor.commands import Command, Prepared, StartItem
from stretto.definitions.conductor.events import DelayElapsed, Failure, ItemCompleted, RetryDue
from stretto.definitions.conductor.items import NO_ITEMS, ItemAttempt, ItemFailure, RetryPlan
from stretto.definitions.conductor.states import ITEM, TASK, advance
from stretto.definitions.context import ItemScope, Snapshot
from stretto.definitions.data import Data
from stretto.definitions.model import Semantics, Share, Task

NOWHERE: Final[frozenset[str]] = frozenset()
NONE_SKIPPED: Final[frozenset[int]] = frozenset()
"""Shared: an empty set of its own has 216 bytes, through which the garbage collector looks."""
NONE_TAKEN_OVER: Final[AbstractSet[int]] = frozenset()
NONE_REQUEUED: Final[dict[int, ItemFailure]] = {}
NONE_FAILED: Final[list[ItemFailure]] = []
NONE_WITHDRAWN: Final[list[int]] = []
"""Shared, too. Nothing is added to them."""
STARTS_A_PORTION: Final = 2_000
"""The items of a visit that start before their event pauses, so that other runs get their turns.

The outcome of a run does not depend on it.
"""


class Arrival:
    """A task that a transition has reached. It starts with `branch` when it is `ready`."""

    __slots__ = ("after_failure", "branch", "ready", "route", "task")

    def __init__(self, task: str, route: int, branch: Branch, *, ready: bool = True) -> None:
        self.task = task
        self.route = route
        self.branch = branch
        self.ready = ready
        self.after_failure = False
        """The task starts even though the run has failed."""


class Visit:
    """The state of one visit of a task, from its start to its end."""

    streams: ClassVar[bool] = False
    """The visit reads its items from a file, or writes its results to one."""

    __slots__ = (
        "after_failure", "attempt", "branch", "broken", "cancel_requested", "cancelling", "concurrency",
        "deciding_index", "ended_at", "failures", "followed", "is_final", "is_late", "items", "max_failures", "name",
        "next_index", "number", "prepared", "requeued", "results", "retry", "route", "semantics", "since", "skipped",
        "snapshot", "started_at", "state", "stopped", "succeeded", "taken_over", "task", "timeout", "until", "visit",
        "was_late", "window", "withdrawn",
    )  # fmt: skip

    def __init__(
        self, task: Task, arrival: Arrival, snapshot: Snapshot, started_at: float, semantics: Semantics
    ) -> None:
        self.task, self.name = task, task.name
        self.semantics = semantics
        self.visit = 0
        """Its number among the visits of its task."""
        self.number = 0
        """Its number among the visits of all tasks, in the order of their start."""
        self.route, self.branch = arrival.route, arrival.branch
        self.after_failure = arrival.after_failure
        self.snapshot = snapshot

        self.state = "running"
        self.attempt = 1
        """The attempt of the visit as a whole."""
        self.started_at = started_at
        self.ended_at: float | None = None
        self.since = self.until = started_at
        """Begin and end of a delay of the whole visit."""
        self.cancelling = self.cancel_requested = False  # the run, the task itself
        self.is_late = self.was_late = False  # it times out at its deadline, or was cancelled at it
        self.stopped = False
        """No further item starts."""
        self.broken = False
        """The visit failed before any item could start."""
        self.followed: frozenset[str] = NOWHERE
        """The targets of the transitions taken at the end."""
        self.is_final = False
        """The outcome does not depend on failures elsewhere, so a rerun may reuse it."""

        self.items: Sequence[Data] = NO_ITEMS
        self.concurrency = 1
        self.max_failures = task.with_items.max_failures if task.with_items else None
        self.timeout: float | None = None
        self.retry: RetryPlan | None = None
        self.prepared: Sequence[Prepared] | None = None
        """The action and input of each item, if all are rendered before the first starts."""
        self.deciding_index: int | None = None
        """The call that counts, if the action runs more than once; else None."""
        self.window: dict[int, ItemAttempt] = {}

        self.results: list[Data] = []
        self.failures, self.withdrawn = NONE_FAILED, NONE_WITHDRAWN
        """`withdrawn` are items whose place was freed before an attempt that was commanded could start."""
        self.next_index = self.succeeded = 0
        self.skipped: set[int] | frozenset[int] = NONE_SKIPPED
        """Items that count as succeeded, without a result."""
        self.requeued = NONE_REQUEUED
        """Failed items to retry as soon as the window has room."""
        self.taken_over: AbstractSet[int] = NONE_TAKEN_OVER
        """Failed items that a rerun has taken over. They do not keep others from their start."""

    def change(self, event: str) -> None:
        """Go to the state that `event` leads to."""
        self.state = advance(TASK, self.state, event)

    # ---- items start

    def open(self, items: Sequence[Data], concurrency: int) -> None:
        """Set the items to run."""
        self.items = items
        self.concurrency = concurrency
        self.results = [None] * len(items)

    def refill(self, at: float, commands: list[Command]) -> bool:
        """Refill the window to min(concurrency, items left), by a portion at most; return whether more may be left."""
        if self.stopped:
            return False
        window, total = self.window, len(self.items)
        room = self.concurrency - len(window)
        for _ in range(min(room, STARTS_A_PORTION)):
            if self.requeued:
                commands.append(self._start_requeued(at))
                continue
            index = self.next_index
            if index >= total:
                return False
            self.next_index = index + 1
            if self.skipped:
                self._pass_skipped()
            window[index] = item = ItemAttempt(at, self.attempt, at)
            commands.append(self.start(index, item))
        return room > STARTS_A_PORTION and not self.exhausted

    def _start_requeued(self, at: float) -> StartItem:
        index = min(self.requeued)
        failed = self.requeued.pop(index)
        item = self.window[index] = ItemAttempt(failed.started_at, failed.attempt + 1, at)
        item.failed = failed.failure
        return self.start(index, item)

    def _pass_skipped(self) -> None:
        while self.next_index in self.skipped:
            self.next_index += 1

    def start(self, index: int, item: ItemAttempt) -> StartItem:
        """Return the command that starts the current attempt of an item in the window."""
        scope = self.snapshot if self.task.with_items is None else ItemScope(self.snapshot, self.items[index], index)
        prepared = None if self.prepared is None else self.prepared[index]
        return StartItem(
            self.task.name, self.visit, index, item.attempt, scope, self.timeout, item.started_at, self.route, prepared,
            None if item.attempt == 1 else item.since,
        )  # fmt: skip

    def start_once_more(self, prepared: Prepared, at: float) -> StartItem:
        """Return the command that runs this visit's action once more. The first call to end counts."""
        assert self.prepared is not None  # noqa: S101 - only a prepared action runs more than once
        index = len(self.prepared)
        self.prepared = [*self.prepared, prepared]
        self.results.append(None)
        self.deciding_index = 0
        self.window[index] = item = ItemAttempt(at, self.attempt, at)
        return self.start(index, item)

    # ---- items end

    def settle(self, event: ItemCompleted) -> None:
        """Record an item's final outcome and free its place."""
        item = self.window.pop(event.index)
        if self.deciding_index is not None:
            self.deciding_index = event.index
            self.window.clear()  # the other calls run on, but their results do not count
        if item.skipping or event.outcome == "skipped":
            self._count_skipped(event.index, item)
        elif event.failure is None:
            self.results[event.index] = event.result
            self.succeeded += 1
        else:
            item.state = advance(ITEM, item.state, event.outcome)
            failed = ItemFailure(event.index, event.attempt, event.outcome, event.failure, item.started_at)
            _fail(self, failed)
            if event.taken_over:
                self.taken_over = _with(self.taken_over, event.index)
            if self.semantics.failed_results == "kept":
                self.results[event.index] = event.failure.result
        if self.failures and self._must_stop():
            self.stopped = True
            self.fail_requeued()

    def _must_stop(self) -> bool:
        if self.semantics.failed_items == "when_idle":
            has_failed_here = self.failed > len(self.taken_over)
            return has_failed_here and (not self.window or self.failures[-1].outcome == "cancelled")
        return self.fails_too_often()

    def fails_too_often(self) -> bool:
        """Return whether more items failed than `max_failures` allows, without those that were taken over."""
        return _exceeds(self.failed - len(self.taken_over), self.max_failures, len(self.items))

    def too_many_failures(self) -> bool:
        """Return whether more items failed than `max_failures` allows."""
        return _exceeds(self.failed, self.max_failures, len(self.items))

    def skip_item(self, index: int) -> None:
        """Skip an item that waits for its first start or for a retry."""
        self.requeued.pop(index, None)
        item = self.window.pop(index, None)
        self._count_skipped(index, item)
        self._pass_skipped()

    def _count_skipped(self, index: int, item: ItemAttempt | None) -> None:
        if item is not None:
            item.state = advance(ITEM, item.state, "skipped")
        self.skipped = _added(self.skipped, index)

    def requeue(self, index: int) -> None:
        """Retry a failed item as soon as the window has room."""
        self.requeued = self.requeued or {}
        self.requeued[index] = failed = next(each for each in self.failures if each.index == index)
        self.failures.remove(failed)
        self.taken_over = self.taken_over - {index}

    def fail_requeued(self) -> None:
        """Turn requeued items back into failures."""
        if self.requeued:
            self.failures, self.requeued = [*self.failures, *self.requeued.values()], NONE_REQUEUED

    def withdraw(self, index: int) -> None:
        """Free the place of an item whose attempt never started."""
        item = self.window.pop(index)
        if item.skipping:
            self._count_skipped(index, item)
            return
        item.state = advance(ITEM, item.state, "withdraw")
        self._keep_failure(index, item)
        self.withdrawn = self.withdrawn or []
        self.withdrawn.append(index)

    def release_waiting(self) -> None:
        """Free the places of items that wait for a retry. Nothing new will start."""
        self.fail_requeued()
        for index, item in list(self.window.items()):
            if item.state == "held":
                self.withdraw(index)
            elif item.state in {"waiting", "due"}:
                item.state = advance(ITEM, item.state, "cancelled")
                del self.window[index]
                self._keep_failure(index, item)

    def _keep_failure(self, index: int, item: ItemAttempt) -> None:
        """Record the last failure of an item whose next attempt never comes."""
        if item.failed is not None:
            _fail(self, ItemFailure(index, item.attempt, "cancelled", item.failed, item.started_at))

    # ---- the visit as a whole

    def break_off(self, failure: Failure, outcome: str = "failed") -> None:
        """Fail the visit before any item starts."""
        self.items = ()
        self.broken = True
        _fail(self, ItemFailure(0, 1, outcome, failure))

    def skip(self) -> None:
        """Skip the visit: its `when` is false."""
        self.items = ()
        self.change("skip")

    def gather(self, result: Data, failure: Failure | None) -> None:
        """End a visit of a task without an action."""
        self.results = [result]
        if failure is None:
            self.succeeded = 1
        else:
            _fail(self, ItemFailure(0, 1, "failed", failure))

    def start_over(self) -> None:
        """Begin the next attempt of the whole visit. Skipped items stay skipped."""
        self.attempt += 1
        self.next_index = self.succeeded = 0
        self._pass_skipped()
        self.results = [None] * len(self.items)
        self.failures, self.withdrawn = NONE_FAILED, NONE_WITHDRAWN
        self.taken_over = NONE_TAKEN_OVER
        self.stopped = False
        self.deciding_index = None

    # ---- its progress

    @property
    def opened(self) -> bool:
        """Whether the items are known."""
        return self.task.with_items is None or self.items is not NO_ITEMS

    @property
    def total(self) -> int | None:
        """The number of items, or None while it is unknown."""
        return len(self.items)

    @property
    def left(self) -> int:
        """The number of items that are still to start."""
        if self.stopped:
            return 0
        ahead = sum(index >= self.next_index for index in self.skipped)
        return len(self.items) - self.next_index - ahead + len(self.requeued)

    @property
    def exhausted(self) -> bool:
        """Whether no further item starts."""
        return self.stopped or (self.next_index >= len(self.items) and not self.requeued)

    @property
    def failed(self) -> int:
        """The number of failed items."""
        return len(self.failures)

    @property
    def accounted(self) -> int:
        """The number of items that have ended."""
        return self.succeeded + len(self.skipped) + self.failed

    @property
    def complete(self) -> bool:
        """Whether every item has ended."""
        return self.accounted >= len(self.items)

    @property
    def all_skipped(self) -> bool:
        """Whether there are items, and all were skipped."""
        return 0 < len(self.items) <= len(self.skipped)

    @property
    def ending(self) -> bool:
        """Whether no item runs any more and the visit waits for its results file."""
        return False


def _fail(visit: Visit, failed: ItemFailure) -> None:
    visit.failures = visit.failures or []
    visit.failures.append(failed)


def _added(to: set[int] | frozenset[int], index: int) -> set[int]:
    """Return a set with an index more: the same one, unless that is the shared one."""
    added = to if isinstance(to, set) else set(to)
    added.add(index)
    return added


def deciding_result(visit: Visit) -> Data:
    """Return the result of a visit without items: of its failure, or of the call that counts."""
    if visit.failures:
        return visit.failures[0].failure.result
    return visit.results[visit.deciding_index or 0] if visit.results else None


def retry_due(visit: Visit, index: int, item: ItemAttempt) -> RetryDue:
    """Return the event that ends an item's wait for its next attempt."""
    return RetryDue(visit.name, visit.visit, index, item.attempt + 1, item.until)


def delay_elapsed(visit: Visit) -> DelayElapsed:
    """Return the event that ends a delay of a whole visit."""
    return DelayElapsed(visit.name, visit.visit, visit.until, visit.attempt)


def _exceeds(failed: int, limit: int | Share | None, items: int) -> bool:
    if isinstance(limit, Share):
        # In whole numbers: each item that ends asks, and a product of fractions is reduced first.
        return failed * limit.of_all.denominator > limit.of_all.numerator * items
    return limit is not None and failed > limit


def _with(indexes: AbstractSet[int], index: int) -> AbstractSet[int]:
    """Return a set with one more index: the same one, but for the shared empty one."""
    found = indexes if isinstance(indexes, set) else set(indexes)
    found.add(index)
    return found
