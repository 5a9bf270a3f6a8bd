"""The messages of a run, by receiver: the run's supervisor, its items, the engine, the run's watchers.

Commands are imperatives, events are in the past tense. All are frozen msgspec structs: one takes under 0.1 us to make,
a frozen dataclass 0.75 us, and ten thousand items send thirty thousand of them. The conductor's own events
travel as they are. Annotations are not imported at run time: a message loads neither runners nor expressions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka import ActorRef

    from stretto.actors.dispatch import Deferred, Recipient
    from stretto.actors.journal import AuditEntries, Child, Inquiry, KeptOutput, Origin, OutputsInMemory, ParentItem
    from stretto.actors.outcome import Outcome
    from stretto.actors.runners import Finished
    from stretto.actors.runs.request import RunInputs
    from stretto.actors.runs.waiting_messages import WaitedBefore, WaitEnded
    from stretto.definitions.conductor import Event, ItemCompleted, PropagatedRequest, StartItem
    from stretto.definitions.data import FrozenDict
    from stretto.definitions.model import CoreActions, Task


class OutputWatcher(msgspec.Struct, frozen=True):
    """Who wants to hear of output that comes after an answer: `call` is called once then, and once at the end."""

    key: str
    call: Callable[[], object]


# ---- to a run's supervisor: requests


class BeginRun(msgspec.Struct, frozen=True):
    """Bind the inputs, answer the client, and start the run."""


class Forwarded(msgspec.Struct, frozen=True):
    """Handle `message`, and resolve `answer` with the result."""

    message: Any
    answer: Deferred


class ControlRun(msgspec.Struct, frozen=True):
    """Apply a request to the run: `event` of these arguments and the present time. Answered once it is durable."""

    event: Callable[..., Event]
    arguments: tuple[Any, ...] = ()
    audit: AuditEntries = ()
    """Recorded with the event."""


class CatchUpWithParent(msgspec.Struct, frozen=True):
    """Apply the parent's latest request, unless this run has a later one: a crash can lose it between the journals."""

    request: PropagatedRequest


class ReportStatus(msgspec.Struct, frozen=True):
    """Answer with the run's status."""


class ReportVersion(msgspec.Struct, frozen=True):
    """Answer with a number that is another one after each change of the run's state."""


class ExplainWaits(msgspec.Struct, frozen=True):
    """Answer with the waits of the run, or of one of its tasks. `quarantined` are child runs."""

    task: str | None = None
    quarantined: tuple[str, ...] = ()


class ReportItemOutput(msgspec.Struct, frozen=True):
    """Answer with the output of an item: so far, or of its last ended attempt."""

    task: str
    index: int
    attempt: int | None = None
    """The number of the attempt. None is the one in flight, or else the last one."""
    watcher: OutputWatcher | None = None


class WatchRun(msgspec.Struct, frozen=True):
    """Send the run's progress to `watcher` from now on."""

    watcher: ActorRef[Any]


class WatcherReady(msgspec.Struct, frozen=True):
    """A watcher has handled the last progress: it gets the next one, now or when something changes."""

    watcher: ActorRef[Any]


class AbandonRun(msgspec.Struct, frozen=True):
    """Stop at once, because the engine stops. A run in a store is parked, any other is abandoned."""


class ParkWhenIdle(msgspec.Struct, frozen=True):
    """Park the run as soon as only a resume could continue it, because the engine stops."""


class DiscardRun(msgspec.Struct, frozen=True):
    """Stop without a report: the run does not exist, or cannot be recorded."""


# ---- to a run's supervisor: events


class RunRecorded(msgspec.Struct, frozen=True):
    """The run's acceptance is durable."""


class StartRecorded(msgspec.Struct, frozen=True):
    """The coming start of an item's attempt is durable (`delivery: at_most_once`)."""

    start: StartItem
    preceding_end: float | None


class SettleReused(msgspec.Struct, frozen=True):
    """Settle the next portion of a rerun's reused items."""


class ItemEnded(msgspec.Struct, frozen=True):
    """An item's attempt ended at `finished_at` on the monotonic clock, `seconds` after its actor's start.

    Other than `completed.seconds` these include the wait for a thread. `output` is what it has printed, if anything.
    """

    completed: ItemCompleted
    seconds: float
    finished_at: float
    output: KeptOutput | None = None
    waited: WaitEnded | None = None


class ItemCancelling(msgspec.Struct, frozen=True):
    """The sub-workflow's run of an attempt is being cancelled."""

    start: StartItem


class ResultsSaved(msgspec.Struct, frozen=True):
    """`count` lines of about `weight` bytes were written to a task's results file, which now has `size` bytes."""

    task: str
    visit: int
    count: int
    weight: int
    size: int
    complete: bool
    """Whether they were the last lines."""


class ContinueEvent(msgspec.Struct, frozen=True):
    """Go on with the event that is handled in several turns."""


class PermitsGranted(msgspec.Struct, frozen=True):
    """The run may have `count` more items in flight in a pool or with a key, or start `count` of a rate."""

    count: int
    pool: str = "here"


class ReturnPermits(msgspec.Struct, frozen=True):
    """Return `count` permits of a pool as items end, because other runs wait for them."""

    count: int
    pool: str = "here"


# ---- to an item


