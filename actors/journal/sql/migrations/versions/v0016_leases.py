"""The leases of engines: several of them share a PostgreSQL store."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0016"
down_revision = "0015"

TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Add the column."""
    op.add_column("engines", sa.Column("expires_at", TIME))
