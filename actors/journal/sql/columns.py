"""The types of columns, and the form of all tables."""

from typing import Any, Final

from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
)
from sqlalchemy.types import TypeEngine

# A STRICT table of SQLite knows INTEGER, REAL, TEXT and BLOB only; PostgreSQL's REAL is too short for a time.
TIME: Final[TypeEngine[float]] = Double().with_variant(REAL(), "sqlite")
BIG: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def table(name: str, *members: Column[Any] | Index | PrimaryKeyConstraint, **options: Any) -> Table:
    """Return a table of the store."""
    return Table(name, metadata, *members, sqlite_strict=True, **options)


def number_of_run() -> Column[int]:
    """Return the column of the run that a row belongs to."""
    return Column("run", BIG, ForeignKey("runs.number", ondelete="CASCADE"), nullable=False)
