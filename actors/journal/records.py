"""The records of a store, as frozen structs without SQL.

A run is its `RunAccepted` and its entries in their order. An entry is a conductor's event, or a note of the run's
supervisor that recovery needs. All that a run writes in one turn is one `Happened`, which is written as a whole or
not at all.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from stretto.actors.journal.audit import AuditEntries, RequestedBy
from stretto.actors.journal.context_log import ContextLog
from stretto.actors.journal.events import EventAccepted, MatchFailed, MatchKey
from stretto.actors.journal.inquiries import InquiryChange
from stretto.actors.journal.needs import NO_NEEDS, Needs
from stretto.actors.journal.schedules import ScheduleMoved
from stretto.definitions.conductor import ChosenItems, Event
from stretto.definitions.context import ReadKey, RunEnvironment
from stretto.definitions.data import Data, FrozenDict, FrozenList
from stretto.definitions.errors import StrettoError, refused_choice
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits
from stretto.definitions.model import NORMAL, Priority, Workflow

RerunScope: TypeAlias = Literal["everything", "failed_tasks", "failed_items", "items"]
"""The part of a run that a rerun repeats.

- `everything`: the whole run
- `failed_tasks`: the failed tasks, and the tasks that follow them
- `failed_items`: the failed items, also those that `max_failures` allows, and the tasks that follow theirs
- `items`: chosen items, and the tasks that follow theirs
"""


SCOPES: Final[tuple[str, ...]] = get_args(RerunScope)
GivenItems: TypeAlias = Mapping[str, Sequence[int | Sequence[int]]]
"""The items that a client chooses for a rerun: of each task, indexes and pairs [first, last]."""


def check_rerun(scope: str, task: str | None, items: GivenItems | None, error_group: str | None) -> None:
    """Check the fields of a rerun's request together.

    Args:
        scope: The scope. "everything", the default, also stands for "items" if items are chosen.
        task: The only task, with "failed_items".
        items: The items, with "items".
        error_group: The id of the group of failures whose items are chosen, in place of `items`.

    Raises:
        ValueError: They do not fit together.
    """
    chooses = items is not None or error_group is not None
    if scope not in SCOPES:
        raise ValueError(refused_choice("the scope of a rerun", SCOPES, scope))
    if task is not None and (scope != "failed_items" or chooses):
        raise ValueError(f"a task needs the scope failed_items, got {('items' if chooses else scope)!r}")
    if items is not None and error_group is not None:
        raise ValueError("items and error_group exclude each other")
    if chooses and scope not in {"everything", "items"}:
        raise ValueError(f"items and error_group need the scope items, got {scope!r}")
    if scope == "items" and not chooses:
        raise ValueError("the scope items needs items or error_group")


Origin: TypeAlias = Literal["owner", "remote"]
"""Who started a run, which decides which files it may use.

- `owner`: the engine's own process, or a client with the rights of the daemon's user
- `remote`: any other client
"""


def origin_of_rerun(old: Origin, requested_by: Origin) -> Origin:
    """Return the origin of a rerun: only an owner's rerun of an owner's run is the owner's."""
    return "owner" if old == requested_by == "owner" else "remote"


class UnreadableRecord(StrettoError):
    """A stored record cannot be decoded: it is damaged, or a newer version wrote it."""

    code = "unreadable_record"


class ItemKey(msgspec.Struct, frozen=True):
    """An item of a visit of a task. A task without items has one item, with index 0."""

    task: str
    visit: int
    index: int


class ParentItem(msgspec.Struct, frozen=True):
    """The item's attempt that a sub-workflow runs for."""

    run_id: str
    item: ItemKey
    attempt: int
    system_parent: FrozenDict
    """The value of `system.parent` in the child's expressions."""


class Rerun(msgspec.Struct, frozen=True):
    """The run that a rerun repeats, and the part of it."""

    of: str
    scope: RerunScope
    task: str | None = None
    """With `failed_items` or `items`, the only task whose items are repeated, or None for several."""
    items: ChosenItems | None = None
    """With `items`, the items that are repeated."""


class RequestKey(msgspec.Struct, frozen=True):
    """A client's key, with those parts of its request that the run itself does not keep as they were given."""

    key: str
    labels: Mapping[str, str] | None = None
    """The labels of the request. A rerun without any has those of the old run."""
    text: str | None = None
    """The text of a definition that the client has sent, or None if it has named one of the engine's."""


class Idempotency(msgspec.Struct, frozen=True):
    """A client's idempotency key, and the digest of the request that it came with."""

    key: str
    fingerprint: str


class RunAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A run was accepted. Together with its entries this is all that recovery needs."""

    run_id: str
    workflow: Workflow
    parameters: FrozenDict
    """The parameters after binding."""
    surroundings: RunEnvironment
    accepted_at: float
    """The run's start, in seconds since the epoch."""
    secret: bool
    """Whether the run may contain secrets: its parameters and entries are then encrypted."""
    parent: ParentItem | None = None
    depth: int = 0
    """The number of runs above it; 0 for a top-level run."""
    root: str | None = None
    """The run at the top of its tree, which may have been pruned. None is this run."""
    idempotency: Idempotency | None = None
    rerun: Rerun | None = None
    limits: ExpressionLimits = DEFAULT_LIMITS
    """The limits on the run's expressions, which it keeps whatever the settings are later."""
    origin: Origin = "owner"
    labels: dict[str, str] = {}
    requested_by: RequestedBy | None = None
    """Who started it. None for a run that a program started in its own process, and for that of a sub-workflow."""
    match: MatchKey | None = None
    """The match that it was started for. Not restored with it."""
    priority: Priority = NORMAL
    event_depth: int = 0
    """The number of runs before it in its chain of events and runs. A sub-workflow has that of its parent."""
    audit: AuditEntries = ()
    """Written only if the run is accepted, and not restored with it."""
    needs: Needs = NO_NEEDS
    """All that an engine must have to claim it. Not restored with it."""


