"""Every message between actors, in one file. Commands are imperatives, events are in the past tense.

All are frozen msgspec structs: made in under 0.1 us where a frozen dataclass takes 0.75 us, and ten thousand
items send thirty thousand of them. The conductor's events (`RetryDue`, `DelayElapsed`) travel as they are.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
from pykka import ActorRef

from stretto.actors.dispatch import Later
from stretto.actors.journal.records import Entry, ParentItem, Rerun, RunAccepted, Write
from stretto.actors.journal.store import Child, Prune
from stretto.actors.outcome import Outcome
from stretto.actors.runners import Finished
from stretto.definitions.conductor import CancelRequested, ItemCompleted, PauseRequested, ResumeRequested, StartItem
from stretto.definitions.conductor.rerun import Kept
from stretto.definitions.frozen import FrozenDict
from stretto.definitions.model import Task, Workflow
from stretto.definitions.semantics import CoreActions


class Recipient(Protocol):
    """Who can be told something: an `ActorRef`, or the mailbox of an actor of ours."""

    def tell(self, message: Any) -> None:
        """Leave a message; raise ActorDeadError if the actor has stopped."""


HandedDown: TypeAlias = PauseRequested | ResumeRequested | CancelRequested
"""Requests to a run that its sub-workflows are to follow, too."""

# ---- to a run's supervisor


class BeginRun(msgspec.Struct, frozen=True):
    """Bind the inputs, answer whoever submitted the run, and start it."""


class FollowParent(msgspec.Struct, frozen=True):
    """Do what was last requested of the run whose item this one performs, unless the same, or something later, was
    requested of this one: as the last engine ended, it may have been handed down and not written."""

    request: HandedDown


class RunRecorded(msgspec.Struct, frozen=True):
    """That the run was accepted is durable."""


class EntriesRead(msgspec.Struct, frozen=True):
    """Some of what the journal holds of a run that is being rebuilt; `more` may follow."""

    entries: list[Entry]
    more: bool


class StartRecorded(msgspec.Struct, frozen=True):
    """That a try of an item is about to be performed is durable (`delivery: at_most_once`)."""

    start: StartItem
    caused_at: float | None


class JournalHasRoom(msgspec.Struct, frozen=True):
    """The journal has caught up, or can write again: items may start."""


class SettleKept(msgspec.Struct, frozen=True):
    """Go on with the items of which a rerun keeps what came of them."""


class ItemEnded(msgspec.Struct, frozen=True):
    """A try of an item has ended; it took `seconds`, and ended at `finished_at` on the monotonic clock."""

    completed: ItemCompleted
    seconds: float
    finished_at: float


class ResultsSaved(msgspec.Struct, frozen=True):
    """So many lines, of about so many bytes, have been written to a task's file of results, which has `size` bytes now.

    `whole`: they were the last.
    """

    task: str
    visit: int
    count: int
    weight: int
    size: int
    whole: bool


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


class ChangeConcurrency(msgspec.Struct, frozen=True):
    """Let so many items of a task be in its window. Answered when it has been noted."""

    task: str
    concurrency: int


class SkipOneItem(msgspec.Struct, frozen=True):
    """Have an item end without a result, as if it had succeeded. Answered when it has been noted."""

    task: str
    index: int


class RetryOneItem(msgspec.Struct, frozen=True):
    """Try an item again now that failed or waits. Answered when it has been noted."""

    task: str
    index: int


class TellWhy(msgspec.Struct, frozen=True):
    """Answer with what the run, or one of its tasks, waits for."""

    task: str | None = None


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
    """Stop at once: the engine ends. What a store holds of the run goes on when an engine opens it again."""


class DropRun(msgspec.Struct, frozen=True):
    """End without a word: there is no such run, or none that could be written down."""


class ParkWhenIdle(msgspec.Struct, frozen=True):
    """Stop as soon as nothing but a resume could have the run go on: the engine ends."""


# ---- to an item


class PerformItem(msgspec.Struct, frozen=True):
    """Perform one try of an item.

    `caused_at` is when the action ended that this task follows on, on the monotonic clock; None if it follows none.
    `depth`: the action is a workflow, to be run that deep below the first one; None: it is an action.
    `core_actions`: whose core.* the run calls. `child`: the run that performs the item already.
    """

    start: StartItem
    task: Task
    supervisor: Recipient
    caused_at: float | None
    depth: int | None = None
    core_actions: CoreActions = "stretto"
    child: Child | None = None


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


class LetGo(msgspec.Struct, frozen=True):
    """End without a report, and leave the sub-workflow that performs this item alone."""


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
    parent: ParentItem
    depth: int
    item: ActorRef[Any]


class AttachChild(msgspec.Struct, frozen=True):
    """Tell `item` how the run ends that performs it already; answered as `StartChild`."""

    run_id: str
    item: ActorRef[Any]


class ControlChild(msgspec.Struct, frozen=True):
    """Hand `message` (cancel, pause, resume) to a child's supervisor, if it still runs."""

    run_id: str
    message: Any


