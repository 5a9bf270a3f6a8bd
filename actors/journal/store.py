"""What a store does: the one writer's side, and the readers' beside it. `sql` has the only kind there is.

Both sides are called on threads that may wait: the journal's own, and a few for reading; never in an actor's turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from stretto.actors.journal.records import Entry, ItemKey, RunAccepted, Write
from stretto.definitions.data import Data, FrozenList
from stretto.definitions.errors import StrettoError

PAGE: int = 50
MAX_PAGE: int = 500
"""Rows of a page: by default, and at most."""


class CannotOpenStore(StrettoError):
    """The store cannot be opened: the message says what was found, what was expected, and what to do."""

    code = "cannot_open_store"


class StoreInUse(CannotOpenStore):
    """Another process that lives has the store."""

    code = "store_in_use"


class StoreUnavailable(StrettoError):
    """The store cannot write or read now (a full disk, a lost connection, ...); it may be able to later.

    Nothing of the transaction at hand has been written.
    """

    code = "store_unavailable"


class StoreLost(StrettoError):
    """The store belongs to another process by now: this one must write no more, for good."""

    code = "store_lost"


class Unrecordable(StrettoError):
    """What was to be written of one run can never be; nothing of the transaction at hand has been written."""

    code = "unrecordable"


class AlreadyAccepted(msgspec.Struct, frozen=True):
    """A run with the same idempotency key has been accepted before; nothing was written of the later one."""

    run_id: str
    existing: str
    same_request: bool


class Writer(Protocol):
    """The one writer's side."""

    def write(self, writes: Sequence[Write]) -> list[AlreadyAccepted]:
        """Write all of it in one transaction, durable when this returns.

        Returns which of the runs to be accepted have an idempotency key that is taken. Raises `StoreUnavailable`,
        `StoreLost`, `Unrecordable`.
        """

    def close(self) -> None:
        """Give the store back, for others to open; idempotent."""


class Prune(msgspec.Struct, frozen=True):
    """Which ended runs to delete: those that ended before `ended_before` (seconds since the epoch), and those beyond
    the newest `keep`; None: that does not count. What belongs to a run in progress stays: its parents, its children,
    the run that it does again."""

    ended_before: float | None = None
    keep: int | None = None


class Pruning(Protocol):
    """Deletes runs in portions, on the writer's thread; `finished` when there is nothing left to delete."""

    finished: bool

    def prune_some(self, limit: int) -> int:
        """Look at so many runs at most, and delete so many rows, in one transaction; return how many runs are gone.

        Raises `StoreUnavailable`, after which it may be called again, and `StoreLost`.
        """


class Unfinished(msgspec.Struct, frozen=True):
    """A run that has been accepted and has not ended: narrow, as there may be ten thousand."""

    run_id: str
    workflow: str
    accepted_at: float
    parent: str | None


class Child(msgspec.Struct, frozen=True):
    """A sub-workflow's run that performs an item of its parent's."""

    run_id: str
    item: ItemKey
    attempt: int
    accepted_at: float
    ended: bool


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run as lists tell it: without anything that may be large."""

    id: str
    workflow: str
    status: str
    accepted_at: float
    ended_at: float | None
    parent: str | None
    rerun_of: str | None
    rerun_scope: str | None


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended, masked."""

    output: Data
    errors: FrozenList


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A visit of a task; the fields are those of `TaskState`."""

    task: str
    visit: int
    status: str
    started_at: float
    ended_at: float | None
    items: int
    succeeded: int
    failed: int


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A try of an item that has ended: `number` is its entry's. Its result is asked for with `entry`."""

    number: int
    task: str
    visit: int
    index: int
    attempt: int
    outcome: str
    at: float


class RunPage(msgspec.Struct, frozen=True):
    """Some runs, the newest first, and the cursor of what follows; None: nothing does."""

    runs: tuple[RunRow, ...]
    next: str | None


class ItemPage(msgspec.Struct, frozen=True):
    """Some tries of items in the order in which they ended, and the cursor of what follows; None: nothing does."""

    items: tuple[ItemRow, ...]
    next: str | None


class Reader(Protocol):
    """The readers' side; every method may be called on any thread, and raises `StoreUnavailable`."""

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield the runs that have not ended, in the order of their acceptance."""

    def accepted(self, run_id: str) -> RunAccepted | None:
        """Return how a run was accepted, its definition read again from the text that it was accepted with."""

    def entries(self, run_id: str, first: int, most: int) -> list[Entry]:
        """Return at most so many of a run's entries, from that number on; fewer when there are no more."""

    def learned(self, run_id: str) -> tuple[str, ...]:
        """Return what has turned out to be secret since a run began; nothing else of its entries is read."""

    def children(self, run_id: str) -> list[Child]:
        """Return the sub-workflows' runs of a run, in the order of their acceptance."""

    def find(self, idempotency_key: str) -> str | None:
        """Return the id of the run that was accepted with a key."""

    def runs(
        self, *, status: str | None = None, workflow: str | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> RunPage:
        """Return a page of runs, the newest first. Raises `InvalidCursor`."""

    def run(self, run_id: str) -> RunRow | None:
        """Return a run."""

    def end(self, run_id: str) -> RunEnd | None:
        """Return how a run ended; None if it has not, or there is no such run."""

    def tasks(self, run_id: str) -> list[TaskRow]:
        """Return the visits of a run's tasks, in the order of their start."""

    def items(  # what a page is of
        self,
        run_id: str,
        *,
        task: str | None = None,
        outcome: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> ItemPage:
        """Return a page of the ended tries of a run's items; `outcome` "failed" means all but succeeded ones."""

    def counts(self) -> Mapping[str, int]:
        """Return how many runs there are of each status."""

    def close(self) -> None:
        """End all connections; idempotent."""


class InvalidCursor(StrettoError):
    """A cursor that this store has not given."""

    code = "invalid_cursor"
