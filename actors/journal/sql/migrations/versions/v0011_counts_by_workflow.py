"""The index of runs by status has their workflows, so that runs are counted by workflow without reading them."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the index again."""
    op.drop_index("runs_by_status", "runs")
    op.create_index("runs_by_status", "runs", ["status", "number", "workflow"])
