"""The versions of runs' contexts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0018"
down_revision = "0017"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables. Runs of earlier versions have no rows there: they are replayed."""
    op.create_table(
        "context_names",
        sa.Column("run", BIG, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_context_names_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "version", "name", name=op.f("pk_context_names")),
        sqlite_strict=True,
    )
    op.create_index("context_names_by_name", "context_names", ["run", "name", "version"])
    op.create_table(
        "context_logs",
        sa.Column("run", BIG, nullable=False),
        sa.Column("last", BIG),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_context_logs_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_context_logs")),
        sqlite_strict=True,
    )
