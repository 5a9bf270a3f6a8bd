"""Commands: the conductor's only output, carried out by the run's supervisor."""

from typing import TypeAlias

import msgspec

from stretto.definitions.conductor.events import DelayElapsed, Failure, RetryDue, RunTimedOut
from stretto.definitions.context import ItemScope, Snapshot
from stretto.definitions.data import Data, FrozenDict, FrozenList
from stretto.definitions.model import OnBadLine, SourceKind


class Prepared(msgspec.Struct, frozen=True):
    """The action and input of an item, rendered before it starts."""

    action: str
    input: FrozenDict


class TaskStarted(msgspec.Struct, frozen=True):
    """Report that a visit of a task, or an engine command, has begun."""

    task: str
    visit: int
    route: int


class StartItem(msgspec.Struct, frozen=True):
    """Run an item of a task. A task without items is one item, whose scope is the snapshot itself.

    `timeout` bounds the attempt, in seconds from the action's call. `at` is the time of the item's first start:
    `now()` gives that time to its input in every attempt. With `prepared` nothing is left to render. `began` is when
    this attempt was commanded, if it is not the first one.
    """

    task: str
    visit: int
    index: int
    attempt: int
    scope: Snapshot | ItemScope
    timeout: float | None
    at: float
    route: int = 0
    prepared: Prepared | None = None
    began: float | None = None


class CancelItem(msgspec.Struct, frozen=True):
    """Stop a running item. Its `ItemCompleted` follows."""

    task: str
    visit: int
    index: int


class WithdrawItems(msgspec.Struct, frozen=True):
    """Do not start the commanded items of a task that have not started. Answer with `ItemsWithdrawn` if any."""

    task: str
    visit: int


class HoldItems(msgspec.Struct, frozen=True):
    """Pause the sub-workflows of a visit, and do not start its commanded items. Answer with `ItemsHeld` if any."""

    task: str
    visit: int


class ResumeItems(msgspec.Struct, frozen=True):
    """Resume the sub-workflows of a visit."""

    task: str
    visit: int


class WaitUntil(msgspec.Struct, frozen=True):
    """Send the event `then` at its time, `at`."""

    then: RetryDue | DelayElapsed | RunTimedOut


class TaskEnded(msgspec.Struct, frozen=True):
    """Report that a task has ended, for logs and metrics.

    `items` and `failed` are numbers of items. `outcomes` counts the items by outcome, without those that never started.
    `result` is the result that the transitions saw. `attempts` counts the attempts of the whole visit.
    """

    task: str
    visit: int
    outcome: str
    items: int
    failed: int
    seconds: float
    outcomes: dict[str, int]
    route: int = 0
    result: Data = None
    attempts: int = 1


class ReadItems(msgspec.Struct, frozen=True):
    """Read some of a task's items from a file, from byte `start`. Answer with `ItemsRead` or `StreamFailed`.

    `line` is the number of lines before `start`. `on_bad_line` says what a line that is not an item does.
    """

    task: str
    visit: int
    kind: SourceKind
    path: str
    start: int
    line: int
    on_bad_line: OnBadLine = "fail"


class OpenResults(msgspec.Struct, frozen=True):
    """Create a task's results file, empty. Answer with `ResultsOpened` or `StreamFailed`.

    `source` is the file of the task's items, which must be a different file.
    """

    task: str
    visit: int
    path: str
    source: str | None


class WriteResult(msgspec.Struct, frozen=True):
    """Write an item's outcome to its task's results file. Answer with `StreamFailed` only if that fails."""

    task: str
    visit: int
    index: int
    outcome: str
    result: Data
    failure: Failure | None


class CloseResults(msgspec.Struct, frozen=True):
    """Flush and close a task's results file. Answer with `ResultsClosed` or `StreamFailed`."""

    task: str
    visit: int


class FinishRun(msgspec.Struct, frozen=True):
    """End the run. This is the last command."""

    status: str
    output: FrozenDict | None
    errors: FrozenList


StreamCommand: TypeAlias = ReadItems | OpenResults | WriteResult | CloseResults
"""Commands about a task's files: its source of items and its results file."""

Command: TypeAlias = (
    StartItem
    | CancelItem
    | WithdrawItems
    | HoldItems
    | ResumeItems
    | WaitUntil
    | TaskStarted
    | TaskEnded
    | FinishRun
    | StreamCommand
)
