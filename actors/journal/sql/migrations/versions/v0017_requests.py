"""Requests between engines that share a store, and what an engine says of itself."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0017"
down_revision = "0016"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Create the table, and add the columns."""
    op.create_table(
        "requests",
        sa.Column("number", BIG, autoincrement=True, nullable=False),
        sa.Column("asker", BIG, nullable=False),
        sa.Column("run", sa.Text()),
        sa.Column("engine", BIG),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("answer", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_requests")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.add_column("engines", sa.Column("host", sa.Text()))
    op.add_column("engines", sa.Column("draining", sa.Integer()))