class RunItem(msgspec.Struct, frozen=True):
    """Run one attempt of an item.

    `preceding_end` is the end of the action that this task follows, on the monotonic clock, or None if it follows none.
    `origin` is that of the run. `depth` is the depth of the sub-workflow's run, or None for an action. `core_actions`
    selects the dialect's core actions. `child` is the sub-workflow's run, the inquiry, or the wait, if there is one
    already. `pool` is the pool in which the action runs, "" if the definition gives none that exists. `requested_by`
    asked for the run.
    """

    start: StartItem
    task: Task
    supervisor: Recipient
    preceding_end: float | None
    origin: Origin
    depth: int | None = None
    core_actions: CoreActions = "stretto"
    child: Child | Inquiry | WaitedBefore | None = None
    pool: str = "here"
    requested_by: str | None = None


class ActionBegan(msgspec.Struct, frozen=True):
    """The action's code began at `at` on the monotonic clock, where its timeout starts.

    Also sent while the action waits for a thread, if all threads are left behind with functions that hang.
    """

    at: float


class ActionEnded(msgspec.Struct, frozen=True):
    """The item's action has ended. `at` is when this engine heard of it, on its monotonic clock."""

    finished: Finished
    at: float


class AttemptTimedOut(msgspec.Struct, frozen=True):
    """The attempt has reached its timeout."""


class StopItem(msgspec.Struct, frozen=True):
    """Stop the action and report."""


class WithdrawItem(msgspec.Struct, frozen=True):
    """Cancel the call if it waits in a pool and no worker has got it. One that runs is to finish."""


class StopTookTooLong(msgspec.Struct, frozen=True):
    """A stopped action has not ended in time: report without it."""


class Detach(msgspec.Struct, frozen=True):
    """Stop without a report, and let the sub-workflow continue."""


class PauseItem(msgspec.Struct, frozen=True):
    """Pause the item's sub-workflow."""


class ResumeItem(msgspec.Struct, frozen=True):
    """Resume the item's sub-workflow."""


class ReportOutput(msgspec.Struct, frozen=True):
    """Answer with the action's output so far."""

    watcher: OutputWatcher | None = None


class ChildEnded(msgspec.Struct, frozen=True):
    """The run of the item's sub-workflow has ended."""

    run_id: str
    outcome: Outcome


class ChildPauseChanged(msgspec.Struct, frozen=True):
    """The run of the item's sub-workflow was paused or resumed."""

    paused: bool


class ChildCancelling(msgspec.Struct, frozen=True):
    """A sub-workflow's run is being cancelled. The engine passes this on to the item."""

    run_id: str


class ChildRefused(msgspec.Struct, frozen=True):
    """The item's sub-workflow cannot run. `code` and `message` say why."""

    code: str
    message: str


# ---- to the engine: from items


class StartChild(msgspec.Struct, frozen=True):
    """Run a sub-workflow for `item`. Answered with `ChildEnded` or `ChildRefused`.

    The item chooses the id, so that it can cancel the run at any time. `parent` is the run's `system.parent`, and
    `origin` that of its own run.
    """

    run_id: str
    workflow: str
    inputs: FrozenDict
    parent: ParentItem
    depth: int
    origin: Origin
    item: ActorRef[Any]


class AttachChild(msgspec.Struct, frozen=True):
    """Report the end of an existing sub-workflow's run to `item`. Answered as `StartChild` is."""

    run_id: str
    item: ActorRef[Any]


class ControlChild(msgspec.Struct, frozen=True):
    """Forward `message` to the supervisor of a sub-workflow's run, if it still runs."""

    run_id: str
    message: Any


# ---- to the engine: from supervisors


class RunRefused(msgspec.Struct, frozen=True):
    """A run's inputs were invalid for `reason`, so the run does not exist."""

    run_id: str
    reason: str


class SharePermits(msgspec.Struct, frozen=True):
    """Share out the permits: a run waits for some, or some were released while a run waits."""


class RunEnded(msgspec.Struct, frozen=True):
    """A run has ended. `tasks` are the last reports of its tasks, `inputs` are for a rerun from memory.

    `outcome` is for clients. The parent item gets `unmasked`, in which secrets are not masked. `outputs` are texts that
    its items have printed, without a store.
    """

    run_id: str
    outcome: Outcome
    tasks: dict[str, Any]
    inputs: RunInputs | None = None
    unmasked: Outcome | None = None
    outputs: OutputsInMemory | None = None


class RunPauseChanged(msgspec.Struct, frozen=True):
    """A sub-workflow's run was paused or resumed."""

    run_id: str
    paused: bool


class RunInterrupted(msgspec.Struct, frozen=True):
    """A run's supervisor has left it in the middle of an event, and journaled that: the run must be recovered."""

    run_id: str


class RunCrashed(msgspec.Struct, frozen=True):
    """A run's supervisor has failed for `reason`."""

    run_id: str
    reason: str


class RunParked(msgspec.Struct, frozen=True):
    """A run is parked because of `why`. It continues when an engine opens the store again."""

    run_id: str
    why: str = "the engine was stopped"


# ---- to the engine: from itself


class PruneDue(msgspec.Struct, frozen=True):
    """Delete the ended runs, and the entries of the audit, that are past their retention."""


class GraceElapsed(msgspec.Struct, frozen=True):
    """The time is over that a stopping engine gives to its runs."""


# ---- to those who follow an output


class OutputChanged(msgspec.Struct, frozen=True):
    """The output that is followed under `key` has changed since the last answer, or its attempt has ended."""

    key: str


# ---- to a run's watchers


class RunProgressed(msgspec.Struct, frozen=True):
    """The run's present status, and {name: {status, visits, items: {total, succeeded, failed, running}}} of tasks."""

    run_id: str
    status: str
    tasks: dict[str, Any]
