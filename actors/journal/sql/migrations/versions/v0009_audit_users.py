"""The user for whom a proxy sends a request, in the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column."""
    op.add_column("audit", sa.Column("for_user", sa.Text()))
