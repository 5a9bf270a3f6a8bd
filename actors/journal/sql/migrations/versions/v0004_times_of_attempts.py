"""When the action of an ended attempt began, what it took, and which runs were accepted before that was recorded."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"

TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Add the columns, and mark the runs that there are."""
    # No database rewrites the rows for this, of which there may be millions.
    op.add_column("entries", sa.Column("began_at", TIME))
    op.add_column("entries", sa.Column("seconds", TIME))
    op.add_column("runs", sa.Column("untimed", sa.Integer()))
    op.execute("UPDATE runs SET untimed = 1")
