"""The queries of the ended attempts of items, and the decoding of their rows.

a page in the order of ends     the primary key of `entries`, entries_failed for failed attempts
a page in the order of items    entries_by_item, entries_failed_by_item for failed attempts of a visit
attempts behind the first       entries_retried
one item                        entries_by_item
its failed neighbours           entries_failed_by_item
why items have not succeeded    entries_failed, and entries_by_item for later attempts
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Label,
    ScalarSelect,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    literal_column,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from stretto.actors.journal.counted_items import ItemError
from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, WrongStoreKey, decrypt
from stretto.actors.journal.item_cells import (
    ATTEMPTS_SHIFT,
    CODES,
    DAMAGED,
    INDEX_SHIFT,
    MOST_ATTEMPTS,
    MOST_ITEMS,
    SKIP_REQUEST,
)
from stretto.actors.journal.queries import ItemQuery
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.sql.cursors import decode_cursor
from stretto.actors.journal.sql.damage import is_time
from stretto.actors.journal.sql.encoding import FAILED as FAILED_KIND
from stretto.actors.journal.sql.encoding import decode_cause
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.tables import ENDED, FAILED, RETRIED, entries, runs
from stretto.actors.journal.store import ItemRow, TaskRow

CELLS_AT_ONCE: Final = 50_000
"""Entries whose cells are read in one transaction."""
SKIPPED: Final = "skip_requested"
ERRORS_AT_ONCE: Final = 1000
"""Failed attempts whose bodies are read in one transaction."""
_FOR_EVER: Final = 1e12
"""A time behind all others."""
_MAX_BIG: Final = 2**63 - 1
_MAX_INTEGER: Final = 2**31 - 1

_ITEM_ROW: Final = select(
    entries.c.number,
    entries.c.task,
    entries.c.visit,
    entries.c.item,
    entries.c.attempt,
    entries.c.outcome,
    entries.c.at,
    entries.c.began_at,
    entries.c.seconds,
)
_BY_ATTEMPT: Final = (entries.c.attempt, entries.c.number)
"""The order of an item's ends. By the number alone, SQLite would read all attempts of the run in their order."""
_later = entries.alias("later")
_HAS_LATER_ATTEMPT: Final = exists().where(
    _later.c.run == entries.c.run, _later.c.item == entries.c.item, _later.c.task == entries.c.task,
    _later.c.visit == entries.c.visit, _later.c.outcome.is_not(None), _later.c.attempt > entries.c.attempt,
)  # fmt: skip
"""By the attempt: with the number, SQLite would search all entries behind the failed one."""


def number_of(run_id: str) -> ScalarSelect[Any]:
    """Return the number of a run, as a part of a statement."""
    return select(runs.c.number).where(runs.c.id == searchable(run_id)).scalar_subquery()


def select_items(run_id: str, query: ItemQuery) -> Select[Any]:
    """Return the statement of a page of ended attempts, without its limit. Raises InvalidCursor."""
    of_run = _ITEM_ROW.add_columns(_is_untimed(run_id)).where(
        entries.c.run == number_of(run_id), _ended_as(query.outcome)
    )
    if query.task is not None:
        of_run = of_run.where(entries.c.task == searchable(query.task))
    if query.visit is not None:
        of_run = of_run.where(entries.c.visit == min(query.visit, _MAX_INTEGER))
    if query.min_attempts > 1:
        of_run = of_run.where(RETRIED, entries.c.attempt >= min(query.min_attempts, _MAX_INTEGER))
    last = None if query.cursor is None else decode_cursor(pages_of(query), query.cursor)
    if query.order == "ended":
        return (of_run if last is None else of_run.where(entries.c.number > last)).order_by(entries.c.number)
    if last is not None:
        at = select(_later.c.item).where(_later.c.run == number_of(run_id), _later.c.number == last).scalar_subquery()
        behind = or_(entries.c.item > at, entries.c.number > last)
        of_run = of_run.where(entries.c.item >= at, behind)
    return of_run.order_by(entries.c.item, entries.c.number)


def pages_of(query: ItemQuery) -> str:
    """Return the kind of the pages of a query, for its cursors."""
    return "items" if query.order == "ended" else "itemsbyindex"


def select_attempts(run_id: str, task: str, visit: int, index: int) -> Select[Any]:
    """Return the statement for the ended attempts of an item, in the order of their ends."""
    return _of_item(run_id, task, index).where(entries.c.visit == visit).order_by(*_BY_ATTEMPT)


class _PackedCells(FunctionElement[str]):
    """Aggregates packed cells (`item_cells`) to hexadecimal digits, in the order of the second column."""

    type = Text()
    inherit_cache = True


@compiles(_PackedCells, "sqlite")
def _sqlite_cells(element: Any, compiler: Any, **options: Any) -> str:
    # One row for all: between two rows, the driver has to take the interpreter's lock. They are read in their order.
    packed, _ = (compiler.process(each, **options) for each in element.clauses)
    return f"group_concat(printf('%016x', {packed}), '')"


@compiles(_PackedCells, "postgresql")
def _postgresql_cells(element: Any, compiler: Any, **options: Any) -> str:
    packed, number = (compiler.process(each, **options) for each in element.clauses)
    return f"string_agg(lpad(to_hex({packed}), 16, '0'), '' ORDER BY {number})"


