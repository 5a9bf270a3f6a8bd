"""The numbers of runs in an SQL store."""

import pytest

from stretto.actors.journal.records import Ending, ItemKey, ParentItem
from stretto.actors.journal.sql import run_counts
from stretto.actors.journal.sql.store import Store
from stretto.definitions.data import EMPTY_LIST, EMPTY_OBJECT
from tests.support.recording import acceptance, happening, probing


def test_runs_are_counted_by_status_since_a_time(store: Store) -> None:
    """Runs that were accepted before it are not looked at."""
    for number, status in enumerate(["failed", "succeeded", "succeeded", None]):
        store.writer.write([acceptance(str(number), accepted_at=1000.0 + number)])
        if status is not None:
            store.writer.write([happening(str(number), ending=Ending(status, None, EMPTY_LIST, 2000.0))])
    assert store.reader.counts_since(0.0) == {"failed": 1, "succeeded": 2, "running": 1}
    assert store.reader.counts_since(1002.0) == {"succeeded": 1, "running": 1}
    assert store.reader.counts_since(1002.5) == {"running": 1}
    assert store.reader.counts_since(5000.0) == {}


def test_runs_are_counted_by_workflow_since_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the workflows with the most of them."""
    for number in range(6):
        run = acceptance(str(number), accepted_at=1000.0 + number, workflow=probing(ref=f"tests.{number % 3 == 0}"))
        store.writer.write([run])
    store.writer.write([happening("5", ending=Ending("failed", None, EMPTY_LIST, 2000.0))])
    assert store.reader.counts_by_workflow(0.0) == {
        "tests.False": {"running": 3, "failed": 1}, "tests.True": {"running": 2},
    }  # fmt: skip
    assert store.reader.counts_by_workflow(1004.0) == {"tests.False": {"running": 1, "failed": 1}}
    monkeypatch.setattr(run_counts, "MAX_COUNTED_WORKFLOWS", 1)
    assert list(store.reader.counts_by_workflow(0.0)) == ["tests.False"]


def test_runs_of_sub_workflows_can_be_left_out(store: Store) -> None:
    """As a list leaves them out. They are not read for that."""
    above = ParentItem("top", ItemKey("probe", 1, 0), 1, EMPTY_OBJECT)
    store.writer.write([acceptance("top"), acceptance("below", parent=above, depth=1)])
    reader, since = store.reader, 900.0
    assert reader.counts_since(since) == {"running": 2}
    assert reader.counts_since(since, "folded") == {"running": 1}
    assert list(reader.counts_by_workflow(since, "folded").values()) == [{"running": 1}]
    assert reader.counts_by_hour(since, "folded")[0] == {"running": 1}


def test_runs_are_counted_by_hour(store: Store) -> None:
    """In each of the 24 hours from a time. Runs before and after are not counted."""
    for number, at in enumerate([999.0, 1000.0, 1100.0, 4600.0, 1000.0 + 23 * 3600.0, 1000.0 + 24 * 3600.0]):
        store.writer.write([acceptance(str(number), accepted_at=at)])
    store.writer.write([happening("2", ending=Ending("failed", None, EMPTY_LIST, 2000.0))])
    hours = store.reader.counts_by_hour(1000.0)
    assert len(hours) == 24
    assert {hour: statuses for hour, statuses in enumerate(hours) if statuses} == {
        0: {"running": 1, "failed": 1}, 1: {"running": 1}, 23: {"running": 1},
    }  # fmt: skip
    assert not any(store.reader.counts_by_hour(900_000.0))
