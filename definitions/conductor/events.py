"""Events: the conductor's only input. `at` is seconds since the epoch.

A run is determined by its definition, its parameters and its events in order: the same events give the same commands.
"""

from typing import Any, Literal, TypeAlias

import msgspec

from stretto.definitions.data import Data, FrozenDict, FrozenList
from stretto.definitions.errors import Frame, Place

SettledStatus: TypeAlias = Literal["answered", "timed_out", "cancelled"]
StreamProblem: TypeAlias = Literal["unreadable_source", "unwritable_results"]


class Failure(msgspec.Struct, frozen=True):
    """Why an item's attempt did not succeed.

    `kind` is a stable word. docs/language.md lists all of them, and a test compares.
    Only failures of the action itself can be `retryable`. `result` is the result of a failed action, if it has one.
    `details` are further fields of `error`; for a sub-workflow, its run's id and errors. `traceback` has the frames of
    the action's own code, the outermost first, if it raised an exception.
    """

    kind: str
    message: str
    retryable: bool = True
    result: Data = None
    input: Data = None
    expression: str | None = None
    where: Place | None = None
    details: FrozenDict | None = None
    traceback: tuple[Frame, ...] = ()


class ItemCompleted(msgspec.Struct, frozen=True):
    """An item's attempt has ended.

    `outcome` is succeeded, failed, timed_out, abandoned, cancelled or skipped. A skipped item did not run: it counts as
    succeeded, with a null result.

    `began_at` is when the action's code began, in seconds since the epoch, and `seconds` is what it took by a monotonic
    clock. Both are None if it never began. They are for reports: the conductor does not read them.

    `taken_over` is set for a failure that a rerun of other items takes over: these start nevertheless, and it counts as
    a failure when the visit ends.
    """

    task: str
    visit: int
    index: int
    attempt: int
    outcome: str
    result: Data
    failure: Failure | None
    at: float
    began_at: float | None = None
    seconds: float | None = None
    taken_over: bool = False


class ItemsWithdrawn(msgspec.Struct, frozen=True):
    """Commanded items had not started, and never will."""

    task: str
    visit: int
    indexes: tuple[int, ...]
    at: float


class ItemsHeld(msgspec.Struct, frozen=True):
    """Commanded items of a paused task have not started. They start when the task is resumed."""

    task: str
    visit: int
    indexes: tuple[int, ...]
    at: float


class ItemPaused(msgspec.Struct, frozen=True):
    """An item's sub-workflow was paused."""

    task: str
    visit: int
    index: int
    at: float


class ItemResumed(msgspec.Struct, frozen=True):
    """An item's sub-workflow was resumed."""

    task: str
    visit: int
    index: int
    at: float


class RetryDue(msgspec.Struct, frozen=True):
    """An item's wait for its next attempt is over."""

    task: str
    visit: int
    index: int
    attempt: int
    at: float


class DelayElapsed(msgspec.Struct, frozen=True):
    """The delay before a task's start, or before the next attempt of a whole visit, is over."""

    task: str
    visit: int
    at: float
    attempt: int = 1


class PauseRequested(msgspec.Struct, frozen=True):
    """Start nothing new until the run is resumed."""

    at: float


class ResumeRequested(msgspec.Struct, frozen=True):
    """Resume a paused run."""

    at: float


class CancelRequested(msgspec.Struct, frozen=True):
    """Cancel the run.

    `by` is the token or user that asks for it, if that is known. With `late`, the run's own deadline asks for it.
    """

    at: float
    by: str | None = None
    late: bool = False


class TaskPauseRequested(msgspec.Struct, frozen=True):
    """Start nothing new in a task's active visits until they are resumed."""

    task: str
    at: float


class TaskResumeRequested(msgspec.Struct, frozen=True):
    """Resume the paused visits of a task."""

    task: str
    at: float


class TaskCancelRequested(msgspec.Struct, frozen=True):
    """Stop the items of a task's active visits. The visits end cancelled, and the run goes on from there.

    With `visit`, that visit is late, and only it is stopped. `by` is the token or user that asks, if that is known.
    """

    task: str
    at: float
    visit: int | None = None
    by: str | None = None


class RunLate(msgspec.Struct, frozen=True):
    """The run's own deadline has passed, and its policy is to fail."""

    at: float