_ENDS: Final = ("succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped")
_OUTCOME: Final = case(
    *((entries.c.outcome == literal_column(f"'{name}'"), CODES[name]) for name in _ENDS), else_=CODES["failed"]
)
_ATTEMPTS: Final = case((entries.c.attempt.between(1, MOST_ATTEMPTS), entries.c.attempt), else_=MOST_ATTEMPTS)
_CELL: Final = case((ENDED, _ATTEMPTS * 2**ATTEMPTS_SHIFT + _OUTCOME), else_=SKIP_REQUEST)
_INDEX: Final = case((entries.c.item >= 0, entries.c.item), else_=DAMAGED)
_PACKED: Final = _PackedCells(
    cast(_INDEX, BigInteger) * literal_column(str(2**INDEX_SHIFT)) + _CELL, entries.c.number
).label("cells")


def select_cells(run_id: str, visit: TaskRow, first: int, last: int) -> Select[Any]:
    """Return the statement for the cells of a visit's items in a range of entries, packed in their order."""
    until = _FOR_EVER if visit.ended_at is None else visit.ended_at
    attempt = and_(ENDED, entries.c.visit == visit.visit)
    skip = and_(entries.c.kind == SKIPPED, entries.c.at.between(visit.started_at, until))
    return select(_PACKED).where(
        entries.c.run == number_of(run_id), entries.c.number.between(first, last),
        entries.c.task == searchable(visit.task), or_(attempt, skip),
        or_(entries.c.item.is_(None), entries.c.item < MOST_ITEMS),
    )  # fmt: skip


def select_failed_before(run_id: str, item: ItemRow) -> Select[Any]:
    """Return the statement for the index of the nearest failed item before that of an attempt, in its visit."""
    return _failed_items(run_id, item).where(entries.c.item < item.index).order_by(entries.c.item.desc())


def select_failed_behind(run_id: str, item: ItemRow) -> Select[Any]:
    """Return the statement for the index of the nearest failed item behind that of an attempt, in its visit."""
    return _failed_items(run_id, item).where(entries.c.item > item.index).order_by(entries.c.item)


def _failed_items(run_id: str, item: ItemRow) -> Select[Any]:
    of_visit = select(entries.c.item).where(entries.c.run == number_of(run_id), FAILED, entries.c.kind == FAILED_KIND)
    return of_visit.where(entries.c.task == item.task, entries.c.visit == item.visit, ~_HAS_LATER_ATTEMPT).limit(1)


def select_last_attempt(run_id: str, task: str, index: int, visit: int | None) -> Select[Any] | None:
    """Return the statement for an item's last ended attempt, or None for numbers that no item can have."""
    if not 0 <= index <= _MAX_BIG or not 0 <= (visit or 0) <= _MAX_INTEGER:
        return None  # no database compares a number that its column cannot hold
    of_item = _of_item(run_id, task, index)
    if visit is not None:
        of_item = of_item.where(entries.c.visit == visit)
    return of_item.order_by(entries.c.visit.desc(), *(each.desc() for each in _BY_ATTEMPT)).limit(1)


def _of_item(run_id: str, task: str, index: int) -> Select[Any]:
    return _ITEM_ROW.where(
        entries.c.run == number_of(run_id), ENDED, entries.c.item == index, entries.c.task == searchable(task)
    )


def select_errors(run_id: str, task: str | None, after: int) -> Select[Any]:
    """Return the statement for the next last attempts of items that have not succeeded, behind the entry `after`."""
    of_run = _ITEM_ROW.add_columns(entries.c.body).where(
        entries.c.run == number_of(run_id), FAILED, entries.c.kind == FAILED_KIND, entries.c.number > after,
        ~_HAS_LATER_ATTEMPT,
    )  # fmt: skip
    if task is not None:
        of_run = of_run.where(entries.c.task == searchable(task))
    return of_run.order_by(entries.c.number).limit(ERRORS_AT_ONCE)


def restore_item_row(row: Any) -> ItemRow:
    """Return the attempt of a row."""
    return ItemRow(
        number=row.number, task=row.task, visit=row.visit, index=row.item, attempt=row.attempt, outcome=row.outcome,
        at=row.at, began_at=row.began_at, seconds=row.seconds,
    )  # fmt: skip


def restore_item_error(row: Any, keyring: Keyring | None) -> ItemError:
    """Return why the attempt of a row of `select_errors` failed. Raises UnreadableRecord."""
    if not is_time(row.at):
        raise UnreadableRecord("the store is damaged: a time is out of range")
    kind, message, where = None, "", None
    try:
        cause = decode_cause(None if row.body is None else decrypt(row.body, keyring))
    except (StoreKeyMissing, WrongStoreKey):
        pass
    else:
        kind, message, where = cause.kind, cause.message, cause.where
    return ItemError(
        number=row.number, task=row.task, visit=row.visit, index=row.item, attempt=row.attempt, at=row.at,
        kind=kind, message=message, where=where,
    )  # fmt: skip


def _is_untimed(run_id: str) -> Label[Any]:
    """Return the column of a run's attempts that says whether it was accepted before their times were recorded."""
    return select(runs.c.untimed).where(runs.c.id == searchable(run_id)).scalar_subquery().label("untimed")


def _ended_as(outcome: str | tuple[str, ...] | None) -> ColumnElement[bool]:
    """Return the condition for the entries of ended attempts with an outcome, or with one of several."""
    if outcome is None:
        return ENDED
    outcomes = {outcome} if isinstance(outcome, str) else set(outcome)
    if "failed" in outcomes:
        return ENDED if "succeeded" in outcomes else FAILED
    among = entries.c.outcome.in_(sorted(map(searchable, outcomes)))
    # No database finds out by itself that the index of failed attempts has them all.
    return among if "succeeded" in outcomes else and_(FAILED, among)
