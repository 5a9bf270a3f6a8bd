"""The writer's statements, as texts that a driver executes with many rows at once.

SQLAlchemy compiles the texts for SQLite and PostgreSQL, and the driver executes them. Execution by SQLAlchemy would
take twice as long per row (for an entry: 9.2 us, against 4.5 us with the driver).
"""

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ClauseElement, Dialect, Insert, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stretto.actors.journal.sql.insertion import AsArrays, InBlocks, Insertion
from stretto.actors.journal.sql.tables import (
    audit,
    context_logs,
    context_names,
    definitions,
    entries,
    event_keys,
    item_outputs,
    run_ends,
    run_inputs,
    run_labels,
    runs,
    surroundings,
    suspects,
    tasks,
)
from stretto.actors.journal.sql.value_tables import run_values, shared_values

AUDIT_COLUMNS: Final = tuple(str(column.name) for column in audit.columns if not column.primary_key)
"""The columns of an entry of the audit. Its number is the database's."""
_POSITIONAL: Final = {"sqlite": "qmark", "postgresql": "format"}


class Statements:
    """The statements for one database. A row is a tuple of the table's columns in their order, unless noted."""

    def __init__(self, dialect: Dialect) -> None:
        # Not a driver's text: SQLAlchemy returns the ids and numbers of the new runs.
        self.accept = _insert_of(dialect, runs).on_conflict_do_nothing().returning(runs.c.id, runs.c.number)
        text = _TextOf(dialect)
        self.inputs = text(insert(run_inputs))
        self.labels = text(insert(run_labels))
        self.entries = text(insert(entries))
        self.many_entries: Insertion = (
            InBlocks(self.entries) if dialect.name == "sqlite" else AsArrays(self.entries, entries, dialect)
        )
        self.definitions = text(_insert_of(dialect, definitions).on_conflict_do_nothing())
        self.surroundings = text(_insert_of(dialect, surroundings).on_conflict_do_nothing())
        self.shared_values = text(_insert_of(dialect, shared_values).on_conflict_do_nothing())
        self.run_values = text(_insert_of(dialect, run_values).on_conflict_do_nothing())
        self.tasks = text(_upsert(dialect, tasks))
        self.outputs = text(_upsert(dialect, item_outputs))
        self.ends = text(_upsert(dialect, run_ends))
        self.context_names = text(insert(context_names))
        self.context_logs = text(_upsert(dialect, context_logs))
        self.suspects = text(_upsert(dialect, suspects))
        # A row is (id of the run,).
        number = select(runs.c.number).where(runs.c.id == bindparam("id")).scalar_subquery()
        self.no_suspects = text(delete(suspects).where(suspects.c.run == number))
        # A row has the fields of AuditEntry in the order of the table.
        self.audit = text(insert(audit).values({name: bindparam(name) for name in AUDIT_COLUMNS}))
        # A row is (new status, id of the run). An ended run keeps its status.
        self.statuses = text(
            update(runs)
            .where(runs.c.id == bindparam("run_id"), runs.c.ended_at.is_(None))
            .values(status=bindparam("new_status"))
        )
        # Parameters: key, event, expires_at, now. Another daemon may write the same key at the same time.
        self.note_key = _key_note(dialect)
        # A row is (status, ended_at, run).
        self.states = text(
            update(runs)
            .where(runs.c.number == bindparam("run"))
            .values(status=bindparam("status"), ended_at=bindparam("ended_at"))
        )


@lru_cache(maxsize=8)
def statements_for(dialect: Dialect) -> Statements:
    """Return the statements for a database, built once per engine."""
    return Statements(dialect)


class _TextOf:
    """Compiles a statement to a text with positional parameters."""

    def __init__(self, dialect: Dialect) -> None:
        kind: type[Any] = type(dialect)
        self._dialect: Dialect = kind(paramstyle=_POSITIONAL[dialect.name])

    def __call__(self, statement: ClauseElement) -> str:
        return str(statement.compile(dialect=self._dialect))


def _insert_of(dialect: Dialect, table: Table) -> Any:
    """Return the database's own INSERT with ON CONFLICT; the two classes are alike but have no common type."""
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)


def _key_note(dialect: Dialect) -> Insert:
    """Note the key of an event, unless an earlier event has it and it is not forgotten yet."""
    insertion = _insert_of(dialect, event_keys).values(
        {name: bindparam(name) for name in ("key", "event", "expires_at")}
    )
    note: Insert = insertion.on_conflict_do_update(
        index_elements=[event_keys.c.key],
        set_={"event": insertion.excluded.event, "expires_at": insertion.excluded.expires_at},
        where=event_keys.c.expires_at <= bindparam("now"),
    )
    return note


def _upsert(dialect: Dialect, table: Table) -> Insert:
    insertion = _insert_of(dialect, table)
    replaced = {column.name: insertion.excluded[column.name] for column in table.columns if not column.primary_key}
    upsert: Insert = insertion.on_conflict_do_update(index_elements=list(table.primary_key), set_=replaced)
    return upsert
