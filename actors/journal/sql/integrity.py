"""Checks of a store: the database itself, the relations between its rows, and the bodies of its rows."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, bindparam, func, or_, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from stretto.actors.journal.encryption import Keyring
from stretto.actors.journal.location import Location
from stretto.actors.journal.sql.damage import DAMAGE, converting_damage, damage_reason
from stretto.actors.journal.sql.errors import reason
from stretto.actors.journal.sql.pruning import PRUNED
from stretto.actors.journal.sql.reader import ACCEPTED, ENTRY, SqlReader
from stretto.actors.journal.sql.run_rows import restore_end
from stretto.actors.journal.sql.schema import SCHEMA
from stretto.actors.journal.sql.store import opening, readers
from stretto.actors.journal.sql.tables import definitions, entries, run_ends, run_inputs, runs, surroundings, suspects
from stretto.actors.journal.store import QUARANTINED
from stretto.definitions.errors import StrettoError

MAX_PROBLEMS: Final = 100
_MAX_SQLITE_PROBLEMS: Final = 20
_PORTION: Final = 500
"""Entries read in one transaction: a long one would prevent the reuse of the write-ahead log."""
_PORTION_OF_RUNS: Final = 250
"""Runs checked together. A driver may hold the bodies of a portion in memory."""

_FIRST: Final = bindparam("first", type_=runs.c.number.type)
_LAST: Final = bindparam("last", type_=runs.c.number.type)
_ACCEPTANCES: Final = ACCEPTED.where(runs.c.number.between(_FIRST, _LAST), runs.c.status != PRUNED)
_ENDS: Final = select(run_ends).where(run_ends.c.run.between(_FIRST, _LAST))
_PASSED: Final = tuple_(
    bindparam("after_run", type_=entries.c.run.type), bindparam("after_number", type_=entries.c.number.type)
)
_ENTRIES: Final = (
    select(entries.c.run, *ENTRY.selected_columns)
    .where(tuple_(entries.c.run, entries.c.number) > _PASSED, entries.c.run <= _LAST)
    .order_by(entries.c.run, entries.c.number)
    .limit(_PORTION)
)


def problems(location: Location, keyring: Keyring | None) -> list[str]:
    """Return the problems of a store, one line each. Raises CannotOpenStore."""
    store, engine = readers(location)
    try:
        with opening(store), engine.connect() as connection:
            SCHEMA.check(connection, store)
        found = itertools.chain(_database_problems(engine), _run_problems(engine, SqlReader(engine, keyring, store)))
        first = list(itertools.islice(found, MAX_PROBLEMS + 1))
    finally:
        engine.dispose()
    return first if len(first) <= MAX_PROBLEMS else [*first[:MAX_PROBLEMS], "more problems were found"]


def _database_problems(engine: Engine) -> Iterator[str]:
    if engine.dialect.name != "sqlite":
        return  # PostgreSQL's own programs check its files (pg_amcheck)
    try:
        with engine.connect() as connection:
            for (line,) in connection.exec_driver_sql(f"PRAGMA integrity_check({_MAX_SQLITE_PROBLEMS})"):
                if line != "ok":
                    yield f"SQLite: {line}"
            for table, row, other, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                yield f"SQLite: row {row} of {table} refers to a missing row of {other}"
    except SQLAlchemyError as error:
        yield f"SQLite: {reason(error)}"
    except DAMAGE as error:
        yield f"SQLite: the tables are damaged: {damage_reason(error)}"


def _run_problems(engine: Engine, reader: SqlReader) -> Iterator[str]:
    """Check all runs in portions, the oldest first."""
    passed = 0
    while True:
        whole = select(runs.c.number, runs.c.id).where(runs.c.number > passed, runs.c.status != PRUNED)
        try:
            with engine.connect() as connection:
                some = connection.execute(whole.order_by(runs.c.number).limit(_PORTION_OF_RUNS)).all()
                if not some:
                    return
                first, passed = some[0].number, some[-1].number
                found = list(_row_problems(connection, first, passed))
        except SQLAlchemyError as error:
            yield f"runs after number {passed} cannot be read: {reason(error)}"
            return
        except DAMAGE as error:
            yield f"runs after number {passed} cannot be read: they are damaged: {damage_reason(error)}"
            return
        yield from found
        yield from _body_problems(engine, reader, {row.number: row.id for row in some})


def _row_problems(connection: Connection, first: int, last: int) -> Iterator[str]:
    whole = runs.c.number.between(first, last) & (runs.c.status != PRUNED)
    for query, text in _RULES:
        for row in connection.execute(query.where(whole)):
            yield f"run {row.id}: {text.format(*row[1:])}"


def _body_problems(engine: Engine, reader: SqlReader, portion: dict[int, str]) -> Iterator[str]:
    """Read all bodies of a portion's runs, as their recovery would; yield the first problem of each run."""
    bodies = _Bodies(engine, reader, portion)
    try:
        bodies.read()
    except (SQLAlchemyError, *DAMAGE):
        # A page is damaged. Which runs it has shows only when they are read one by one.
        for run_id in portion.values():
            yield from _problems_of_one(reader, run_id)
        return
    for number, run_id in portion.items():
        if number in bodies.problems:
            yield f"run {run_id}: {bodies.problems[number]}"


