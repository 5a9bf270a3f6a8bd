"""The tables of a store are made and upgraded by migrations, and are those that this version knows."""

import re
import shutil
import sqlite3
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, Executable, create_engine, insert, make_url, text
from structlog.testing import capture_logs

from stretto.actors.journal.lease import Lease
from stretto.actors.journal.location import locate
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.sql.engines import this_process
from stretto.actors.journal.sql.schema import SCHEMA, Schema
from stretto.actors.journal.sql.store import Store, finish, readers, share
from stretto.actors.journal.sql.tables import definitions, metadata
from stretto.actors.journal.store import CannotOpenStore, StoreInUse
from stretto.actors.journal.store_clock import StoreClock
from tests.support.databases import database
from tests.support.recording import acceptance, completed, happening

NEXT = '''
"""A version after the newest, for tests."""
import sqlalchemy as sa
from alembic import op

revision = "test"
down_revision = "{newest}"


def upgrade():
    """Add a column."""
    op.add_column("runs", sa.Column("note", sa.Text()))
    {more}
'''


MIGRATED = Schema(SCHEMA.migrations, SCHEMA.revisions)
"""The schema of new stores that the migrations make."""


def next_schema(folder: Path, more: str = "") -> Schema:
    """Return a schema with one version more than there is."""
    migrations = folder / "100% migrations"
    shutil.copytree(SCHEMA.migrations, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "next.py").write_text(NEXT.format(more=more, newest=SCHEMA.newest))
    return Schema(migrations, (*SCHEMA.revisions, "test"))


def reading(url: str) -> Engine:
    return readers(locate(url))[1]


