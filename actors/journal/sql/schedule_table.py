"""The table of schedules: how far each one is, and which engine looks after it."""

from typing import Final

from sqlalchemy import REAL, BigInteger, Column, Double, Integer, Table, Text
from sqlalchemy.types import TypeEngine

from stretto.actors.journal.sql.tables import metadata

TIME: Final[TypeEngine[float]] = Double().with_variant(REAL(), "sqlite")
BIG: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")

schedules: Final = Table(
    "schedules",
    metadata,
    Column("ref", Text, primary_key=True),
    # The identity of its timing: another one begins anew.
    Column("timing", Text, nullable=False),
    # The due times up to this one are dealt with.
    Column("after", BIG, nullable=False),
    Column("paused", Integer, nullable=False),
    # The due time whose run waits for the end of an earlier one.
    Column("queued", BIG),
    Column("last_due", BIG),
    Column("last_run", Text),
    Column("last_at", TIME),
    Column("started", BIG, nullable=False),
    Column("missed", BIG, nullable=False),
    Column("skipped", BIG, nullable=False),
    # The number of the engine that looks after it.
    Column("owner", BIG),
    sqlite_strict=True,
)
