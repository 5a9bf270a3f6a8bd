"""The outputs of items (the texts that their actions print), and the labels of runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "item_outputs",
        sa.Column("run", BIG, nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("item", BIG, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("cut", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_item_outputs_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "task", "visit", "item", "attempt", name=op.f("pk_item_outputs")),
        sqlite_strict=True,
    )
    op.create_table(
        "run_labels",
        sa.Column("run", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_run_labels_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "key", name=op.f("pk_run_labels")),
        sqlite_strict=True,
    )
    op.create_index("run_labels_by_value", "run_labels", ["key", "value", "run"])
