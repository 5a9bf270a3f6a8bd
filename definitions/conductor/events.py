"""What happens to a run: the conductor's only input. `at` is seconds since the epoch.

A run is its definition, its parameters and these events in their order: the same events give the same commands.
"""

from typing import Literal, TypeAlias

import msgspec

from stretto.definitions.data import Data, FrozenDict, FrozenList
from stretto.definitions.errors import Place

StreamProblem: TypeAlias = Literal["unreadable_source", "unwritable_results"]


class Failure(msgspec.Struct, frozen=True):
    """Why an item's try did not succeed.

    `kind` is a stable word (failed, exception, timed_out, cancelled, expression, invalid_input, not_data, workflow);
    only what the action itself did can be `retryable`. `result` is what a failed action gave all the same; `details`
    is what `error` has besides kind and message (of a sub-workflow: its run's id and errors).
    """

    kind: str
    message: str
    retryable: bool = True
    result: Data = None
    input: Data = None
    expression: str | None = None
    where: Place | None = None
    details: FrozenDict | None = None


class ItemCompleted(msgspec.Struct, frozen=True):
    """A try of an item has ended; `outcome` is succeeded, failed, timed_out, abandoned, cancelled or skipped.

    `skipped` is told of what is not performed: it counts as succeeded, with a null result.
    """

    task: str
    visit: int
    index: int
    attempt: int
    outcome: str
    result: Data
    failure: Failure | None
    at: float


class ItemsWithdrawn(msgspec.Struct, frozen=True):
    """Items that were to start had not been started yet, and will not be."""

    task: str
    visit: int
    indexes: tuple[int, ...]
    at: float


class ItemPaused(msgspec.Struct, frozen=True):
    """The sub-workflow that performs an item has been paused."""

    task: str
    visit: int
    index: int
    at: float


class ItemResumed(msgspec.Struct, frozen=True):
    """The sub-workflow that performs an item goes on."""

    task: str
    visit: int
    index: int
    at: float


class RetryDue(msgspec.Struct, frozen=True):
    """The wait before an item's next try is over."""

    task: str
    visit: int
    index: int
    attempt: int
    at: float


class DelayElapsed(msgspec.Struct, frozen=True):
    """The delay before a task's start, or before another try of the whole visit, is over."""

    task: str
    visit: int
    at: float
    attempt: int = 1


class PauseRequested(msgspec.Struct, frozen=True):
    """Somebody wants nothing new to start until further notice."""

    at: float


class ResumeRequested(msgspec.Struct, frozen=True):
    """Somebody wants a paused run to go on."""

    at: float


class CancelRequested(msgspec.Struct, frozen=True):
    """Somebody wants the run to end."""

    at: float


class ConcurrencyRequested(msgspec.Struct, frozen=True):
    """Somebody wants another window for the visits of a task that go on: so many items at a time from now on."""

    task: str
    concurrency: int
    at: float


class SkipRequested(msgspec.Struct, frozen=True):
    """Somebody wants an item that has not ended to end as skipped; of several visits, in the first where it can."""

    task: str
    index: int
    at: float


class RetryRequested(msgspec.Struct, frozen=True):
    """Somebody wants an item that failed, or that waits for its next try, to be tried now; as above."""

    task: str
    index: int
    at: float


class RunTimedOut(msgspec.Struct, frozen=True):
    """The time that the whole run may take is over."""

    at: float


class ItemsRead(msgspec.Struct, frozen=True):
    """Some of a task's items have been read from a file, from the byte `start` on, to be read on from `offset`.

    `line` counts the lines before that; `ended`: there are no more items. It holds them all, so that a run can be
    rebuilt whatever becomes of the file.
    """

    task: str
    visit: int
    items: FrozenList
    start: int
    offset: int
    line: int
    ended: bool
    at: float


class ResultsOpened(msgspec.Struct, frozen=True):
    """The file that takes a task's results is there, and empty."""

    task: str
    visit: int
    at: float


class ResultsClosed(msgspec.Struct, frozen=True):
    """All of a task's results are in their file."""

    task: str
    visit: int
    at: float


class StreamFailed(msgspec.Struct, frozen=True):
    """A task's items cannot be read (`unreadable_source`), or its results not be written (`unwritable_results`)."""

    task: str
    visit: int
    kind: StreamProblem
    message: str
    at: float


Event: TypeAlias = (
    ItemCompleted
    | ItemsWithdrawn
    | ItemPaused
    | ItemResumed
    | RetryDue
    | DelayElapsed
    | PauseRequested
    | ResumeRequested
    | CancelRequested
    | ConcurrencyRequested
    | SkipRequested
    | RetryRequested
    | RunTimedOut
    | ItemsRead
    | ResultsOpened
    | ResultsClosed
    | StreamFailed
)
