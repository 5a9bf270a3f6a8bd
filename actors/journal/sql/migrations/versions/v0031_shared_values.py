"""Large values that several entries have, each stored once. The entries of before keep theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "shared_values",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_shared_values")),
        sqlite_strict=True,
    )
    op.create_table(
        "run_values",
        sa.Column("run", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_run_values_run"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["digest"], ["shared_values.digest"], name=op.f("fk_run_values_digest")),
        sa.PrimaryKeyConstraint("run", "digest", name=op.f("pk_run_values")),
        sqlite_strict=True,
    )
    op.create_index("run_values_by_digest", "run_values", ["digest"])
