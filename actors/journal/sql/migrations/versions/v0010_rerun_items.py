"""The items that a rerun of chosen items repeats."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column."""
    op.add_column("run_inputs", sa.Column("rerun_items", sa.LargeBinary()))
