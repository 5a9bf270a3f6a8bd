"""What should happen next: the conductor's only output, carried out by the run's supervisor."""

from typing import TypeAlias

import msgspec

from stretto.definitions.conductor.events import DelayElapsed, Failure, RetryDue, RunTimedOut
from stretto.definitions.context import ItemScope, Snapshot
from stretto.definitions.data import Data, FrozenDict, FrozenList
from stretto.definitions.model import SourceKind


class Prepared(msgspec.Struct, frozen=True):
    """What an item performs, rendered before it starts: an action's ref and its input."""

    action: str
    input: FrozenDict


class TaskStarted(msgspec.Struct, frozen=True):
    """Tell that a visit of a task, or an engine command, has begun, on which route."""

    task: str
    visit: int
    route: int


class StartItem(msgspec.Struct, frozen=True):
    """Perform an item of a task; a task without items is one item, whose scope is the snapshot itself.

    `timeout` bounds the try, in seconds from the action's call. `at` is the time of the item's first start, from
    which its input sees `now()` in every try. With `prepared` nothing is left to be rendered.
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


class CancelItem(msgspec.Struct, frozen=True):
    """Stop an item that has been started; its `ItemCompleted` tells when that is done."""

    task: str
    visit: int
    index: int


class WithdrawItems(msgspec.Struct, frozen=True):
    """Do not start what has not been started of a task; answer with `ItemsWithdrawn` if there was any."""

    task: str
    visit: int


class WaitUntil(msgspec.Struct, frozen=True):
    """Hand `then` back when the time has come; its `at` is the deadline."""

    then: RetryDue | DelayElapsed | RunTimedOut


class TaskEnded(msgspec.Struct, frozen=True):
    """Tell that a task has ended, for logs and metrics: its outcome, and how many items it had and failed.

    `outcomes` counts the items by what they ended as; those that never started are not among them. `result` is what
    the transitions saw; `attempts` counts the tries of the whole visit.
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
    """Read some of a task's items from a file, from the byte `start` on; answer with `ItemsRead` or `StreamFailed`.

    `line` counts the lines before that.
    """

    task: str
    visit: int
    kind: SourceKind
    path: str
    start: int
    line: int


class OpenResults(msgspec.Struct, frozen=True):
    """Make the file for a task's results, empty; answer with `ResultsOpened` or `StreamFailed`.

    `source` is the file that the task's items are read from, which must be another one.
    """

    task: str
    visit: int
    path: str
    source: str | None


class WriteResult(msgspec.Struct, frozen=True):
    """Write what came of an item into its task's file; only if that cannot be done, answer with `StreamFailed`."""

    task: str
    visit: int
    index: int
    outcome: str
    result: Data
    failure: Failure | None


class CloseResults(msgspec.Struct, frozen=True):
    """Have all of a task's results be in their file; answer with `ResultsClosed` or `StreamFailed`."""

    task: str
    visit: int


class FinishRun(msgspec.Struct, frozen=True):
    """The run has ended; nothing comes after this."""

    status: str
    output: FrozenDict | None
    errors: FrozenList


StreamCommand: TypeAlias = ReadItems | OpenResults | WriteResult | CloseResults
"""What is about a task's files: a lazy source of items, and a file of results."""

Command: TypeAlias = (
    StartItem | CancelItem | WithdrawItems | WaitUntil | TaskStarted | TaskEnded | FinishRun | StreamCommand
)
