"""Indexes for reading one item, and the learned secrets, of a run with many entries."""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the indexes."""
    ended, learned = text("outcome IS NOT NULL"), text("kind = 'secrets_learned'")
    op.create_index(
        "entries_by_item", "entries", ["run", "item", "task", "visit"], sqlite_where=ended, postgresql_where=ended
    )
    op.create_index("entries_learned", "entries", ["run", "number"], sqlite_where=learned, postgresql_where=learned)
