"""A run's origin and its limits on expressions, and the runs that recovery has to suspect."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Add the columns, and create the table."""
    # Until now only the owner of a daemon could start runs.
    op.add_column("runs", sa.Column("origin", sa.Text(), nullable=False, server_default="owner"))
    op.add_column("runs", sa.Column("max_cost", BIG))
    op.add_column("runs", sa.Column("max_bytes", BIG))
    op.create_table(
        "suspects",
        sa.Column("run", BIG, nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("noted_at", TIME, nullable=False),
        sa.Column("quarantined_at", TIME),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_suspects_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_suspects")),
        sqlite_strict=True,
    )
