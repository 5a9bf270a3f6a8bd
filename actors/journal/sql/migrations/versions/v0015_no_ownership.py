"""The table that only versions before the engines read. It is dropped by `stretto store upgrade --finish`."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Drop the table."""
    op.drop_table("ownership")
