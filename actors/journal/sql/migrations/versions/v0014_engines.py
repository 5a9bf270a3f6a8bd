"""A row for each engine that opens the store, in place of the one row of `ownership`, and the owners of runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0014"
down_revision = "0013"

BIG: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Create the table, and find the tree of each run in progress."""
    op.create_table(
        "engines",
        sa.Column("number", BIG, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("knows", sa.Text(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("commits", BIG, nullable=False),
        sa.Column("fenced_by", BIG),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_engines")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.add_column("runs", sa.Column("owner", BIG))
    op.add_column("runs", sa.Column("root", sa.Text()))
    in_progress = sa.text("ended_at IS NULL")
    for name, columns in (("runs_by_owner", ["owner", "number"]), ("runs_by_root", ["root"])):
        op.create_index(name, "runs", columns, sqlite_where=in_progress, postgresql_where=in_progress)
    _find_roots()
    # An older Stretto that has lost its connection finds that it has lost the store.
    op.execute("UPDATE ownership SET epoch = epoch + 1, owner = 'a newer Stretto'")


def _find_roots() -> None:
    connection = op.get_bind()
    runs = sa.table("runs", sa.column("number"), sa.column("id"), sa.column("parent"), sa.column("root"))
    found = connection.execute(sa.select(runs.c.number, runs.c.id, runs.c.parent).where(sa.text("ended_at IS NULL")))
    left = found.all()
    parents: dict[str, str | None] = {row.id: row.parent for row in left}
    for row in left:
        root = row.id
        while (parent := _parent_of(root, parents, connection, runs)) is not None:
            root = parent
        connection.execute(sa.update(runs).where(runs.c.number == row.number).values(root=root))


def _parent_of(
    run_id: str, parents: dict[str, str | None], connection: sa.Connection, runs: sa.TableClause
) -> str | None:
    """Return a run's parent, which may have been pruned, or None of a run at the top or one that was pruned itself."""
    if run_id not in parents:
        parents[run_id] = connection.scalar(sa.select(runs.c.parent).where(runs.c.id == run_id))
    return parents[run_id]
