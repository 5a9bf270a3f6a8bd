"""One transaction of the writer's: what it hands to the database, counted; and whose fault it is when that fails."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from stretto.actors.journal.sql.insertion import Insertion, Row
from stretto.actors.journal.sql.statements import statements_for
from stretto.actors.journal.store import Unrecordable
from stretto.definitions.errors import StrettoError

Value = TypeVar("Value")

MAX_BODY_BYTES: Final = 2**29
"""Bytes of one value: of twice as many, PostgreSQL ends the connection instead of saying that it is too large."""
CHUNK: Final = 500
"""Values that are looked for with one statement: databases bound a statement's parameters."""


class Transaction:
    """`rows` and `body_bytes` count what has been handed to the database: rows of all tables, and bytes of bodies."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.statements = statements_for(connection.dialect)
        self.rows = 0
        self.body_bytes = 0

    def write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute a statement with each of the rows. Raises `Unrecordable` for a value that is too large."""
        if rows:
            self.count(rows)
            self.connection.exec_driver_sql(statement, list(rows))

    def insert(self, insertion: Insertion, rows: Sequence[Row]) -> None:
        """Insert rows, by the thousand. Raises `Unrecordable` for a value that is too large."""
        if rows:
            self.count(rows)
            insertion.execute(self.connection, rows)

    def count(self, rows: Sequence[Iterable[Any]]) -> None:
        """Count rows that are handed to the database. Raises `Unrecordable` for a value that is too large."""
        self.rows += len(rows)
        for row in rows:
            for value in row:
                if type(value) is bytes:
                    size = len(value)
                    self.body_bytes += size
                    if size > MAX_BODY_BYTES:
                        raise Unrecordable(
                            f"a value has {size:,} bytes, and the store takes {MAX_BODY_BYTES:,} at most"
                        )


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield the values in portions that one statement can look for."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


@contextmanager
def recording(run_id: str) -> Iterator[None]:
    """Tell of what is wrong with a run in the block as `Unrecordable`, with the run's id."""
    try:
        yield
    except (StrettoError, UnicodeError) as error:
        raise unrecordable(run_id, error) from None


def unrecordable(run_id: str, error: Exception) -> Unrecordable:
    """Return what is told of a run that can never be written; a kind of `Unrecordable` stays what it is."""
    kind = type(error) if isinstance(error, Unrecordable) else Unrecordable
    return kind(f"the run {run_id} cannot be recorded: {error}")