def version(url: str) -> Any:
    engine = reading(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    engine.dispose()
    return found


def test_the_versions_are_those_of_the_migrations() -> None:
    """The versions that are listed without alembic are those that alembic finds, in its order."""
    config = Config()
    config.set_main_option("script_location", str(SCHEMA.migrations))
    script = ScriptDirectory.from_config(config)
    assert tuple(each.revision for each in script.walk_revisions())[::-1] == SCHEMA.revisions
    assert script.get_heads() == [SCHEMA.newest]


@pytest.mark.parametrize("fixture", ["sqlite_url", "empty_postgres_url"])
def test_tables_and_migrations_agree(fixture: str, request: pytest.FixtureRequest) -> None:
    """Alembic finds no difference between what the migrations make and what the tables' module says."""
    url = request.getfixturevalue(fixture)
    open_store(url, None, MIGRATED).close()
    engine = reading(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_tables_and_migrations_agree_to_the_letter_on_sqlite(tmp_path: Path) -> None:
    """Nor is there a difference in what alembic does not compare: STRICT, AUTOINCREMENT, conditions, checks."""
    open_store(f"sqlite:///{tmp_path}/migrated.db", None, MIGRATED).close()
    open_store(f"sqlite:///{tmp_path}/made.db", None).close()

    def definitions(path: Path) -> dict[str, set[str]]:
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        connection.close()
        # The order of constraints is of no matter, and SQLite writes an added column into the line of the last one.
        return {name: {part.strip().removesuffix(")") for part in re.split("[,\n]", sql)} - {""} for name, sql in rows}

    assert definitions(tmp_path / "migrated.db") == definitions(tmp_path / "made.db")


def test_tables_and_migrations_agree_to_the_letter_on_postgresql(postgres_server: str, empty_postgres_url: str) -> None:
    """As PostgreSQL itself tells them, columns, constraints and indexes are the same, too.

    Not in their order: an added column comes last, and the tables' module has `body` there.
    """
    open_store(empty_postgres_url, None, MIGRATED).close()
    with database(postgres_server, "template0") as made:
        open_store(made, None).close()
        assert described(empty_postgres_url) == described(made)


def described(url: str) -> list[tuple[Any, ...]]:
    """Return what PostgreSQL tells of a database's tables."""
    columns = """
        SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY table_name, column_name
    """
    constraints = """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
    """
    indexes = """
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' ORDER BY 1
    """
    engine = reading(url)
    with engine.connect() as connection:
        found = [tuple(row) for query in (columns, constraints, indexes) for row in connection.exec_driver_sql(query)]
    engine.dispose()
    assert len(found) > len(metadata.tables)
    return found


def test_an_older_store_is_upgraded(durable_url: str, tmp_path: Path) -> None:
    """A store of an older version gets what is new, keeps what it has, and says so in the log, with its backup."""
    with open_store(durable_url, None) as store:
        store.writer.write([acceptance()])
    newer = next_schema(tmp_path)
    with capture_logs() as logs, open_store(durable_url, None, newer) as store:
        assert store.reader.counts() == {"running": 1}
    began, ended = (log for log in logs if log["event"].startswith("store_upgrade"))
    assert (began["version"], began["to_version"], ended["version"]) == (SCHEMA.newest, "test", "test")
    assert version(durable_url) == "test"
    backups = [str(each) for each in tmp_path.glob(f"store.db.version-{SCHEMA.newest}.*.backup")]
    if durable_url.startswith("sqlite"):
        assert backups == [began["backup"]]
        assert version(f"sqlite:///{backups[0]}") == SCHEMA.newest
    else:
        assert began["backup"] == f"none of version {SCHEMA.newest}: use pg_dump to make one"
    with capture_logs() as logs:
        open_store(durable_url, None, newer).close()
    assert logs == []


@pytest.mark.parametrize("fixture", ["sqlite_url", "empty_postgres_url"])
def test_runs_of_before_the_times_of_attempts_are_marked(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Their attempts have no times; those of later runs without times never began."""
    url = request.getfixturevalue(fixture)
    finish(locate(url), older_schema(tmp_path, "0003"))
    execute(
        url,
        insert(definitions).values(digest="d", body=b"x"),
        "INSERT INTO runs (id, workflow, status, accepted_at, depth, definition) "
        "VALUES ('old', 'tests.probe', 'running', 1000.0, 0, 'd')",
        "INSERT INTO entries (run, number, kind, at, task, visit, item, attempt, outcome) "
        "VALUES (1, 0, 'item_completed', 1001.0, 'probe', 1, 0, 1, 'succeeded')",
    )
    with open_store(url, None) as store:
        new = acceptance()
        store.writer.write([new, happening(new.run_id, completed())])
        (old_item,), (new_item,) = (store.reader.items(each).items for each in ("old", new.run_id))
        assert (old_item.began_at, old_item.seconds) == (new_item.began_at, new_item.seconds) == (None, None)
        assert [store.reader.items(each).untimed for each in ("old", new.run_id)] == [True, False]


@pytest.mark.parametrize("fixture", ["sqlite_url", "empty_postgres_url"])
def test_unfinished_runs_of_before_the_engines_get_their_trees(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The root of a tree may have ended, or may have been pruned: its runs are claimed together all the same."""
    url = request.getfixturevalue(fixture)
    finish(locate(url), older_schema(tmp_path, "0013"))
    run = (
        "INSERT INTO runs (id, workflow, status, accepted_at, ended_at, depth, parent, definition) "
        "VALUES ('{}', 'tests.probe', 'running', 1000.0, {}, 0, {}, 'd')"
    )
    runs = [
        ("top", "NULL", "NULL"), ("child", "NULL", "'top'"), ("grandchild", "NULL", "'child'"),
        ("ended", "1001.0", "NULL"), ("left", "NULL", "'ended'"),
        ("of pruned", "NULL", "'pruned'"), ("below", "NULL", "'of pruned'"),
    ]  # fmt: skip
    execute(url, insert(definitions).values(digest="d", body=b"x"), *(run.format(*each) for each in runs))
    with open_store(url, None) as store, store.reader._engine.connect() as connection:
        roots = {row.id: row.root for row in connection.execute(text("SELECT id, root FROM runs"))}
        claimed = [each.run_id for each in store.claims.claim().unfinished]
    assert roots == {
        "top": "top", "child": "top", "grandchild": "top", "ended": None, "left": "ended", "of pruned": "pruned",
        "below": "pruned",
    }  # fmt: skip
    assert claimed == ["top", "child", "grandchild", "left", "of pruned", "below"]


def test_an_older_process_finds_that_it_has_lost_an_upgraded_store(tmp_path: Path) -> None:
    """Its statement changes no row any more, as if another process had opened the store."""
    url = f"sqlite:///{tmp_path}/store.db"
    finish(locate(url), older_schema(tmp_path, "0013"))
    execute(url, "INSERT INTO ownership VALUES (1, 7, 0, 1000.0, 'an older one')")
    finish(locate(url), older_schema(tmp_path / "engines", "0014"))
    engine = reading(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT epoch, owner FROM ownership")).one() == (8, "a newer Stretto")
    engine.dispose()


def test_what_only_older_versions_need_is_removed_on_request(durable_url: str, tmp_path: Path) -> None:
    """Until then the version that opened the store before can still open it."""
    open_store(durable_url, None).close()
    newer = replace(next_schema(tmp_path), contracts=frozenset({"test"}))
    open_store(durable_url, None, newer).close()
    open_store(durable_url, None).close()
    assert version(durable_url) == SCHEMA.newest
    finish(locate(durable_url), newer)
    assert version(durable_url) == "test"
    open_store(durable_url, None, newer).close()
    open_reader(durable_url, None, newer).close()
    with pytest.raises(CannotOpenStore, match="a newer Stretto has written it"):
        open_store(durable_url, None)


def test_a_store_in_use_is_not_finished(durable_url: str) -> None:
    """The process that has it open may be an older one."""
    with open_store(durable_url, None) as store:
        with pytest.raises(StoreInUse):
            finish(locate(durable_url), None)
        store.writer.write([acceptance()])


def test_an_upgrade_is_finished_beside_engines_that_know_the_new_version(postgres_url: str, tmp_path: Path) -> None:
    """They go on. An older one that has joined must have stopped before."""
    newer = replace(next_schema(tmp_path), contracts=frozenset({"test"}))

    def join(schema: Schema | None) -> Store:
        return stack.enter_context(share(locate(postgres_url), None, Lease(60.0), StoreClock(), schema))

    with ExitStack() as stack:
        new, old = join(newer), join(None)
        new.writer.write([acceptance("a")])
        with pytest.raises(StoreInUse, match=rf"an older Stretto, {this_process()}: stop it first"):
            finish(locate(postgres_url), newer)
        assert version(postgres_url) == SCHEMA.newest
        old.close()
        finish(locate(postgres_url), newer)
        assert version(postgres_url) == "test"
        new.writer.write([happening("a", completed())])
        join(newer).writer.write([acceptance("b")])
        with pytest.raises(CannotOpenStore, match="a newer Stretto has written it"):
            join(None)


def older_schema(folder: Path, revision: str) -> Schema:
    """Return the schema of an older version."""
    migrations = folder / "older migrations"
    shutil.copytree(SCHEMA.migrations, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    revisions = SCHEMA.revisions[: SCHEMA.revisions.index(revision) + 1]
    for later in SCHEMA.revisions[len(revisions) :]:
        for file in (migrations / "versions").glob(f"v{later}_*.py"):
            file.unlink()
    return Schema(migrations, revisions)


def execute(url: str, *statements: str | Executable) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg") if url.startswith("postgres") else url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement) if isinstance(statement, str) else statement)
    engine.dispose()


def test_an_upgrade_that_fails_changes_nothing(durable_url: str, tmp_path: Path) -> None:
    """The whole upgrade is one transaction."""
    open_store(durable_url, None).close()
    with pytest.raises(CannotOpenStore, match="no_such_table"):
        open_store(durable_url, None, next_schema(tmp_path, 'op.execute("DELETE FROM no_such_table")'))
    with open_store(durable_url, None) as store:
        store.writer.write([acceptance()])
    assert version(durable_url) == SCHEMA.newest


def test_a_reader_does_not_upgrade(durable_url: str, tmp_path: Path) -> None:
    """A store of an older version is not read, and the error says how it is upgraded."""
    open_store(durable_url, None).close()
    expected = f"its tables must have version test, got {SCHEMA.newest}; `stretto store upgrade` upgrades them"
    with pytest.raises(CannotOpenStore, match=expected):
        open_reader(durable_url, None, next_schema(tmp_path))
    assert version(durable_url) == SCHEMA.newest


def test_a_newer_store_is_refused(durable_url: str, tmp_path: Path) -> None:
    """Tables that this version does not know are left alone; the error names both versions, and what to do."""
    open_store(durable_url, None, next_schema(tmp_path)).close()
    for opened in (open_store, open_reader):
        with pytest.raises(CannotOpenStore) as refused:
            opened(durable_url, None)
        expected = f"its tables have version test, but this Stretto knows versions up to {SCHEMA.newest}"
        assert expected in str(refused.value)
        assert "a newer Stretto has written it; use that one, or restore a backup" in str(refused.value)
    assert version(durable_url) == "test"
