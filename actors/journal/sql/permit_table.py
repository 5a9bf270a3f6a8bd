"""The table of permits of keys: how many items with a key each engine may have in flight."""

from typing import Final

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text

from stretto.actors.journal.sql.columns import BIG, TIME, metadata

permits: Final = Table(
    "permits",
    metadata,
    Column("key", Text, nullable=False),
    # The number of the engine.
    Column("engine", BIG, nullable=False),
    # The permits that it has, and how many more it wants.
    Column("held", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    # Since when it has got none.
    Column("since", TIME, nullable=False),
    # The limit of the key as the engine knows it.
    Column("bound", Integer),
    PrimaryKeyConstraint("key", "engine"),
    sqlite_strict=True,
)