class TaskTimedOut(msgspec.Struct, frozen=True):
    """A visit of a task is late. Its items are stopped, and it times out."""

    task: str
    visit: int
    at: float


class ConcurrencyRequested(msgspec.Struct, frozen=True):
    """Set the number of items that a task's active visits run at a time."""

    task: str
    concurrency: int
    at: float


class MaxFailuresRequested(msgspec.Struct, frozen=True):
    """Set the number of items that may fail in a task's active visits."""

    task: str
    max_failures: int
    at: float


class SkipRequested(msgspec.Struct, frozen=True):
    """Skip an item that has not ended, in the first visit that allows it."""

    task: str
    index: int
    at: float


class RetryRequested(msgspec.Struct, frozen=True):
    """Retry an item now that failed or waits for its next attempt, in the first visit that allows it."""

    task: str
    index: int
    at: float


class ExtensionRequested(msgspec.Struct, frozen=True):
    """Add seconds to the run's deadline."""

    seconds: float
    at: float


class RunTimedOut(msgspec.Struct, frozen=True):
    """The run's deadline has passed."""

    at: float


class BadLine(msgspec.Struct, frozen=True):
    """A line of a file of items that is not an item, as the start of its text and the message that names it."""

    text: str
    message: str


class ItemsRead(msgspec.Struct, frozen=True):
    """Some of a task's items were read from a file, from byte `start` to `offset`.

    `line` is the number of lines before `offset`. With `ended` there are no more items. The event contains the items,
    so recovery does not need the file. `bad_lines` are the lines among them that are not items, if they are collected.
    """

    task: str
    visit: int
    items: FrozenList
    start: int
    offset: int
    line: int
    ended: bool
    at: float
    bad_lines: tuple[BadLine, ...] = ()


class ResultsOpened(msgspec.Struct, frozen=True):
    """A task's results file was created, empty."""

    task: str
    visit: int
    at: float


class ResultsClosed(msgspec.Struct, frozen=True):
    """A task's results file is complete."""

    task: str
    visit: int
    at: float


class StreamFailed(msgspec.Struct, frozen=True):
    """A task's items cannot be read (`unreadable_source`), or its results cannot be written (`unwritable_results`)."""

    task: str
    visit: int
    kind: StreamProblem
    message: str
    at: float


class EvaluationStopped(msgspec.Struct, frozen=True):
    """An expression was evaluated for too long and was stopped, so the run fails.

    It precedes the event that led to the evaluation, so that a replay of that event evaluates nothing. `begun` is false
    if no event led to it: the run was about to begin, and does not. `expression` is the source, or "" if there are
    several.
    """

    place: Place
    expression: str
    seconds: float
    begun: bool
    at: float


class InquiryMade(msgspec.Struct, frozen=True):
    """The action of an item has asked people, beside its own work. The item runs on.

    `inquiry_number` is how a task's `wait_for` names the inquiry, `inquiry` is its id elsewhere. `purpose`
    distinguishes the inquiries of one item. `question` is the input of `core.ask` that asks the same.
    """

    task: str
    visit: int
    index: int
    inquiry: str
    inquiry_number: int
    purpose: str
    question: FrozenDict
    expires_at: float | None
    at: float


class InquirySettled(msgspec.Struct, frozen=True):
    """An inquiry that an action has made was answered, has timed out, or was cancelled by its action.

    `by` is the name of the person who answered. The `response` of a stored event is not frozen.
    """

    inquiry_number: int
    status: SettledStatus
    at: float
    response: Any = None
    by: str | None = None


Event: TypeAlias = (
    ItemCompleted
    | ItemsWithdrawn
    | ItemsHeld
    | ItemPaused
    | ItemResumed
    | RetryDue
    | DelayElapsed
    | PauseRequested
    | ResumeRequested
    | CancelRequested
    | TaskPauseRequested
    | TaskResumeRequested
    | TaskCancelRequested
    | TaskTimedOut
    | ConcurrencyRequested
    | MaxFailuresRequested
    | SkipRequested
    | RetryRequested
    | ExtensionRequested
    | RunTimedOut
    | RunLate
    | ItemsRead
    | ResultsOpened
    | ResultsClosed
    | StreamFailed
    | EvaluationStopped
    | InquiryMade
    | InquirySettled
)