class ItemStarted(msgspec.Struct, frozen=True):
    """An attempt with `delivery: at_most_once` is about to start, and must not be repeated."""

    task: str
    visit: int
    index: int
    attempt: int
    at: float


class SecretsLearned(msgspec.Struct, frozen=True):
    """Texts that the run has learned to be secret since it began; always encrypted."""

    texts: tuple[str, ...]


class KeysRead(msgspec.Struct, frozen=True):
    """The keys of the key-value store that the next event, or the begin, has read in another version than before."""

    keys: tuple[ReadKey, ...]


class ResultsWritten(msgspec.Struct, frozen=True):
    """The first `lines` lines of a task's results file, in `size` bytes, are written.

    Recovery truncates the file to this size.
    """

    task: str
    visit: int
    lines: int
    size: int
    whole: bool
    """Whether these are all lines."""
    at: float


Entry: TypeAlias = Event | ItemStarted | SecretsLearned | KeysRead | ResultsWritten


class TaskState(msgspec.Struct, frozen=True):
    """The current state of a task's visit. Times are seconds since the epoch.

    `items`, `succeeded` and `failed` are 0 until the visit has ended.
    """

    task: str
    visit: int
    status: str
    started_at: float
    ended_at: float | None = None
    items: int = 0
    succeeded: int = 0
    failed: int = 0


class Ending(msgspec.Struct, frozen=True):
    """How a run ended. `output` and `errors` are masked, as recovery does not need them."""

    status: str
    output: Data
    errors: FrozenList
    at: float


class KeptOutput(msgspec.Struct, frozen=True):
    """The text that an ended attempt has printed and logged, masked. It is no part of the run's entries."""

    task: str
    visit: int
    index: int
    attempt: int
    outcome: str | None
    """How it ended, or None for one in flight."""
    text: str
    size: int
    """The bytes of the text."""
    cut: int
    """The bytes before it that are not kept."""

    def dropped(self) -> "KeptOutput":
        """Return what remains of a text for which there is no room."""
        return KeptOutput(self.task, self.visit, self.index, self.attempt, self.outcome, "", 0, self.cut + self.size)


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a run in one turn."""

    run_id: str
    first: int
    """The number of the first entry. A run's entries are numbered from 0 without gaps."""
    entries: tuple[Entry, ...]
    secret: bool
    """Whether the entries may contain secrets and must be encrypted."""
    tasks: tuple[TaskState, ...] = ()
    """New states of visits. The last one of a visit wins."""
    status: str | None = None
    """The run's new status, or None if it has not changed."""
    ending: Ending | None = None
    outputs: tuple[KeptOutput, ...] = ()
    max_output_bytes: int = 0
    """How many bytes of texts of the run are kept."""
    audit: AuditEntries = ()
    inquiries: tuple[InquiryChange, ...] = ()
    context: ContextLog | None = None
    """The versions of the run's context that are to be stored."""
    events: tuple[EventAccepted, ...] = ()
    """The events that are about this progress."""


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was being recovered when an engine crashed, or is now, or whose restarted items are in flight.

    Times are seconds since the epoch.
    """

    run_id: str
    noted_at: float
    alone: bool = False
    """Whether no other run is being recovered."""
    among: bool = False
    """Whether items that it has restarted are in flight, and other suspects were recovered since."""
    pausing: bool = False
    """Whether the engine pauses before it recovers the run."""
    crashes: int = 0
    """The crashes in a row while the run was alone."""
    places: tuple[int, ...] = ()
    """The places of these crashes, as `ReplayTrace` counts, as far as they are known; the last one is last."""
    shared: int = 0
    """The crashes while items of this run and of other suspects were in flight."""
    quarantined_at: float | None = None
    reason: str | None = None
    """Why the run is quarantined."""


class Suspicions(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of the runs that are suspected to crash the engine in recovery."""

    noted: tuple[Suspicion, ...] = ()
    """Replace what was noted of these runs. A quarantined run gets the status `quarantined`."""
    cleared: tuple[str, ...] = ()
    """Forget what was noted of these runs."""
    released: tuple[str, ...] = ()
    """Give quarantined runs the status `running` until they are recovered. They are in `noted` as well."""
    audit: AuditEntries = ()


class Audited(msgspec.Struct, frozen=True):
    """Entries of the audit whose change is written nowhere, or elsewhere: a reload, an export."""

    audit: AuditEntries


class RunsReleased(msgspec.Struct, frozen=True):
    """This engine gives up the tree of a run, behind its last records: another engine may claim it."""

    run_id: str
    audit: AuditEntries = ()


class EngineDrains(msgspec.Struct, frozen=True):
    """This engine is being drained: it gives up its runs, and claims none."""

    audit: AuditEntries = ()


Write: TypeAlias = (
    RunAccepted
    | Happened
    | Suspicions
    | Audited
    | RunsReleased
    | EngineDrains
    | EventAccepted
    | MatchFailed
    | ScheduleMoved
)


def run_of(write: Write | None) -> str | None:
    """Return the id of the run, the event or the schedule that a record is of, or None if it is of none."""
    if isinstance(write, RunAccepted | Happened):
        return write.run_id
    if isinstance(write, EventAccepted):
        return write.event.id
    if isinstance(write, ScheduleMoved):
        return f"schedule:{write.state.ref}"
    return write.event if isinstance(write, MatchFailed) else None
