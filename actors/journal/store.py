"""The protocols of a store: one writer and concurrent readers. `sql` has the only implementation.

Both are called on threads that may block, the journal's and the readers', never in an actor's turn.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from stretto.actors.journal.audit import RequestedBy
from stretto.actors.journal.counted_items import ItemEnds, ItemError
from stretto.actors.journal.lease import StoredDaemon, StoredEngine
from stretto.actors.journal.queries import ALL_ITEMS, ALL_RUNS, Children, EntryQuery, ItemQuery, RunQuery
from stretto.actors.journal.records import Entry, ItemKey, KeptOutput, Origin, RunAccepted, Suspicion, Write
from stretto.actors.outcome import EngineStopping
from stretto.definitions.conductor import ItemCompleted
from stretto.definitions.data import Data, FrozenList
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import NORMAL, Priority

if TYPE_CHECKING:
    from stretto.actors.journal.access import AccessReader
    from stretto.actors.journal.context_log import ContextReader
    from stretto.actors.journal.events import EventReader
    from stretto.actors.journal.facts import StoreFacts
    from stretto.actors.journal.inquiries import InquiryReader
    from stretto.actors.journal.kv import KeyReader
    from stretto.actors.journal.needs import NeedsReader
    from stretto.actors.journal.triggers import TriggerReader

SUCCESSES_AMONG: int = 1000
"""Runs of a workflow, the newest ones, that are searched for its last success."""
MAX_COUNTED_WORKFLOWS: int = 1000
"""Workflows whose runs are counted one by one."""
QUARANTINED: str = "quarantined"
"""The status of a quarantined run in lists. Its real one is known when it is recovered."""


class CannotOpenStore(StrettoError):
    """The store cannot be opened. The message says what was found, what was expected, and what to do."""

    code = "cannot_open_store"


class StoreInUse(CannotOpenStore):
    """Another running process has the store open for writing."""

    code = "store_in_use"


class StoreUnavailable(StrettoError):
    """The store cannot be used now (a full disk, a lost connection, ...), but may be later.

    The transaction was rolled back.
    """

    code = "store_unavailable"


class StoreClosed(EngineStopping, StoreUnavailable):
    """The store is not used any more: the engine that has it open is being stopped."""


class StoreLost(StrettoError):
    """Another process has taken over the store: this one must never write it again."""

    code = "store_lost"


class Unrecordable(StrettoError):
    """A run's data can never be written; the transaction was rolled back."""

    code = "unrecordable"


class AlreadyAccepted(msgspec.Struct, frozen=True):
    """An earlier run, `existing`, has the idempotency key of `run_id`, which was not written."""

    run_id: str
    existing: str
    same_request: bool
    """Whether both have the same workflow and inputs."""


class Writer(Protocol):
    """The writing side of a store, for one thread."""

    def write(self, writes: Sequence[Write], more: Iterable[Sequence[Write]] = ()) -> list[AlreadyAccepted]:
        """Write records in one transaction, which is durable when this returns.

        Args:
            writes: The records, in their order.
            more: Portions of further records, each taken when those before it are executed.

        Returns:
            The accepted runs that were not written because an earlier run has their idempotency key.

        Raises:
            StoreUnavailable: The store cannot be written now.
            StoreLost: Another process has taken over the store.
            Unrecordable: The store permanently refuses a record.
        """

    def close(self) -> None:
        """Release the store for other processes; idempotent."""


class Prune(msgspec.Struct, frozen=True):
    """The ended runs to delete. A run stays while a run in progress depends on it."""

    ended_before: float | None = None
    """Delete runs that ended before this time, in seconds since the epoch."""
    keep: int | None = None
    """Delete all but so many of the newest ended runs."""


class Pruning(Protocol):
    """Deletes runs in portions, on the writer's thread."""

    finished: bool
    """Whether nothing is left to delete."""

    def prune_some(self, limit: int) -> int:
        """Delete a portion in one transaction.

        Args:
            limit: The number of runs to inspect and of rows to delete at most.

        Returns:
            The number of runs deleted.

        Raises:
            StoreUnavailable, StoreLost: As `Writer.write` does. After the first one the call can be repeated.
        """


class Unfinished(msgspec.Struct, frozen=True):
    """A run that was accepted and has not ended. It is small, as there may be ten thousand."""

    run_id: str
    workflow: str
    accepted_at: float
    parent: str | None


