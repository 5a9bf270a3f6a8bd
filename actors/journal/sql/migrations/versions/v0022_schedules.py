"""How far schedules are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0022"
down_revision = "0021"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "schedules",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("after", BIG, nullable=False),
        sa.Column("paused", sa.Integer(), nullable=False),
        sa.Column("queued", BIG),
        sa.Column("last_due", BIG),
        sa.Column("last_run", sa.Text()),
        sa.Column("last_at", TIME),
        sa.Column("started", BIG, nullable=False),
        sa.Column("missed", BIG, nullable=False),
        sa.Column("skipped", BIG, nullable=False),
        sa.Column("owner", BIG),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_schedules")),
        sqlite_strict=True,
    )
