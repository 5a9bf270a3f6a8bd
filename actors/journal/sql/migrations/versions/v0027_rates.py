"""When items of a rate may start next."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"


def upgrade() -> None:
    """Create the table."""
    moment: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
    op.create_table(
        "rates",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("next_at", moment, nullable=False),
        sa.Column("first_at", moment, nullable=False),
        sa.Column("interval", moment, nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rates")),
        sqlite_strict=True,
    )