class Quarantine(msgspec.Struct, frozen=True):
    """A quarantined run, when that was decided in seconds since the epoch, and why."""

    run_id: str
    at: float
    reason: str


class Child(msgspec.Struct, frozen=True):
    """A sub-workflow's run, and the item's attempt that it runs for."""

    run_id: str
    item: ItemKey
    attempt: int
    accepted_at: float
    ended_at: float | None = None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list, without fields that may be large."""

    id: str
    workflow: str
    status: str
    accepted_at: float
    ended_at: float | None
    parent: str | None
    rerun_of: str | None
    rerun_scope: str | None
    rerun_task: str | None
    origin: Origin
    labels: dict[str, str]
    priority: Priority = NORMAL
    requested_by: RequestedBy | None = None
    child_count: int
    """The number of its child runs that are stored."""
    parent_item: ItemKey | None = None
    """The item of the parent that a sub-workflow's run is for."""


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended. Secrets are masked."""

    output: Data
    errors: FrozenList


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A visit of a task, with the fields of `TaskState`."""

    task: str
    visit: int
    status: str
    started_at: float
    ended_at: float | None
    items: int
    succeeded: int
    failed: int


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """An ended attempt of an item, without its result."""

    number: int
    """The number of its entry, which has the result."""
    task: str
    visit: int
    index: int
    attempt: int
    outcome: str
    at: float
    began_at: float | None
    """When its action began, in seconds since the epoch, or None if it never began or is older than this column."""
    seconds: float | None
    """The duration of its action, or None likewise."""


class RunPage(msgspec.Struct, frozen=True):
    """A page of runs, the newest first, and the cursor of the next page, or None on the last one."""

    runs: tuple[RunRow, ...]
    next: str | None
    """A search may have one although this page is not full: it reads MOST_SEARCHED runs for a page at most."""


class ItemPage(msgspec.Struct, frozen=True):
    """A page of attempts in the order of their ends, and the cursor of the next page, or None on the last one."""

    items: tuple[ItemRow, ...]
    next: str | None
    untimed: bool = False
    """Whether the page has attempts without times, and the run is older than their columns."""


