"""The table of personal links, by which persons answer inquiries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0024"
down_revision = "0023"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "inquiry_links",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("inquiry", BIG, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["inquiry"], ["inquiries.number"], name=op.f("fk_inquiry_links_inquiry"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_inquiry_links")),
        sqlite_strict=True,
    )
    op.create_index("inquiry_links_by_inquiry", "inquiry_links", ["inquiry"])
