"""Bulk insertion of rows, with little CPU time in this process.

A driver that executes one INSERT per row acquires and releases the interpreter's lock for each, which slows the
engine's other threads as much as the insertion itself. A large row still gets a statement of its own: many of them in
one statement would need a copy of all of them in memory, or exceed the database's limits.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Dialect, Table

Row: TypeAlias = tuple[Any, ...]
"""The values of a table's columns in their order; the last one is the body or None."""

SMALL_BYTES: Final = 16 * 1024
"""Bytes of a body at most in a statement with many rows."""
BLOCK_ROWS: Final = 64
"""Rows in one SQLite statement: more would make it no faster."""
_LAST_BLOCKS: Final = (32, 16, 8, 4, 2, 1)
FEW_ROWS: Final = 16
"""Rows below which arrays do not pay off."""


class Insertion(ABC):
    """Inserts rows into a table, many with one statement."""

    def __init__(self, row: str) -> None:
        """Take the statement that inserts one row with all columns in their order."""
        self._row = row

    def execute(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises database errors, and the driver's errors for values that it cannot encode."""
        rest = [row for row in rows if row[-1] is not None and len(row[-1]) > SMALL_BYTES]
        small = rows if not rest else [row for row in rows if row[-1] is None or len(row[-1]) <= SMALL_BYTES]
        rest += self._insert_many(connection, small)
        if rest:
            connection.exec_driver_sql(self._row, rest)

    @abstractmethod
    def _insert_many(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Insert some or all of the rows; return the remaining ones."""


class InBlocks(Insertion):
    """Inserts blocks of BLOCK_ROWS rows with one statement each, and the last rows in blocks of powers of two."""

    def __init__(self, row: str) -> None:
        super().__init__(row)
        insertion, values, row_values = row.partition(" VALUES ")
        self._blocks = {
            size: f"{insertion}{values}{', '.join([row_values] * size)}" for size in (BLOCK_ROWS, *_LAST_BLOCKS)
        }

    def _insert_many(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        sizes = [BLOCK_ROWS] * (len(rows) // BLOCK_ROWS)
        sizes += [size for size in _LAST_BLOCKS if len(rows) & size]
        start = 0
        for size in sizes:
            connection.exec_driver_sql(self._blocks[size], tuple(chain.from_iterable(rows[start : start + size])))
            start += size
        return ()


class AsArrays(Insertion):
    """Inserts all rows with one statement that takes an array per column, in PostgreSQL's binary format."""

    def __init__(self, row: str, table: Table, dialect: Dialect) -> None:
        super().__init__(row)
        arrays = ", ".join(f"%b::{column.type.compile(dialect)}[]" for column in table.columns)
        insertion = row.partition(" VALUES ")[0]
        self._rows = f"{insertion} SELECT * FROM unnest({arrays})"  # noqa: S608 - the names come from the table

    def _insert_many(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        if len(rows) < FEW_ROWS:
            return rows
        connection.exec_driver_sql(self._rows, tuple(map(list, zip(*rows, strict=True))))
        return ()
