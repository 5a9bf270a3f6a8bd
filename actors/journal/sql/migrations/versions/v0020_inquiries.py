"""The table of inquiries: the questions that runs ask people."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0020"
down_revision = "0019"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "inquiries",
        sa.Column("number", BIG, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run", BIG, nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("item", BIG, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("answered_by", sa.Text()),
        sa.Column("answered_via", sa.Text()),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_inquiries_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_inquiries")),
        sa.UniqueConstraint("id", name=op.f("uq_inquiries_id")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    pending = sa.text("status = 'pending'")
    op.create_index("inquiries_by_run", "inquiries", ["run"])
    op.create_index("inquiries_pending", "inquiries", ["number"], sqlite_where=pending, postgresql_where=pending)
