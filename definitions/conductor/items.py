"""The items of a visit: what they are, their places in the window, and what came of those that failed."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stretto.definitions.conductor.events import Failure
from stretto.definitions.conductor.states import ITEM, advance
from stretto.definitions.data import Data, FrozenDict, FrozenList, list_of, object_of


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


class Slot(msgspec.Struct, eq=False):
    """An item's place in the window: its state, its try, when its first try started, and why its last one failed.

    `since` is when its state began, `until` when a wait for its next try ends. `stopping`: its try is to be stopped.
    `skipping`: whatever comes of it, the item counts as skipped.
    """

    started_at: float
    attempt: int
    since: float
    state: str = "running"
    until: float = 0.0
    stopping: bool = False
    skipping: bool = False
    failed: Failure | None = None

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
    """An item that did not succeed, after its last try; `started_at` is when its first one started."""

    __slots__ = ("attempt", "failure", "index", "outcome", "started_at")

    def __init__(self, index: int, attempt: int, outcome: str, failure: Failure, started_at: float = 0.0) -> None:
        self.index = index
        self.attempt = attempt
        self.started_at = started_at
        self.outcome = outcome
        self.failure = failure


NO_ITEMS: Sequence[Data] = (None,)


def error_object(failure: Failure) -> FrozenDict:
    """Return a failure as `error` in `on_error` and in `task.NAME.errors` shows it."""
    return object_of({"kind": failure.kind, "message": failure.message, **(failure.details or {})})
