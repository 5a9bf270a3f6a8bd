"""Attempts of items: their order, their conditions, and the rows that are read for them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import InvalidCursor, ItemQuery
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import ItemRow, TaskRow
from tests.support.counted_sql import counting
from tests.support.recording import acceptance, completed, failed, happening
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

ATTEMPTS = (
    failed(3), completed(1), failed(0, "timed_out"), failed(3, attempt=2), completed(2, outcome="skipped"),
    completed(0, attempt=2), failed(4), failed(3, attempt=3), completed(4, visit=2), completed(0, task="other"),
)  # fmt: skip


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """Return an open store in a file."""
    with open_store(f"sqlite:///{tmp_path}/store.db", None) as opened:
        yield opened


def written(store: Store) -> str:
    """Write a run with the attempts; return its id."""
    run = acceptance()
    store.writer.write([run, happening(run.run_id, *ATTEMPTS)])
    return run.run_id


def listed(store: Store, run: str, **query: Any) -> list[tuple[int, int]]:
    """Return the index and the attempt of each row, read by pages of two."""
    found: list[tuple[int, int]] = []
    cursor = None
    while True:
        page = store.reader.items(run, ItemQuery(cursor=cursor, limit=2, **query))
        found += [(row.index, row.attempt) for row in page.items]
        cursor = page.next
        if cursor is None:
            return found


def test_attempts_come_in_the_order_of_their_items(store: Store) -> None:
    """Those of an item in the order of their ends, page by page."""
    run = written(store)
    assert listed(store, run, order="index", task="probe") == [
        (0, 1), (0, 2), (1, 1), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1), (4, 1),
    ]  # fmt: skip
    assert listed(store, run, order="index", task="probe", visit=2) == [(4, 1)]
    assert listed(store, run, order="ended", task="probe", visit=1)[:3] == [(3, 1), (1, 1), (0, 1)]
    assert len(listed(store, run, order="index")) == len(ATTEMPTS)
    cursor = store.reader.items(run, ItemQuery(limit=1)).next
    with pytest.raises(InvalidCursor):
        store.reader.items(run, ItemQuery(order="index", cursor=cursor))


def test_attempts_are_chosen_by_several_outcomes_and_their_number(store: Store) -> None:
    """`failed` is every outcome but `succeeded`, also among others."""
    run = written(store)
    assert listed(store, run, outcome=("timed_out", "skipped")) == [(0, 1), (2, 1)]
    assert listed(store, run, outcome=("failed", "skipped")) == listed(store, run, outcome="failed")
    assert len(listed(store, run, outcome=("failed", "succeeded"))) == len(ATTEMPTS)
    assert listed(store, run, outcome=("succeeded", "skipped"), task="probe", visit=1) == [(1, 1), (2, 1), (0, 2)]
    assert listed(store, run, min_attempts=2) == [(3, 2), (0, 2), (3, 3)]
    assert listed(store, run, min_attempts=3) == [(3, 3)]
    assert listed(store, run, min_attempts=2**40, visit=2**40) == []


def test_neighbours_are_the_nearest_items_that_failed(store: Store) -> None:
    """By their last attempts, in the same visit of the same task; skipped ones have not failed."""
    run = written(store)

    def around(index: int, task: str = "probe", visit: int = 1) -> tuple[int | None, int | None]:
        row = store.reader.last_attempt(run, task, index, visit)
        assert row is not None
        return store.reader.failed_neighbours(run, row)

    assert around(1) == (None, 3)
    assert around(3) == (None, 4)
    assert around(4) == (3, None)
    assert around(4, visit=2) == (None, None)
    assert around(0, "other") == (None, None)


def test_all_attempts_of_an_item(store: Store) -> None:
    """Of its visit, in the order of their ends."""
    run = written(store)
    row = store.reader.last_attempt(run, "probe", 3)
    assert row is not None
    assert [each.attempt for each in store.reader.attempts(run, row)] == [1, 2, 3]


def plan_of(store: Store, ask: Callable[[], Any]) -> str:
    """Return how SQLite finds what is asked."""
    asked: list[tuple[str, Any]] = []
    engine = store.reader._engine

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        return "\n".join(
            row.detail
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        )


ITEM = ItemRow(
    number=5, task="probe", visit=1, index=5, attempt=1, outcome="failed", at=1.0, began_at=None, seconds=None
)


VISIT = TaskRow(task="probe", visit=1, status="running", started_at=1.0, ended_at=None, items=0, succeeded=0, failed=0)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda reader: reader.items("a", ItemQuery(task="probe", order="index")), "entries_by_item (run=?)"),
        (lambda reader: reader.items("a", ItemQuery(outcome="timed_out")), "entries_failed (run=?)"),
        (lambda reader: reader.items("a", ItemQuery(outcome=("failed", "skipped"))), "entries_failed (run=?)"),
        (lambda reader: reader.items("a", ItemQuery(min_attempts=2)), "entries_retried (run=?)"),
        (lambda reader: reader.failed_neighbours("a", ITEM), "entries_failed_by_item (run=? AND task=? AND visit=?"),
        (lambda reader: reader.attempts("a", ITEM), "entries_by_item (run=? AND item=?"),
        (lambda reader: list(reader.item_errors("a")), "entries_failed (run=? AND number>?)"),
        (lambda reader: list(reader.cells("a", VISIT, 0, 9)), "(run=? AND number>? AND number<?)"),
        (lambda reader: reader.last_entry("a"), "(run=?)"),
    ],
)
def test_attempts_are_found_by_an_index(file_store: Store, ask: Callable[[Any], Any], index: str) -> None:
    """Nothing is sorted but the attempts of one item."""
    plan = plan_of(file_store, lambda: ask(file_store.reader))
    assert index in plan
    assert "TEMP B-TREE" not in plan or "entries_by_item (run=?" in plan


def test_an_item_among_many_costs_what_it_costs_among_few(file_store: Store) -> None:
    """The item, its attempts and its failed neighbours, whatever the number of the run's items."""

    def steps(run: str, index: int) -> int:
        row = file_store.reader.last_attempt(run, "probe", index)
        assert row is not None
        file_store.reader.failed_neighbours(run, row)  # statements are compiled
        with counting(file_store.reader._engine) as counted:
            row = file_store.reader.last_attempt(run, "probe", index)
            assert row is not None
            file_store.reader.attempts(run, row)
            file_store.reader.failed_neighbours(run, row)
        return counted.steps

    runs = [acceptance(), acceptance()]
    for run, number in zip(runs, (10, 20_000), strict=True):
        entries = [completed(n) if n != number - 5 else failed(n) for n in range(number)]
        file_store.writer.write([run, happening(run.run_id, *entries)])
    few, many = steps(runs[0].run_id, 1), steps(runs[1].run_id, 10_000)
    assert many <= few + 1000
