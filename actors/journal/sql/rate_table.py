"""The table of rates: when items with a key may start next."""

from typing import Final

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text

from stretto.actors.journal.sql.columns import TIME, metadata

rates: Final = Table(
    "rates",
    metadata,
    Column("key", Text, nullable=False),
    # The time of the next start that no engine has taken, by the store's clock.
    Column("next_at", TIME, nullable=False),
    # The last portion: its first start, the seconds between its starts, and their number.
    Column("first_at", TIME, nullable=False),
    Column("interval", TIME, nullable=False),
    Column("taken", Integer, nullable=False),
    PrimaryKeyConstraint("key"),
    sqlite_strict=True,
)
