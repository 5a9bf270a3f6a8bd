"""Needs of runs, and the offers of the engines that share a store."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add the column, and create the table."""
    op.add_column("runs", sa.Column("needs", sa.Text()))
    op.create_table(
        "offers",
        sa.Column("engine", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("offered", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("engine", name=op.f("pk_offers")),
        sqlite_strict=True,
    )
