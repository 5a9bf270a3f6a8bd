"""The table of schedules: written with the events of their due times, claimed, and read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Dialect, Engine, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.schedules import ScheduleMoved, ScheduleRow, ScheduleState, new_state
from stretto.actors.journal.sql.audit import check_times
from stretto.actors.journal.sql.damage import report_damage
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.schedule_table import schedules
from stretto.actors.journal.sql.tables import DUE, engines, matches, runs
from stretto.actors.journal.sql.transaction import Transaction, chunks

FORGOTTEN_SECONDS: Final = 30 * 86_400
"""How long the state of a schedule is kept after its file is gone."""
_FIELDS: Final = ScheduleState.__struct_fields__
_COUNTS: Final = ("started", "missed", "skipped")
_MOVED: Final = (
    update(schedules)
    .where(schedules.c.ref == bindparam("of_ref"))
    .values({name: bindparam(name) for name in _FIELDS if name != "ref"})
)
_IN_PROGRESS: Final = (
    select(matches.c.run)
    .join(runs, runs.c.id == matches.c.run)
    .where(matches.c.rule == bindparam("rule"), runs.c.ended_at.is_(None))
)
_TO_START: Final = select(matches.c.run).where(matches.c.rule == bindparam("rule"), DUE)
_OWNED: Final = select(schedules, engines.c.name.label("engine")).outerjoin(
    engines, and_(engines.c.number == schedules.c.owner, engines.c.fenced_by.is_(None))
)


def write_moves(transaction: Transaction, moves: Sequence[ScheduleMoved]) -> None:
    """Write the new states of schedules, in their order."""
    rows = [{"of_ref": each.state.ref, **_row(each.state)} for each in moves]
    for row in rows:
        del row["ref"]
    if rows:
        transaction.count([row.values() for row in rows])
        transaction.connection.execute(_MOVED, rows)


class SqlScheduleClaims:
    """Claims schedules over the connection of an ownership. Implements `journal.schedules.ScheduleClaims`."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def claim(self, timings: Mapping[str, str], at: int) -> list[ScheduleState]:
        """Claim schedules; see `ScheduleClaims.claim`."""
        found: list[ScheduleState] = []
        engine = self._ownership.number
        with self._ownership.transaction() as connection:
            live = select(engines.c.number).where(engines.c.fenced_by.is_(None))
            is_left = or_(schedules.c.owner.is_(None), schedules.c.owner.not_in(live))
            for refs in chunks(list(timings)):
                known = set(connection.scalars(select(schedules.c.ref).where(schedules.c.ref.in_(refs))))
                new = [_row(new_state(ref, timings[ref], at)) for ref in refs if ref not in known]
                if new:
                    connection.execute(_insertion(connection.dialect).on_conflict_do_nothing(), new)
                left: ColumnElement[bool] = and_(schedules.c.ref.in_(refs), is_left)
                # An engine that claims at the same time has locked what it takes.
                free = connection.scalars(select(schedules.c.ref).where(left).with_for_update(skip_locked=True)).all()
                if free:
                    connection.execute(update(schedules).where(schedules.c.ref.in_(free)).values(owner=engine))
                ours = select(schedules).where(schedules.c.ref.in_(refs), schedules.c.owner == engine)
                found += map(_restored, connection.execute(ours))
            self._forget_others(connection, timings, at)
        return found

    def _forget_others(self, connection: Connection, timings: Mapping[str, str], at: int) -> None:
        """Give up the schedules whose files are gone, and delete those that have been gone for long."""
        kept = select(schedules.c.ref, schedules.c.owner, schedules.c.after)
        gone = [row for row in connection.execute(kept) if row.ref not in timings]
        if not gone:
            return
        engine = self._ownership.number
        # Another engine of a shared store may come back with other files; the last one of an unshared store does not.
        is_shared = connection.scalar(select(engines.c.expires_at).where(engines.c.number == engine)) is not None
        given_up = [row.ref for row in gone if row.owner == engine or (row.owner is not None and not is_shared)]
        forgotten = [row.ref for row in gone if row.owner is None and row.after < at - FORGOTTEN_SECONDS]
        for refs in chunks(given_up):
            # The due times until a file comes back are not missed.
            left = update(schedules).where(schedules.c.ref.in_(refs), schedules.c.after < at)
            connection.execute(update(schedules).where(schedules.c.ref.in_(refs)).values(owner=None))
            connection.execute(left.values(after=at))
        for refs in chunks(forgotten):
            connection.execute(delete(schedules).where(schedules.c.ref.in_(refs), schedules.c.owner.is_(None)))


@report_damage
class SqlScheduleReader:
    """Reads the table of schedules. Thread-safe. Implements `journal.schedules.ScheduleReader`."""

    def __init__(self, engine: Engine, store: str) -> None:
        self._engine = engine
        self._store = store

    def all(self) -> list[ScheduleRow]:
        """Return all schedules; see `ScheduleReader.all`."""
        rows = self._rows(_OWNED.order_by(schedules.c.ref))
        return [ScheduleRow(_restored(row), row.engine, None if row.engine is None else row.owner) for row in rows]

    def owner(self, ref: str) -> int | None:
        """Return the number of its engine; see `ScheduleReader.owner`."""
        rows = self._rows(_OWNED.where(schedules.c.ref == searchable(ref)))
        return rows[0].owner if rows and rows[0].engine is not None else None

    def in_progress(self, ref: str) -> list[str]:
        """Return the runs in progress; see `ScheduleReader.in_progress`."""
        rule = {"rule": searchable(ref)}
        return [row.run for query in (_TO_START, _IN_PROGRESS) for row in self._rows(query, rule)]

    def _rows(self, query: Any, values: Mapping[str, Any] | None = None) -> list[Any]:
        with converting_errors(self._store), self._engine.connect() as connection, connection.begin():
            return list(connection.execute(query, values or {}))


def _insertion(dialect: Dialect) -> "sqlite.Insert | postgresql.Insert":
    return sqlite.insert(schedules) if dialect.name == "sqlite" else postgresql.insert(schedules)


def _row(state: ScheduleState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in _FIELDS} | {"paused": int(state.paused)}


def _restored(row: Any) -> ScheduleState:
    fields = {name: getattr(row, name) for name in _FIELDS}
    if any(fields[name] < 0 for name in _COUNTS):
        raise UnreadableRecord("the store is damaged: a number of a schedule is negative")
    check_times({name: fields[name] for name in ("after", "queued", "last_due", "last_at") if fields[name] is not None})
    return ScheduleState(**{**fields, "paused": bool(row.paused)})
