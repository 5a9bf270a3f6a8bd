"""The table of sensors: which engine runs each of them."""

from typing import Final

from sqlalchemy import Column, Table, Text

from stretto.actors.journal.sql.schedule_table import BIG
from stretto.actors.journal.sql.tables import metadata

sensors: Final = Table(
    "sensors",
    metadata,
    Column("ref", Text, primary_key=True),
    # The number of the engine that runs it.
    Column("owner", BIG, nullable=False),
    sqlite_strict=True,
)
