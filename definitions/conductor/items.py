"""The items of a visit: batches, attempts in the window, retries and failures."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stretto.definitions.conductor.events import Failure
from stretto.definitions.conductor.states import ITEM, advance
from stretto.definitions.data import Data, FrozenDict, FrozenList, list_of, object_of
from stretto.definitions.model import MAX_WAIT_SECONDS


class Batches(Sequence[FrozenList]):
    """A list in batches of up to `size`. A batch is made when its item starts."""

    def __init__(self, members: FrozenList, size: int) -> None:
        self._members = members
        self._size = size

    def __len__(self) -> int:
        return (len(self._members) + self._size - 1) // self._size

    def __getitem__(self, index: Any) -> Any:
        start = range(len(self))[index] * self._size
        return list_of(self._members[start : start + self._size])


class ItemAttempt(msgspec.Struct, eq=False):
    """An item in the window, with its current attempt."""

    started_at: float
    """When its first attempt started."""
    attempt: int
    since: float
    """When its state last changed."""
    state: str = "running"
    until: float = 0.0
    """When its wait for the next attempt ends."""
    stopping: bool = False
    """The attempt was commanded to stop."""
    skipping: bool = False
    """The item counts as skipped, whatever its attempt returns."""
    failed: Failure | None = None
    """Why the last attempt failed."""

    def change(self, event: str, at: float) -> None:
        """Go to the state that `event` leads to."""
        self.state = advance(ITEM, self.state, event)
        self.since = at

    def wait(self, failure: Failure, at: float, until: float) -> None:
        """Wait for the next attempt after a failure."""
        self.change("retry", at)
        self.failed = failure
        self.until = until


class RetryPlan:
    """A task's `retry`, its expressions evaluated, except for a delay that reads the failure."""

    __slots__ = ("backoff", "count", "delay", "max_delay")

    def __init__(self, count: int, delay: float, backoff: str, max_delay: float | None) -> None:
        self.count = count
        self.delay = delay
        self.backoff = backoff
        self.max_delay = max_delay

    def wait(self, retry: int, delay: float, least: float) -> float:
        """Return the seconds to wait before the given retry.

        Args:
            retry: The number of the retry, counted from 1.
            delay: The base of the delay, in seconds.
            least: The seconds that the failed action has asked for. They are waited, unless `max_delay` is less.
        """
        factors: dict[str, int] = {"constant": 1, "linear": retry, "exponential": 2 ** min(retry - 1, 64)}
        wait = min(max(delay * factors[self.backoff], least), MAX_WAIT_SECONDS)
        return wait if self.max_delay is None else min(wait, self.max_delay)


class ItemFailure:
    """An item whose last attempt failed. `started_at` is when its first one started."""

    __slots__ = ("attempt", "failure", "index", "outcome", "started_at")

    def __init__(self, index: int, attempt: int, outcome: str, failure: Failure, started_at: float = 0.0) -> None:
        self.index = index
        self.attempt = attempt
        self.started_at = started_at
        self.outcome = outcome
        self.failure = failure


NO_ITEMS: Sequence[Data] = (None,)


def error_object(failure: Failure) -> FrozenDict:
    """Return the value of `error` in `on_error`, and in `task.NAME.errors`."""
    return object_of({"kind": failure.kind, "message": failure.message, **(failure.details or {})})
