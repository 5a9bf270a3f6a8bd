"""How a database is given rows by the thousand: with as little of this process's time as it can be.

A driver that executes an INSERT for each row takes the interpreter's lock and lets go of it every time. Other threads,
which have the engine's work to do, are slowed down by that as much as the rows take themselves. A row that is large
goes alone all the same: a statement with many of those would need as much memory once more, or more than it may.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Dialect, Table

Row: TypeAlias = tuple[Any, ...]
"""The values of a table's columns, in their order; the last one is the body, or None."""

SMALL_BYTES: Final = 16 * 1024
"""Bytes that a body has at most in a statement with many rows."""
BLOCK_ROWS: Final = 64
"""Rows that one statement of SQLite's inserts: of more, each takes as long."""
FEW_ROWS: Final = 16
"""Rows for which it does not pay to make arrays."""


class Insertion(ABC):
    """Inserts rows into a table, as many of them at once as it can."""

    def __init__(self, row: str) -> None:
        """Take the statement that inserts one row, of all columns in their order."""
        self._row = row

    def execute(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises errors of the database, and of its driver for values that it cannot take."""
        rest = [row for row in rows if row[-1] is not None and len(row[-1]) > SMALL_BYTES]
        small = rows if not rest else [row for row in rows if row[-1] is None or len(row[-1]) <= SMALL_BYTES]
        rest += self._insert_many(connection, small)
        if rest:
            connection.exec_driver_sql(self._row, rest)

    @abstractmethod
    def _insert_many(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Insert some of the rows, or all; return those that are left."""


class InBlocks(Insertion):
    """Inserts several rows with a statement, as long as there are so many."""

    def __init__(self, row: str) -> None:
        super().__init__(row)
        insertion, values, row_values = row.partition(" VALUES ")
        self._block = f"{insertion}{values}{', '.join([row_values] * BLOCK_ROWS)}"

    def _insert_many(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        whole = len(rows) - len(rows) % BLOCK_ROWS
        for start in range(0, whole, BLOCK_ROWS):
            connection.exec_driver_sql(self._block, tuple(chain.from_iterable(rows[start : start + BLOCK_ROWS])))
        return rows[whole:]


class AsArrays(Insertion):
    """Inserts all rows with one statement that takes an array for each column, in PostgreSQL's binary form."""

    def __init__(self, row: str, table: Table, dialect: Dialect) -> None:
        super().__init__(row)
        arrays = ", ".join(f"%b::{column.type.compile(dialect)}[]" for column in table.columns)
        insertion = row.partition(" VALUES ")[0]
        self._rows = f"{insertion} SELECT * FROM unnest({arrays})"  # noqa: S608 - all of it is the table's own

    def _insert_many(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        if len(rows) < FEW_ROWS:
            return rows
        connection.exec_driver_sql(self._rows, tuple(map(list, zip(*rows, strict=True))))
        return ()
