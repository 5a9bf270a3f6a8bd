"""The index of runs by status has their depths, so that only runs at the top are counted without reading them."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the index again."""
    op.drop_index("runs_by_status", "runs")
    op.create_index("runs_by_status", "runs", ["status", "number", "workflow", "depth"])
