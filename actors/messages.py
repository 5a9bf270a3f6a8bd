"""Every message between actors, in one file. Commands are imperatives, events are in the past tense.

All are frozen msgspec structs: made in under 0.1 us where a frozen dataclass takes 0.75 us, and ten thousand
items send thirty thousand of them. The conductor's events (`RetryDue`, `DelayElapsed`) travel as they are.
"""

from typing import Any

import msgspec
from pykka import ActorRef

from stretto.actors.dispatch import Later
from stretto.actors.outcome import Outcome
from stretto.actors.runners import Finished
from stretto.definitions.conductor import ItemCompleted, StartItem
from stretto.definitions.frozen import FrozenDict
from stretto.definitions.model import Task
from stretto.definitions.semantics import CoreActions

# ---- to a run's supervisor


class BeginRun(msgspec.Struct, frozen=True):
    """Bind the inputs, answer whoever submitted the run, and start it."""


class ItemEnded(msgspec.Struct, frozen=True):
    """A try of an item has ended; it took `seconds`, and ended at `finished_at` on the monotonic clock."""

    completed: ItemCompleted
    seconds: float
    finished_at: float


class PermitsGranted(msgspec.Struct, frozen=True):
    """So many more items may be in flight."""

    count: int


class ReturnPermits(msgspec.Struct, frozen=True):
    """Give so many permits back as items end: other runs wait for them."""

    count: int


class Relayed(msgspec.Struct, frozen=True):
    """Handle `message`, and resolve `answer` with what comes of it."""

    message: Any
    answer: Later


class CancelRun(msgspec.Struct, frozen=True):
    """End the run by its cancellation policy. Answered when it has been noted."""


class PauseRun(msgspec.Struct, frozen=True):
    """Start nothing new until further notice. Answered when it has been noted."""


class ResumeRun(msgspec.Struct, frozen=True):
    """Go on with a paused run. Answered when it has been noted."""


class TellStatus(msgspec.Struct, frozen=True):
    """Answer with the run's status."""


class TellItemOutput(msgspec.Struct, frozen=True):
    """Answer with what an item in flight has written so far."""

    task: str
    index: int


class WatchRun(msgspec.Struct, frozen=True):
    """Tell `watcher` the run's progress from now on."""

    watcher: ActorRef[Any]


class AbandonRun(msgspec.Struct, frozen=True):
    """Stop at once: the engine ends."""


# ---- to an item


class PerformItem(msgspec.Struct, frozen=True):
    """Perform one try of an item.

    `caused_at` is when the action ended that this task follows on, on the monotonic clock; None if it follows none.
    `depth`: the action is a workflow, to be run that deep below the first one; None: it is an action.
    `core_actions`: whose core.* the run calls.
    """

    start: StartItem
    task: Task
    supervisor: ActorRef[Any]
    caused_at: float | None
    depth: int | None = None
    core_actions: CoreActions = "stretto"


class ActionBegan(msgspec.Struct, frozen=True):
    """The action's code begins, at `at` on the monotonic clock: from here its timeout counts."""

    at: float


class ActionEnded(msgspec.Struct, frozen=True):
    """The action that an item called has ended."""

    finished: Finished


class AttemptTimedOut(msgspec.Struct, frozen=True):
    """The time that a try may take is over."""


class StopItem(msgspec.Struct, frozen=True):
    """Stop the action and report."""


class PauseItem(msgspec.Struct, frozen=True):
    """Have the sub-workflow that performs this item pause."""


class ResumeItem(msgspec.Struct, frozen=True):
    """Have the sub-workflow that performs this item go on."""


class TellOutput(msgspec.Struct, frozen=True):
    """Answer with what the action has written so far."""


class ChildEnded(msgspec.Struct, frozen=True):
    """The run that performs this item has ended."""

    run_id: str
    outcome: Outcome


class ChildPauseChanged(msgspec.Struct, frozen=True):
    """The run that performs this item has been paused, or goes on."""

    paused: bool


class ChildRefused(msgspec.Struct, frozen=True):
    """There is no run to perform this item: `code` and `message` say why."""

    code: str
    message: str


class StopTookTooLong(msgspec.Struct, frozen=True):
    """An action that was stopped has not ended in time: report without it."""


# ---- to the engine


class StartChild(msgspec.Struct, frozen=True):
    """Run a workflow to perform an item; answered with `ChildEnded` or `ChildRefused` to `item`.

    The item chooses the id, so that it can cancel the run at any time. `parent` is what its `system.parent` gives.
    """

    run_id: str
    workflow: str
    inputs: FrozenDict
    parent: FrozenDict
    depth: int
    item: ActorRef[Any]


class ControlChild(msgspec.Struct, frozen=True):
    """Hand `message` (cancel, pause, resume) to a child's supervisor, if it still runs."""

    run_id: str
    message: Any


class RunRefused(msgspec.Struct, frozen=True):
    """A run's input did not fit, as `reason` tells; there is no such run."""

    run_id: str
    reason: str


class PermitsRequested(msgspec.Struct, frozen=True):
    """A run wants `count` permits beyond those that it holds."""

    run_id: str
    count: int


class PermitsReturned(msgspec.Struct, frozen=True):
    """A run gives permits back."""

    run_id: str
    count: int


class RunEnded(msgspec.Struct, frozen=True):
    """A run has ended; `tasks` is its last status."""

    run_id: str
    outcome: Outcome
    tasks: dict[str, Any]


class RunPauseChanged(msgspec.Struct, frozen=True):
    """A sub-workflow has been paused, or goes on."""

    run_id: str
    paused: bool


class RunCrashed(msgspec.Struct, frozen=True):
    """A run's supervisor has died of `reason`."""

    run_id: str
    reason: str


class GraceElapsed(msgspec.Struct, frozen=True):
    """The time that runs had to end while the engine stops is over."""


# ---- to the clock


class RemindAt(msgspec.Struct, frozen=True):
    """Tell `message` to `to` at `at` on the monotonic clock; `key` is for `ForgetReminder`."""

    key: int
    at: float
    to: ActorRef[Any]
    message: Any


class ForgetReminder(msgspec.Struct, frozen=True):
    """Do not send the reminder any more."""

    key: int


# ---- to a run's watchers


class RunProgressed(msgspec.Struct, frozen=True):
    """A run as it is now: its status, and {name: {status, visits, items: {total, succeeded, failed, running}}}."""

    run_id: str
    status: str
    tasks: dict[str, Any]
