"""The tables of large values: each is stored once, however many entries of however many runs have it."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from stretto.actors.journal.sql.columns import number_of_run, table

shared_values: Final[Table] = table(
    "shared_values",
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

run_values: Final[Table] = table(
    "run_values",
    # A value that entries of the run have. It is deleted with the last run that has it.
    number_of_run(),
    Column("digest", Text, ForeignKey("shared_values.digest"), nullable=False),
    PrimaryKeyConstraint("run", "digest"),
)
Index("run_values_by_digest", run_values.c.digest)
