"""How answers are found: by an index, without a look at what may be large, and in short transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import ItemQuery, RunQuery
from stretto.actors.journal.records import ItemKey, ParentItem, UnreadableRecord
from stretto.actors.journal.sql.pruning import PRUNED
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import StoreUnavailable
from stretto.definitions.data.frozen import EMPTY_OBJECT
from tests.support.recording import acceptance, completed, failed, happening


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an open store in a file."""
    with open_store(f"sqlite:///{tmp_path}/store.db", None) as opened:
        yield opened


@contextmanager
def statements_of(reader: SqlReader) -> Iterator[list[tuple[str, Any]]]:
    """Give the list of what the reader asks the database, with the parameters."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(reader._engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(reader._engine, "before_cursor_execute", note)


def plans_of(store: Store, ask: Callable[[SqlReader], Any]) -> str:
    """Return how SQLite finds what a question is answered with."""
    with statements_of(store.reader) as asked:
        ask(store.reader)
    plans: list[str] = []
    with store.reader._engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith("SELECT"):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans += [row.detail for row in plan]
    return "\n".join(plans)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda reader: reader.engine_of("a"), "(id=?)"),
        (lambda reader: reader.children("a"), "runs_by_parent"),
        (lambda reader: reader.runs(), "SCAN runs"),
        (lambda reader: reader.runs(RunQuery(status="failed")), "runs_by_status"),
        (lambda reader: reader.runs(RunQuery(workflow="tests.probe")), "runs_by_workflow"),
        (lambda reader: reader.run("a"), "(id=?)"),
        (lambda reader: reader.find("k"), "(idempotency_key=?)"),
        (lambda reader: reader.end("a"), "run_ends USING INTEGER PRIMARY KEY"),
        (lambda reader: reader.tasks("a"), "(run=?)"),
        (lambda reader: reader.entries("a", 5, 10), "(run=? AND number>?)"),
        (lambda reader: reader.items("a"), "(run=?)"),
        (lambda reader: reader.items("a", ItemQuery(outcome="failed")), "entries_failed (run=?)"),
        (lambda reader: reader.items("a", ItemQuery(outcome="failed", task="probe")), "entries_failed (run=?)"),
        (lambda reader: reader.counts(), "runs_by_status"),
        (lambda reader: reader.counts_since(0.0, "folded"), "COVERING INDEX runs_by_status"),
        (lambda reader: reader.last_successes(["tests.probe"]), "runs_by_workflow (workflow=?)"),
    ],
)
def test_answers_are_found_by_an_index(store: Store, ask: Callable[[SqlReader], Any], index: str) -> None:
    """However many runs there are, a page is found in its order, without sorting (but for the tasks of a run)."""
    plans = plans_of(store, ask)
    assert index in plans
    assert "TEMP B-TREE" not in plans or "tasks" in plans


def test_lists_read_narrow_rows_only(store: Store) -> None:
    """No list asks for a body, and no table of bodies takes part in it."""
    with statements_of(store.reader) as asked:
        store.reader.runs()
        store.reader.run("a")
        store.reader.children("a")
        store.reader.tasks("a")
        store.reader.items("a", ItemQuery(outcome="failed"))
        store.reader.counts()
    text = "\n".join(statement for statement, _ in asked)
    assert text
    for large in ("body", "run_inputs", "run_ends", "output", "errors", "parameters", "definitions"):
        assert large not in text


def test_entries_are_read_no_further_than_asked_for(store: Store) -> None:
    """The bound reaches the database: a run of a million entries is never in memory."""
    with statements_of(store.reader) as asked:
        store.reader.entries("a", 5, 10)
    (statement, parameters) = next(each for each in asked if each[0].startswith("SELECT"))
    assert "LIMIT" in statement
    assert 10 in parameters


def test_entries_with_a_gap_are_not_taken_for_all_that_there_are(store: Store) -> None:
    """A run that is rebuilt without one of them would go on from somewhere else."""
    store.writer.write([acceptance("a"), happening("a", completed(0), completed(1), completed(2))])
    connection = store._ownership._connection
    assert connection is not None
    with connection.begin():
        connection.exec_driver_sql("DELETE FROM entries WHERE number = 1")
    with pytest.raises(UnreadableRecord, match="the entry 1 of the run a is missing, but later ones exist"):
        store.reader.entries("a", 0, 10)
    assert store.reader.entries("a", 2, 10) == [completed(2)]


def test_a_run_that_is_being_deleted_is_not_there(store: Store) -> None:
    """The remainder that pruning has left for its next transaction is hidden."""
    run = acceptance()
    store.writer.write([run, acceptance()])
    with store.writer._ownership.transaction() as connection:
        connection.exec_driver_sql("UPDATE runs SET status = ?, ended_at = 1.0 WHERE id = ?", (PRUNED, run.run_id))
    assert len(store.reader.runs().runs) == 1
    assert store.reader.run(run.run_id) is None
    assert store.reader.counts() == {"running": 1}


def test_a_reader_that_is_closed_has_no_connections(store: Store) -> None:
    """Closing ends them, once or twice."""
    store.writer.write([acceptance()])
    assert store.reader.counts() == {"running": 1}
    store.reader.close()
    store.reader.close()
    assert store.reader._engine.pool.checkedin() == 0  # type: ignore[attr-defined]


def test_a_store_that_is_gone_is_reported(store: Store) -> None:
    """A question about a file that is no more a database has an error that says so."""
    path = store.url.removeprefix("sqlite:///")
    store.close()
    Path(path).write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreUnavailable, match="not an SQLite database"):
        store.reader.counts()


def test_children_and_items_of_one_run_are_its_own(store: Store) -> None:
    """Nothing of another run is among them."""
    runs = [acceptance() for _ in range(2)]
    children = [
        acceptance(parent=ParentItem(run.run_id, ItemKey("calls", 1, 0), 1, EMPTY_OBJECT)) for run in runs for _ in "ab"
    ]
    store.writer.write([*runs, *children])
    store.writer.write([happening(run.run_id, completed(0), failed(1)) for run in runs])
    assert [child.run_id for child in store.reader.children(runs[1].run_id)] == [run.run_id for run in children[2:]]
    assert [item.index for item in store.reader.items(runs[0].run_id, ItemQuery(outcome="failed")).items] == [1]
