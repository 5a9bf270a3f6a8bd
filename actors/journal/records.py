"""What is written into a store: frozen, and free of SQL.

A run is its `RunAccepted` and its entries in their order. An entry is an event of the conductor's, or a note of the
shell's that a recovery needs. All that one run has to write of one turn is one `Happened`, and stands or falls whole.
"""

from typing import Literal, TypeAlias

import msgspec

from stretto.definitions.conductor import Event
from stretto.definitions.context import Surroundings
from stretto.definitions.data import Data, FrozenDict, FrozenList
from stretto.definitions.model import Workflow

RerunScope: TypeAlias = Literal["everything", "failed_tasks", "failed_items"]
"""What a rerun performs again: all of it, the failed tasks and what follows on them, or of those only failed items."""


class ItemKey(msgspec.Struct, frozen=True):
    """One item of one visit of a task; a task without items is item 0."""

    task: str
    visit: int
    index: int


class ParentItem(msgspec.Struct, frozen=True):
    """The try of an item that a sub-workflow performs. `told` is what the child's `system.parent` gives."""

    run_id: str
    item: ItemKey
    attempt: int
    told: FrozenDict


class Rerun(msgspec.Struct, frozen=True):
    """Which run a run does again, and what of it."""

    of: str
    scope: RerunScope


class Idempotency(msgspec.Struct, frozen=True):
    """A client's key, and the digest of what it has submitted with it."""

    key: str
    fingerprint: str


class RunAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A run has been accepted: all that it is rebuilt from, but for its entries.

    `parameters` are bound and frozen; `accepted_at` is seconds since the epoch, and the run's start. `secret`: what
    the run holds may be secret, so that its parameters are encrypted; its surroundings always are, if they are not
    empty. `depth` counts the levels below the first run.
    """

    run_id: str
    workflow: Workflow
    parameters: FrozenDict
    surroundings: Surroundings
    accepted_at: float
    secret: bool
    parent: ParentItem | None = None
    depth: int = 0
    idempotency: Idempotency | None = None
    rerun: Rerun | None = None


class ItemStarted(msgspec.Struct, frozen=True):
    """A try of an item is about to be performed, and must not be performed again (`delivery: at_most_once`)."""

    task: str
    visit: int
    index: int
    attempt: int
    at: float


class SecretsLearned(msgspec.Struct, frozen=True):
    """Texts that have turned out to be secret since the run began; always encrypted."""

    texts: tuple[str, ...]


class ResultsWritten(msgspec.Struct, frozen=True):
    """The first `lines` lines of a task's file of results are written, and are its first `size` bytes.

    `whole`: there are no more. Where the file is cut when its run is rebuilt.
    """

    task: str
    visit: int
    lines: int
    size: int
    whole: bool
    at: float


Entry: TypeAlias = Event | ItemStarted | SecretsLearned | ResultsWritten


class TaskState(msgspec.Struct, frozen=True):
    """A visit of a task as it stands now; times are seconds since the epoch, None for what has not come yet.

    `items`, `succeeded` and `failed` are counted when the visit has ended, 0 before.
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
    """How a run ended. `output` and `errors` are masked: nobody rebuilds anything from them."""

    status: str
    output: Data
    errors: FrozenList
    at: float


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a run in one turn.

    `first` is the number of the first entry: a run's entries are numbered from 0 without a gap. `tasks` replace what
    was known of these visits, the later of the same one winning. `status` is the run's now, None: as it was. `secret`
    as in `RunAccepted`, for the entries.
    """

    run_id: str
    first: int
    entries: tuple[Entry, ...]
    secret: bool
    tasks: tuple[TaskState, ...] = ()
    status: str | None = None
    ending: Ending | None = None


Write: TypeAlias = RunAccepted | Happened
