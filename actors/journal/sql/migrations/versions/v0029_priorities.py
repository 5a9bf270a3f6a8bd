"""The priorities of runs. Those of before are normal."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add the column."""
    op.add_column("runs", sa.Column("priority", sa.Integer()))
