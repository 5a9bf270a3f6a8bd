"""The limits with which engines share a key. Those of before are not known."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Add the column."""
    op.add_column("permits", sa.Column("bound", sa.Integer()))
