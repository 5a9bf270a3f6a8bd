"""What should happen next: the conductor's only output, carried out by the run's supervisor."""

from typing import TypeAlias

import msgspec

from stretto.definitions.conductor.events import DelayElapsed, RetryDue, RunTimedOut
from stretto.definitions.context import ItemScope, Snapshot
from stretto.definitions.frozen import Data, FrozenDict, FrozenList


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


class FinishRun(msgspec.Struct, frozen=True):
    """The run has ended; nothing comes after this."""

    status: str
    output: FrozenDict | None
    errors: FrozenList


Command: TypeAlias = StartItem | CancelItem | WithdrawItems | WaitUntil | TaskStarted | TaskEnded | FinishRun
