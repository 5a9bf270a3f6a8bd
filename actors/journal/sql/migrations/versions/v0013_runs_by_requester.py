"""An index of runs by who has started them, so that a list of one's own runs does not read those of others."""

from alembic import op
from sqlalchemy import text

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the index."""
    requested = text("requested_by IS NOT NULL")
    op.create_index(
        "runs_by_requester", "runs", ["requested_by", "number"], sqlite_where=requested, postgresql_where=requested
    )
