"""Events, what identifies repeated ones, and the answers of rules to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0021"
down_revision = "0020"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Create the tables, and add the column of runs."""
    op.add_column("runs", sa.Column("event_depth", sa.Integer()))
    op.create_table(
        "events",
        sa.Column("number", BIG, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text()),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_type", "events", ["type", "number"])
    op.create_index("events_by_time", "events", ["accepted_at"])
    caused = sa.text("cause IS NOT NULL")
    op.create_index("events_by_cause", "events", ["cause"], sqlite_where=caused, postgresql_where=caused)
    op.create_table(
        "event_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("expires_at", TIME),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_event_keys")),
        sqlite_strict=True,
    )
    op.create_index("event_keys_by_event", "event_keys", ["event"])
    op.create_index("event_keys_by_expiry", "event_keys", ["expires_at"])
    op.create_table(
        "matches",
        sa.Column("number", BIG, autoincrement=True, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("matched_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("error", sa.Text()),
        sa.Column("owner", BIG),
        sa.Column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_matches")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("matches_by_event", "matches", ["event", "rule"], unique=True)
    op.create_index("matches_by_rule", "matches", ["rule", "number"])
    op.create_index("matches_by_run", "matches", ["run"])
    due = sa.text("started_at IS NULL AND error IS NULL")
    op.create_index("matches_due", "matches", ["owner", "number"], sqlite_where=due, postgresql_where=due)