def _problems_of_one(reader: SqlReader, run_id: str) -> Iterator[str]:
    try:
        if reader.accepted(run_id) is None:
            return
        first = 0
        while some := reader.entries(run_id, first, _PORTION):
            first += len(some)
        reader.end(run_id)
    except StrettoError as error:
        yield f"run {run_id}: {error}"


class _Bodies:
    """Reads the bodies of a portion of runs, with a constant number of statements and one per portion of entries."""

    def __init__(self, engine: Engine, reader: SqlReader, portion: dict[int, str]) -> None:
        self._engine = engine
        self._reader = reader
        self._first, self._last = min(portion), max(portion)
        self.problems: dict[int, StrettoError] = {}
        """The first problem of each run that has one, by the run's number."""

    def read(self) -> None:
        """Read all bodies. Raises a database error."""
        reader, between = self._reader, {"first": self._first, "last": self._last}
        with self._engine.connect() as connection:
            for row in connection.execute(_ACCEPTANCES, between):
                self._try(row.number, reader.restore_run, connection, row)
        after, more = (self._first, -1), True
        while more:
            with self._engine.connect() as connection:
                count = 0
                position = {"after_run": after[0], "after_number": after[1], "last": self._last}
                for row in connection.execute(_ENTRIES, position):
                    count, after = count + 1, (row[0], row[1])
                    self._try(row[0], reader.restore_entry, row[1:])
                more = count == _PORTION
        with self._engine.connect() as connection:
            for row in connection.execute(_ENDS, between):
                self._try(row.run, restore_end, row)

    def _try(self, number: int, restore: Callable[..., Any], *arguments: Any) -> None:
        if number not in self.problems:
            try:
                with converting_damage("a record"):
                    restore(*arguments)
            except StrettoError as error:
                self.problems[number] = error


def _rules() -> Iterator[tuple[Select[Any], str]]:
    """Yield queries for the runs that break a rule, each with the message for such a run."""
    numbers = func.count(entries.c.number), func.min(entries.c.number), func.max(entries.c.number)
    count, least, greatest = numbers
    yield (
        select(runs.c.id, *numbers).join(entries).group_by(runs.c.id).having(or_(least != 0, greatest != count - 1)),
        "its {0} entries must be numbered from 0 without gaps, got numbers from {1} to {2}",
    )
    has_ended, has_end = runs.c.ended_at.is_not(None), run_ends.c.run.is_not(None)
    of_ends = select(runs.c.id).outerjoin(run_ends)
    yield of_ends.where(has_ended & ~has_end), "marked as ended, but the end record is missing"
    yield of_ends.where(~has_ended & has_end), "not marked as ended, but an end record exists"
    yield select(runs.c.id).outerjoin(run_inputs).where(run_inputs.c.run.is_(None)), "its inputs are missing"
    for table, reference, what in (
        (definitions, runs.c.definition, "definition"),
        (surroundings, runs.c.surroundings, "surroundings"),
    ):
        absent = reference.is_not(None) & table.c.digest.is_(None)
        yield select(runs.c.id, reference).outerjoin(table).where(absent), f"its {what} {{0}} is missing"
    is_quarantined, noted = suspects.c.quarantined_at.is_not(None), select(runs.c.id).outerjoin(suspects)
    marked = runs.c.status == QUARANTINED
    yield noted.where(marked & suspects.c.quarantined_at.is_(None)), "marked as quarantined, but no reason is noted"
    yield noted.where(is_quarantined & ~marked & ~has_ended), "its quarantine is noted, but it is not marked"
    yield noted.where(is_quarantined & suspects.c.reason.is_(None)), "its quarantine has no reason"
    yield noted.where(suspects.c.crashes < 0), "its number of crashes must be at least 0"
    other = runs.alias()
    for reference, what in ((runs.c.parent, "parent"), (runs.c.rerun_of, "source run")):
        absent = reference.is_not(None) & other.c.id.is_(None) & ~has_ended
        query = select(runs.c.id, reference).outerjoin(other, other.c.id == reference).where(absent)
        yield query, f"not ended, but its {what} {{0}} is missing"


_RULES: Final = tuple(_rules())
