"""A transaction of the writer: counts and bounds its rows, and names the run at fault when it fails."""

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
"""Bytes of one value. At twice as many, PostgreSQL closes the connection instead of reporting the size."""
CHUNK: Final = 500
"""Values searched for with one statement: databases limit a statement's parameters."""


class Transaction:
    """A connection in a transaction, with the numbers of rows and of bytes of bodies written so far."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.statements = statements_for(connection.dialect)
        self.rows = 0
        self.body_bytes = 0

    def write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute a statement for each row. Raises Unrecordable for a value that is too large."""
        if rows:
            self.count(rows)
            self.connection.exec_driver_sql(statement, list(rows))

    def insert(self, insertion: Insertion, rows: Sequence[Row]) -> None:
        """Insert many rows. Raises Unrecordable for a value that is too large."""
        if rows:
            self.count(rows)
            insertion.execute(self.connection, rows)

    def count(self, rows: Sequence[Iterable[Any]]) -> None:
        """Count rows. Raises Unrecordable for a value that is too large."""
        self.rows += len(rows)
        for row in rows:
            for value in row:
                if type(value) is bytes:
                    size = len(value)
                    self.body_bytes += size
                    if size > MAX_BODY_BYTES:
                        raise Unrecordable(f"a value must have at most {MAX_BODY_BYTES:,} bytes, got {size:,}")


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield the values in portions that one statement can search for."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


@contextmanager
def recording(run_id: str) -> Iterator[None]:
    """Convert errors of the block to Unrecordable with the run's id."""
    try:
        yield
    except (StrettoError, UnicodeError) as error:
        raise unrecordable(run_id, error) from None


def unrecordable(run_id: str, error: Exception) -> Unrecordable:
    """Return the error with the run's id as an Unrecordable; a subclass of it keeps its type."""
    kind = type(error) if isinstance(error, Unrecordable) else Unrecordable
    return kind(f"the run {run_id} cannot be recorded: {error}")
