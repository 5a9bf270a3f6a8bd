"""The first version of the tables."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

# Columns of two types alike: their types on SQLite are those that its STRICT tables know.
BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _definitions()
    _surroundings()
    _runs()
    _run_inputs()
    _run_ends()
    _entries()
    _tasks()
    _ownership()


def where(condition: str) -> Mapping[str, Any]:
    """Return the options of an index of some rows only."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _definitions() -> None:
    op.create_table(
        "definitions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_definitions")),
        sqlite_strict=True,
    )


def _surroundings() -> None:
    op.create_table(
        "surroundings",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_surroundings")),
        sqlite_strict=True,
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("number", BIG, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Text()),
        sa.Column("parent_task", sa.Text()),
        sa.Column("parent_visit", sa.Integer()),
        sa.Column("parent_item", BIG),
        sa.Column("parent_attempt", sa.Integer()),
        sa.Column("rerun_of", sa.Text()),
        sa.Column("rerun_scope", sa.Text()),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("surroundings", sa.Text()),
        sa.ForeignKeyConstraint(["definition"], ["definitions.digest"], name=op.f("fk_runs_definition")),
        sa.ForeignKeyConstraint(["surroundings"], ["surroundings.digest"], name=op.f("fk_runs_surroundings")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_runs")),
        sa.UniqueConstraint("id", name=op.f("uq_runs_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_runs_idempotency_key")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("runs_by_definition", "runs", ["definition"])
    op.create_index("runs_by_parent", "runs", ["parent", "number"], **where("parent IS NOT NULL"))
    op.create_index("runs_by_rerun", "runs", ["rerun_of"], **where("rerun_of IS NOT NULL"))
    op.create_index("runs_by_status", "runs", ["status", "number"])
    op.create_index("runs_by_surroundings", "runs", ["surroundings"], **where("surroundings IS NOT NULL"))
    op.create_index("runs_by_workflow", "runs", ["workflow", "number"])
    op.create_index("runs_in_progress", "runs", ["number"], **where("ended_at IS NULL"))


def _run_inputs() -> None:
    op.create_table(
        "run_inputs",
        sa.Column("run", BIG, nullable=False),
        sa.Column("parameters", sa.LargeBinary(), nullable=False),
        sa.Column("parent_told", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_run_inputs_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_run_inputs")),
        sqlite_strict=True,
    )


def _run_ends() -> None:
    op.create_table(
        "run_ends",
        sa.Column("run", BIG, nullable=False),
        sa.Column("output", sa.LargeBinary()),
        sa.Column("errors", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_run_ends_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_run_ends")),
        sqlite_strict=True,
    )


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("run", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", TIME),
        sa.Column("task", sa.Text()),
        sa.Column("visit", sa.Integer()),
        sa.Column("item", BIG),
        sa.Column("attempt", sa.Integer()),
        sa.Column("outcome", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_entries_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "number", name=op.f("pk_entries")),
        sqlite_strict=True,
    )
    op.create_index("entries_failed", "entries", ["run", "number"], **where("outcome != 'succeeded'"))


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("run", BIG, nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("items", BIG, nullable=False),
        sa.Column("succeeded", BIG, nullable=False),
        sa.Column("failed", BIG, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_tasks_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "task", "visit", name=op.f("pk_tasks")),
        sqlite_strict=True,
    )


def _ownership() -> None:
    op.create_table(
        "ownership",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("commits", BIG, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_ownership_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ownership")),
        sqlite_strict=True,
    )
