"""The reader of an SQL store. It runs concurrently with the writer: each answer is a short transaction of its own.

Lists read narrow rows only. Nothing long is read at once: entries come in portions, runs and items in pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import fsum
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, Engine, Select, bindparam, func, select

from stretto.actors.journal.counted_items import ItemEnds, ItemError
from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, WrongStoreKey, decrypt, is_encrypted
from stretto.actors.journal.facts import StoreFacts
from stretto.actors.journal.lease import StoredDaemon, StoredEngine
from stretto.actors.journal.queries import ALL_ITEMS, ALL_RUNS, MAX_PAGE, Children, EntryQuery, ItemQuery, RunQuery
from stretto.actors.journal.records import (
    Entry,
    Idempotency,
    ItemKey,
    KeptOutput,
    ParentItem,
    RunAccepted,
    SecretsLearned,
    Suspicion,
    UnreadableRecord,
)
from stretto.actors.journal.sql import pruning, run_counts
from stretto.actors.journal.sql.access import SqlAccessReader
from stretto.actors.journal.sql.contexts import SqlContextReader
from stretto.actors.journal.sql.cursors import encode_cursor
from stretto.actors.journal.sql.damage import report_damage
from stretto.actors.journal.sql.encoding import EXTENDED, KINDS, Columns, decode_data, decode_entry, words_of
from stretto.actors.journal.sql.engines import DAEMONS, ENGINE_OF_RUN, restore_daemon
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.events import SqlEventReader
from stretto.actors.journal.sql.facts import read_facts
from stretto.actors.journal.sql.inquiries import SqlInquiryReader
from stretto.actors.journal.sql.item_ends import restore_ends, select_ends
from stretto.actors.journal.sql.item_rows import (
    CELLS_AT_ONCE,
    ERRORS_AT_ONCE,
    number_of,
    pages_of,
    restore_item_error,
    restore_item_row,
    select_attempts,
    select_cells,
    select_errors,
    select_failed_before,
    select_failed_behind,
    select_items,
    select_last_attempt,
)
from stretto.actors.journal.sql.kv import SqlKeyReader
from stretto.actors.journal.sql.needs import SqlNeedsReader
from stretto.actors.journal.sql.outputs import output_query, restore_output
from stretto.actors.journal.sql.run_rows import (
    LABELS,
    RUN_ROW,
    restore_end,
    restore_labels,
    restore_limits,
    restore_origin,
    restore_priority,
    restore_requested_by,
    restore_rerun,
    restore_run_row,
    searchable,
    select_matching,
    select_runs,
)
from stretto.actors.journal.sql.shared_bodies import SharedObjects
from stretto.actors.journal.sql.shared_values import SharedValues
from stretto.actors.journal.sql.successes import last_successes
from stretto.actors.journal.sql.suspects import SUSPECTS, find_quarantine, restore_suspicion
from stretto.actors.journal.sql.tables import LEARNED_ENTRIES, entries, run_ends, run_inputs, runs, tasks
from stretto.actors.journal.sql.triggers import SqlTriggerReader
from stretto.actors.journal.store import (
    Child,
    ItemPage,
    ItemRow,
    Prune,
    Quarantine,
    RunEnd,
    RunPage,
    RunRow,
    TaskRow,
)
from stretto.definitions.conductor import ItemCompleted

ENTRY: Final = select(entries.c.number, *(entries.c[name] for name in Columns._fields))
ACCEPTED: Final = select(runs, *(each for each in run_inputs.c if each.name != "run"), LABELS).join(run_inputs)

# The queries of a recovery are built once: building one takes longer than executing it.
_RUN: Final = bindparam("run", type_=runs.c.id.type)
_ACCEPTED_RUN: Final = ACCEPTED.where(runs.c.id == _RUN)
_HAS_CHILDREN: Final = select(runs.c.number).where(runs.c.parent == _RUN).limit(1)
_CHILDREN: Final = select(runs).where(runs.c.parent == _RUN).order_by(runs.c.number)
_ENTRIES: Final = (
    ENTRY.where(entries.c.run == select(runs.c.number).where(runs.c.id == _RUN).scalar_subquery())
    .where(entries.c.number >= bindparam("first"))
    .order_by(entries.c.number)
    .limit(bindparam("most"))
)


@report_damage
class SqlReader:
    """Reads a store over read-only connections. Thread-safe. Implements `journal.store.Reader`."""

    def __init__(self, engine: Engine, keyring: Keyring | None, store: str) -> None:
        self._engine = engine
        self._keyring = keyring
        self._store = store
        self._shared = SharedObjects(keyring)
        self._values = SharedValues(engine, keyring, store)
        self.access = SqlAccessReader(engine, store)
        self.keys = SqlKeyReader(engine, keyring, store)
        self.inquiries = SqlInquiryReader(engine, store)
        self.contexts = SqlContextReader(engine, keyring, store)
        self.events = SqlEventReader(engine, keyring, store)
        self.triggers = SqlTriggerReader(engine, store)
        self.needs = SqlNeedsReader(engine, store)

    # ---- recovery

    def suspects(self) -> list[Suspicion]:
        """Return the suspects and the quarantined runs, in the order of their acceptance."""
        return list(map(restore_suspicion, self._rows(SUSPECTS)))

    def facts(self) -> StoreFacts:
        """Return the kind, the version and the size of the store."""
        with self._reading() as connection:
            return read_facts(connection)

    def quarantine(self, run_id: str) -> Quarantine | None:
        """Return why a run is not recovered, or None if it is."""
        with self._reading() as connection:
            return find_quarantine(connection, searchable(run_id))

    def daemons(self) -> list[StoredDaemon]:
        """Return all engines, in the order of their numbers."""
        return [restore_daemon(row) for row in self._rows(DAEMONS)]

    def engine_of(self, run_id: str) -> StoredEngine | None:
        """Return the engine that writes a run in progress, or None if no engine does."""
        return next((StoredEngine(*row) for row in self._rows(ENGINE_OF_RUN, run=searchable(run_id))), None)

    def accepted(self, run_id: str) -> RunAccepted | None:
        """Return the acceptance of a run, or None for an unknown run."""
        with self._reading() as connection:
            row = connection.execute(_ACCEPTED_RUN, {"run": searchable(run_id)}).one_or_none()
            return None if row is None else self.restore_run(connection, row)

    def restore_run(self, connection: Connection, row: Any) -> RunAccepted:
        """Return the acceptance of a run from a row of `ACCEPTED`. Raises StrettoError."""
        return RunAccepted(
            run_id=row.id,
            workflow=self._shared.definition(connection, row.definition),
            parameters=self._data(row.parameters),
            surroundings=self._shared.surroundings(connection, row.surroundings),
            accepted_at=row.accepted_at,
            secret=is_encrypted(row.parameters),
            parent=self._parent(row),
            depth=row.depth,
            root=None if row.root == row.id else row.root,
            idempotency=self._idempotency(row),
            rerun=restore_rerun(row, row.rerun_items),
            limits=restore_limits(row),
            origin=restore_origin(row),
            labels=restore_labels(row),
            requested_by=restore_requested_by(row),
            event_depth=row.event_depth or 0,
            priority=restore_priority(row),
        )

    def entries(self, run_id: str, first: int, most: int) -> list[Entry]:
        """Return at most `most` entries of a run, from number `first` on."""
        rows = self._rows(_ENTRIES, run=searchable(run_id), first=first, most=most)
        for expected, row in enumerate(rows, first):
            if row.number != expected:
                raise UnreadableRecord(f"the entry {expected} of the run {run_id} is missing, but later ones exist")
        return list(map(self.restore_entry, rows))

    def selected_entries(self, run_id: str, query: EntryQuery) -> list[tuple[int, Entry]]:
        """Return entries of a run that match a query, each with its number."""
        of_run = ENTRY.where(entries.c.run == number_of(run_id), entries.c.number > query.after)
        if query.until is not None:
            of_run = of_run.where(entries.c.number < query.until)
        if query.kind is not None:
            of_run = of_run.where(entries.c.kind.in_(words_of(query.kind)))
        if query.task is not None:
            of_run = of_run.where(entries.c.task == searchable(query.task))
        rows = self._rows(of_run.order_by(entries.c.number).limit(query.limit))
        return [(row.number, self.restore_entry(row)) for row in rows]

    def learned(self, run_id: str) -> tuple[str, ...]:
        """Return the texts of a run's SecretsLearned entries."""
        of_run = ENTRY.where(entries.c.run == number_of(run_id), LEARNED_ENTRIES)
        found = map(self.restore_entry, self._rows(of_run.order_by(entries.c.number)))
        return tuple(text for entry in found if isinstance(entry, SecretsLearned) for text in entry.texts)

    def extension(self, run_id: str) -> float:
        """Return the seconds that requests have added to a run's deadline."""
        of_run = ENTRY.where(entries.c.run == number_of(run_id), entries.c.kind == EXTENDED)
        found = map(self.restore_entry, self._rows(of_run))
        return fsum(entry.seconds for entry in found if isinstance(entry, KINDS[EXTENDED]))

    def children(self, run_id: str) -> list[Child]:
        """Return a run's child runs, in the order of their acceptance."""
        return [
            Child(
                row.id,
                ItemKey(row.parent_task, row.parent_visit, row.parent_item),
                row.parent_attempt,
                row.accepted_at,
                row.ended_at,
            )
            for row in self._rows(_CHILDREN, run=searchable(run_id))
        ]

    def has_children(self, run_id: str) -> bool:
        """Return whether a run has child runs."""
        return bool(self._rows(_HAS_CHILDREN, run=searchable(run_id)))

    def find(self, idempotency_key: str) -> str | None:
        """Return the id of the run with an idempotency key, or None if there is none."""
        rows = self._rows(select(runs.c.id).where(runs.c.idempotency_key == searchable(idempotency_key)))
        return rows[0].id if rows else None

    # ---- reports

    def runs(self, query: RunQuery = ALL_RUNS) -> RunPage:
        """Return a page of runs, the newest first. Raises InvalidCursor."""
        rows, following = self._page("runs", (listing := select_runs(query, self._rows)).statement, query.limit)
        return RunPage(tuple(map(restore_run_row, rows)), following or listing.behind)

    def matching(self, beginning: str, end: str, most: int) -> list[str]:
        """Return at most so many ids of runs that begin or end with these texts, newest first."""
        found = self._rows(select_matching(searchable(beginning), searchable(end)).limit(most))
        return [row.id for row in found]

    def run(self, run_id: str) -> RunRow | None:
        """Return a run, or None if it is unknown."""
        rows = self._rows(RUN_ROW.where(runs.c.id == searchable(run_id)))
        return restore_run_row(rows[0]) if rows else None

    def end(self, run_id: str) -> RunEnd | None:
        """Return how a run ended, or None if it has not ended or is unknown."""
        rows = self._rows(select(run_ends.c.output, run_ends.c.errors).where(run_ends.c.run == number_of(run_id)))
        return restore_end(rows[0]) if rows else None

    def tasks(self, run_id: str) -> list[TaskRow]:
        """Return the visits of a run's tasks, in the order of their starts."""
        of_run = select(tasks).where(tasks.c.run == number_of(run_id))
        rows = self._rows(of_run.order_by(tasks.c.started_at, tasks.c.visit, tasks.c.task))
        return [
            TaskRow(
                task=row.task, visit=row.visit, status=row.status, started_at=row.started_at, ended_at=row.ended_at,
                items=row.items, succeeded=row.succeeded, failed=row.failed,
            )
            for row in rows
        ]  # fmt: skip

    def items(self, run_id: str, query: ItemQuery = ALL_ITEMS) -> ItemPage:
        """Return a page of the ended attempts of a run's items. Raises InvalidCursor."""
        rows, following = self._page(pages_of(query), select_items(run_id, query), query.limit)
        untimed = any(row.seconds is None and row.untimed for row in rows)
        return ItemPage(tuple(map(restore_item_row, rows)), following, untimed)

    def last_attempt(self, run_id: str, task: str, index: int, visit: int | None = None) -> ItemRow | None:
        """Return the last ended attempt of an item, of a visit or of the newest one, or None if none has ended."""
        statement = select_last_attempt(run_id, task, index, visit)
        rows = () if statement is None else self._rows(statement)
        return restore_item_row(rows[0]) if rows else None

    def attempts(self, run_id: str, item: ItemRow) -> list[ItemRow]:
        """Return the ended attempts of the item of an attempt, in the order of their ends, at most MAX_PAGE."""
        rows = self._rows(select_attempts(run_id, item.task, item.visit, item.index).limit(MAX_PAGE))
        return list(map(restore_item_row, rows))

    def failed_neighbours(self, run_id: str, item: ItemRow) -> tuple[int | None, int | None]:
        """Return the indexes of the nearest failed items before and behind the item of an attempt, in its visit."""
        before = self._rows(select_failed_before(run_id, item))
        behind = self._rows(select_failed_behind(run_id, item))
        return before[0].item if before else None, behind[0].item if behind else None

    def cells(self, run_id: str, visit: TaskRow, first: int, last: int) -> Iterator[bytes]:
        """Yield the ended attempts and the skips of a visit's items in portions, packed as in `item_cells`."""
        for start in range(first, last + 1, CELLS_AT_ONCE):
            end = min(start + CELLS_AT_ONCE - 1, last)
            text = self._rows(select_cells(run_id, visit, start, end))[0].cells
            if text:
                yield bytes.fromhex(text)

    def last_entry(self, run_id: str) -> int:
        """Return the number of a run's last entry, or -1 if it has none."""
        of_run = select(func.max(entries.c.number).label("last")).where(entries.c.run == number_of(run_id))
        last = self._rows(of_run)[0].last
        return -1 if last is None else int(last)

    def item_errors(self, run_id: str, task: str | None = None) -> Iterator[ItemError]:
        """Yield why items have not succeeded, in the order of their ends."""
        last = -1
        while True:
            portion = self._rows(select_errors(run_id, task, last))
            for row in portion:
                yield restore_item_error(row, self._keyring)
            if len(portion) < ERRORS_AT_ONCE:
                return
            last = portion[-1].number

    def item_ends(self, run_id: str, tasks: Sequence[str], begin: float, width: float) -> list[ItemEnds]:
        """Return how many attempts of tasks' items ended since `begin`, in each span of `width` seconds."""
        return restore_ends(self._rows(select_ends(run_id, tasks, begin, width)))

    def output(self, run_id: str, attempt: ItemRow) -> KeptOutput | None:
        """Return the text that an ended attempt of an item has printed, or None if it has printed nothing."""
        rows = self._rows(output_query(number_of(run_id), attempt))
        return restore_output(rows[0], self._keyring) if rows else None

    def completions(self, run_id: str, numbers: Sequence[int]) -> Iterator[tuple[int, ItemCompleted]]:
        """Yield ended attempts with the numbers of their entries, without those that need a missing key."""
        if not numbers:
            return
        of_run = ENTRY.where(entries.c.run == number_of(run_id), entries.c.number.in_(numbers[:MAX_PAGE]))
        with self._reading() as connection:
            for row in connection.execute(of_run):
                try:
                    entry = self.restore_entry(row)
                except (StoreKeyMissing, WrongStoreKey):
                    continue
                if isinstance(entry, ItemCompleted):
                    yield row.number, entry

    def counts(self) -> Mapping[str, int]:
        """Return the number of runs by status."""
        return {row.status: row.runs for row in self._rows(run_counts.COUNTS)}

    def counts_since(self, since: float, children: Children = "listed") -> Mapping[str, int]:
        """Return the number of runs by status, of those accepted at a time or later."""
        return {row.status: row.runs for row in self._rows(run_counts.select_counts(since, children)) if row.runs}

    def counts_by_workflow(self, since: float, children: Children = "listed") -> Mapping[str, Mapping[str, int]]:
        """Return the number of runs by workflow and status, of the workflows with the most runs since a time."""
        return run_counts.counts_by_workflow(self._rows(run_counts.select_counts_by_workflow(since, children)))

    def counts_by_hour(self, since: float, children: Children = "listed") -> Sequence[Mapping[str, int]]:
        """Return the number of runs by status in each hour of the day that begins at a time."""
        with self._reading() as connection:
            return run_counts.counts_by_hour(connection, since, children)

    def last_successes(self, workflows: Sequence[str]) -> Mapping[str, float]:
        """Return when workflows last succeeded, as far as that is among their newest runs."""
        with self._reading() as connection:
            return dict(last_successes(connection, filter(searchable, workflows)))

    def count_doomed(self, wanted: Prune) -> int:
        """Return how many runs would be deleted."""
        with self._reading() as connection:
            return pruning.count_doomed(connection, wanted)

    def close(self) -> None:
        """Close all connections; idempotent."""
        self._engine.dispose()

    # ---- queries and decoding

    def restore_entry(self, row: Any) -> Entry:
        """Return the entry of a row of `ENTRY`. Raises StrettoError."""
        body = None if row[-1] is None else decrypt(row[-1], self._keyring)
        return decode_entry(Columns._make((*row[1:-1], body)), self._values.get)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with converting_errors(self._store), self._engine.connect() as connection:
            yield connection

    def _rows(self, query: Select[Any] | CompoundSelect[Any], **parameters: Any) -> Sequence[Any]:
        with self._reading() as connection:
            return connection.execute(query, parameters).all()

    def _page(self, pages: str, query: Select[Any], limit: int) -> tuple[Sequence[Any], str | None]:
        rows = self._rows(query.limit((most := max(1, min(limit, MAX_PAGE))) + 1))
        return (rows, None) if len(rows) <= most else (rows[:most], encode_cursor(pages, rows[most - 1].number))

    def _data(self, body: bytes) -> Any:
        return decode_data(decrypt(body, self._keyring))

    def _parent(self, row: Any) -> ParentItem | None:
        if row.parent is None:
            return None
        item = ItemKey(row.parent_task, row.parent_visit, row.parent_item)
        return ParentItem(row.parent, item, row.parent_attempt, self._data(row.parent_told))

    def _idempotency(self, row: Any) -> Idempotency | None:
        key = row.idempotency_key
        return None if key is None else Idempotency(key, decrypt(row.fingerprint.encode(), self._keyring).decode())