class Reader(Protocol):
    """The reading side of a store. Every method is thread-safe and may raise StoreUnavailable.

    Methods that return stored data may also raise StoreKeyMissing, WrongStoreKey and UnreadableRecord.
    """

    @property
    def access(self) -> "AccessReader":
        """Reads tokens, sessions and the audit."""

    @property
    def keys(self) -> "KeyReader":
        """Reads the key-value store."""

    @property
    def inquiries(self) -> "InquiryReader":
        """Reads inquiries."""

    @property
    def contexts(self) -> "ContextReader":
        """Reads the stored versions of contexts."""

    def daemons(self) -> list[StoredDaemon]:
        """Return all engines that have the store open, or own runs in progress, in the order of their numbers."""

    def count_doomed(self, wanted: Prune) -> int:
        """Return how many runs a pruning would delete now."""

    @property
    def events(self) -> "EventReader":
        """Reads events and matches."""

    @property
    def triggers(self) -> "TriggerReader":
        """Reads schedules and sensors."""

    @property
    def needs(self) -> "NeedsReader":
        """Reads the needs of runs that no engine has, and the offers of engines."""

    def engine_of(self, run_id: str) -> StoredEngine | None:
        """Return the number and the name of the engine that writes a run in progress, or None if no engine does."""

    def suspects(self) -> list[Suspicion]:
        """Return the suspects and the quarantined runs, in the order of their acceptance, ended ones included."""

    def facts(self) -> "StoreFacts":
        """Return the kind, the version and the size of the store."""

    def quarantine(self, run_id: str) -> Quarantine | None:
        """Return why a run is not recovered, and not replayed: it, or a run above it, is or was in quarantine."""

    def accepted(self, run_id: str) -> RunAccepted | None:
        """Return the acceptance of a run, its definition parsed from the stored text, or None for an unknown run."""

    def entries(self, run_id: str, first: int, most: int) -> list[Entry]:
        """Return entries of a run.

        Args:
            run_id: The run.
            first: The number of the first entry to return.
            most: The number of entries to return at most; fewer mean that there are no more.
        """

    def selected_entries(self, run_id: str, query: EntryQuery) -> list[tuple[int, Entry]]:
        """Return entries of a run that match a query, each with its number. There may be gaps between them."""

    def learned(self, run_id: str) -> tuple[str, ...]:
        """Return the texts of a run's SecretsLearned entries. No other entry is read."""

    def extension(self, run_id: str) -> float:
        """Return the seconds that requests have added to a run's deadline. No other entry is restored."""

    def children(self, run_id: str) -> list[Child]:
        """Return a run's child runs, in the order of their acceptance."""

    def has_children(self, run_id: str) -> bool:
        """Return whether it has any."""

    def find(self, idempotency_key: str) -> str | None:
        """Return the id of the run with an idempotency key, or None if there is none."""

    def runs(self, query: RunQuery = ALL_RUNS) -> RunPage:
        """Return a page of runs, the newest first. Raises InvalidCursor."""

    def matching(self, beginning: str, end: str, most: int) -> list[str]:
        """Return at most so many ids of runs that begin with one text or end with the other, newest first."""

    def run(self, run_id: str) -> RunRow | None:
        """Return a run, or None if it is unknown."""

    def end(self, run_id: str) -> RunEnd | None:
        """Return how a run ended, or None if it has not ended or is unknown."""

    def tasks(self, run_id: str) -> list[TaskRow]:
        """Return the visits of a run's tasks, in the order of their starts."""

    def items(self, run_id: str, query: ItemQuery = ALL_ITEMS) -> ItemPage:
        """Return a page of the ended attempts of a run's items, in the order of their ends. Raises InvalidCursor."""

    def last_attempt(self, run_id: str, task: str, index: int, visit: int | None = None) -> ItemRow | None:
        """Return the last ended attempt of an item, of a visit or of the newest one, or None if none has ended."""

    def item_ends(self, run_id: str, tasks: Sequence[str], begin: float, width: float) -> list[ItemEnds]:
        """Return how many attempts of tasks' items ended since `begin`, in each span of `width` seconds."""

    def output(self, run_id: str, attempt: ItemRow) -> KeptOutput | None:
        """Return the text that an ended attempt of an item has printed, or None if it has printed nothing."""

    def completions(self, run_id: str, numbers: Sequence[int]) -> Iterator[tuple[int, ItemCompleted]]:
        """Yield ended attempts with the numbers of their entries, without those that need a missing key.

        Args:
            run_id: The run.
            numbers: The numbers of the entries, at most MAX_PAGE. No other entry is read.
        """

    def attempts(self, run_id: str, item: ItemRow) -> list[ItemRow]:
        """Return the ended attempts of the item of an attempt, in the order of their ends, at most MAX_PAGE."""

    def failed_neighbours(self, run_id: str, item: ItemRow) -> tuple[int | None, int | None]:
        """Return the indexes of the nearest failed items before and behind the item of an attempt, in its visit."""

    def cells(self, run_id: str, visit: TaskRow, first: int, last: int) -> Iterator[bytes]:
        """Yield the ended attempts and the skips of a visit's items in portions, packed as in `item_cells`.

        Args:
            run_id: The run.
            visit: The visit. Skips count that were requested in its time.
            first: The number of the first entry to read.
            last: The number of the last one.
        """

    def last_entry(self, run_id: str) -> int:
        """Return the number of a run's last entry, or -1 if it has none."""

    def item_errors(self, run_id: str, task: str | None = None) -> Iterator[ItemError]:
        """Yield why items, of all tasks or of one, have not succeeded, in the order of their ends.

        An item that has succeeded in a later attempt is left out. Entries are read in portions.
        """

    def counts(self) -> Mapping[str, int]:
        """Return the number of runs by status."""

    def counts_since(self, since: float, children: Children = "listed") -> Mapping[str, int]:
        """Return the number of runs by status, of those accepted at a time or later. A status of no run is left out."""

    def counts_by_workflow(self, since: float, children: Children = "listed") -> Mapping[str, Mapping[str, int]]:
        """Return the number of runs by workflow and status since a time, of the workflows with the most of them."""

    def counts_by_hour(self, since: float, children: Children = "listed") -> Sequence[Mapping[str, int]]:
        """Return the number of runs by status in each hour of the day that begins at a time."""

    def last_successes(self, workflows: Sequence[str]) -> Mapping[str, float]:
        """Return the ends of workflows' last successful runs, among the newest `SUCCESSES_AMONG` runs of each."""

    def close(self) -> None:
        """Close all connections; idempotent."""