class RunRefused(msgspec.Struct, frozen=True):
    """A run's input did not fit, as `reason` tells; there is no such run."""

    run_id: str
    reason: str


class SharePermits(msgspec.Struct, frozen=True):
    """Share out the permits: some are wanted, or have been given back while some are."""


class RunInputs(msgspec.Struct, frozen=True):
    """What a run was of: enough to do it again."""

    workflow: Workflow
    parameters: FrozenDict


class RunEnded(msgspec.Struct, frozen=True):
    """A run has ended; `tasks` is its last status, `again` what it takes to do it again.

    `outcome` is told to whoever asks; `passed_on`, in which secrets are not masked, to the item that the run performs.
    """

    run_id: str
    outcome: Outcome
    tasks: dict[str, Any]
    again: RunInputs | None = None
    passed_on: Outcome | None = None


class RunPauseChanged(msgspec.Struct, frozen=True):
    """A sub-workflow has been paused, or goes on."""

    run_id: str
    paused: bool


class RunCrashed(msgspec.Struct, frozen=True):
    """A run's supervisor has died of `reason`."""

    run_id: str
    reason: str


class RestartRun(msgspec.Struct, frozen=True):
    """Rebuild a run whose supervisor has died from the journal; `flushed`: all that one had sent is durable."""

    run_id: str
    flushed: bool


class PruneDue(msgspec.Struct, frozen=True):
    """Delete the ended runs that need not be kept any more."""


class RunParked(msgspec.Struct, frozen=True):
    """A run is left as it is, because of `why`; it goes on when an engine opens the store again."""

    run_id: str
    why: str = "the engine was stopped"


class RunLoaded(msgspec.Struct, frozen=True):
    """All that a run is rebuilt from, but for its entries; `kept` is what a rerun keeps of an earlier run."""

    accepted: RunAccepted
    children: tuple[Child, ...]
    kept: Kept | None


class RunNotLoaded(msgspec.Struct, frozen=True):
    """A run cannot be rebuilt: `reason` says why.

    `again` says when it can: soon, as the store could not be read; with the store's key, by a later engine; or never.
    """

    run_id: str
    reason: str
    again: Literal["soon", "with the key", "never"]


class RunRebuilt(msgspec.Struct, frozen=True):
    """A run's supervisor has its run again as the journal holds it.

    `children` are the sub-workflows' runs that perform its items, each with what it may have missed, if there was
    anything to miss.
    """

    run_id: str
    children: Mapping[str, HandedDown | None]


class RunExists(msgspec.Struct, frozen=True):
    """A run was not accepted, as an earlier one, `existing`, has its idempotency key.

    `same_request`: the earlier one was of the same workflow and inputs.
    """

    run_id: str
    existing: str
    same_request: bool


class RunUnrecordable(msgspec.Struct, frozen=True):
    """What happened to a run can never be written into the store: `reason` says why."""

    run_id: str
    reason: str


class StoreGone(msgspec.Struct, frozen=True):
    """The store will never be written again by this engine: `reason` says why."""

    reason: str


class OldRunRead(msgspec.Struct, frozen=True):
    """The run that is to be done again has been read."""

    accepted: RunAccepted
    kept: Kept | None
    rerun: Rerun
    answer: Later


class GraceElapsed(msgspec.Struct, frozen=True):
    """The time that runs had to end while the engine stops is over."""


# ---- to the journal


class Record(msgspec.Struct, frozen=True):
    """Write this down; when it is durable, `tells` are told, and `answers` resolved.

    `entries` counts for how much may be under way. Without a write: when all earlier ones are durable.
    """

    write: Write | None
    entries: int
    tells: tuple[tuple[ActorRef[Any], Any], ...] = ()
    answers: tuple[tuple[Later, Any], ...] = ()


class RetryCommit(msgspec.Struct, frozen=True):
    """Try again to write what could not be written."""


class PruneRuns(msgspec.Struct, frozen=True):
    """Delete ended runs, a portion at a time; `answer` gets how many."""

    prune: Prune
    answer: Later


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
