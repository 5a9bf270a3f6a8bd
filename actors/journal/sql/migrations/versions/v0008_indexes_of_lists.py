"""Indexes for lists of runs by time and without sub-workflows, and for failed and retried items."""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the indexes."""
    at_top = text("parent IS NULL")
    op.create_index("runs_at_top", "runs", ["number"], sqlite_where=at_top, postgresql_where=at_top)
    op.create_index("runs_by_time", "runs", ["accepted_at", "number"])
    failed = text("outcome != 'succeeded'")
    op.create_index(
        "entries_failed_by_item", "entries", ["run", "task", "visit", "item"],
        sqlite_where=failed, postgresql_where=failed,
    )  # fmt: skip
    retried = text("outcome IS NOT NULL AND attempt > 1")
    op.create_index("entries_retried", "entries", ["run", "number"], sqlite_where=retried, postgresql_where=retried)
