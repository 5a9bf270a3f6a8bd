"""Runs are listed by labels, time, text and family, and found by parts of their ids: each page by one statement."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event

from stretto.actors.journal.audit import RequestedBy
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import RunQuery
from stretto.actors.journal.records import Ending, ItemKey, ParentItem, Rerun
from stretto.actors.journal.sql import run_rows
from stretto.actors.journal.sql.run_rows import rerun_scope, restore_rerun
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import ends_of_ids
from stretto.definitions.data.frozen import EMPTY_LIST, EMPTY_OBJECT
from stretto.definitions.model import PRIORITIES
from tests.support.counted_sql import counting
from tests.support.recording import acceptance, happening, probing


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """Return an open store in a file."""
    with open_store(f"sqlite:///{tmp_path}/store.db", None) as opened:
        yield opened


def listed(store: Store, **query: Any) -> list[str]:
    """Return the ids on the first page."""
    return [row.id for row in store.reader.runs(RunQuery(**query)).runs]


def child_of(run_id: str, index: int = 0) -> dict[str, Any]:
    return {"parent": ParentItem(run_id, ItemKey("t", 1, index), 1, EMPTY_OBJECT), "depth": 1}


def test_labels_are_kept_and_found_together(store: Store) -> None:
    """All labels of a query must match, key and value."""
    both = acceptance("both", labels={"team": "web", "env": "prod"})
    store.writer.write([both, acceptance("team", labels={"team": "web", "env": "test"}), acceptance("none")])
    assert store.reader.accepted("both") == both
    row = store.reader.run("both")
    assert row is not None
    assert list(row.labels.items()) == [("env", "prod"), ("team", "web")]
    assert [each.labels for each in store.reader.runs().runs] == [{}, {"env": "test", "team": "web"}, row.labels]
    assert listed(store, labels={"team": "web"}) == ["team", "both"]
    assert listed(store, labels={"team": "web", "env": "prod"}) == ["both"]
    assert listed(store, labels={"team": "prod"}) == []
    first = store.reader.runs(RunQuery(labels={"team": "web"}, limit=1))
    assert listed(store, labels={"team": "web"}, cursor=first.next) == ["both"]
    assert listed(store, labels={"team\0": "web"}) == []


def test_children_are_folded_into_their_number(store: Store) -> None:
    """They are listed on request."""
    store.writer.write([acceptance("top"), *(acceptance(f"child-{n}", **child_of("top", n)) for n in range(3))])
    assert listed(store, children="folded") == ["top"]
    assert len(listed(store)) == 4
    assert [row.child_count for row in store.reader.runs().runs] == [0, 0, 0, 3]


def test_runs_are_listed_since_a_time(store: Store) -> None:
    """Also where the clock was set back by less than an hour between them."""
    times = {"old": 1000.0, "before": 90_000.0, "later": 96_000.0, "set-back": 94_000.0, "last": 97_000.0}
    store.writer.write([acceptance(run, accepted_at=at) for run, at in times.items()])
    assert listed(store, since=95_000.0) == ["last", "later"]
    assert listed(store, since=97_000.0) == ["last"]
    assert len(listed(store, since=0.0)) == 5
    assert listed(store, since=97_000.5) == []


def test_runs_are_listed_until_a_time(store: Store) -> None:
    """Those of the time itself are left out; also where the clock was set back between them."""
    times = {"old": 1000.0, "before": 90_000.0, "later": 96_000.0, "set-back": 94_000.0, "last": 97_000.0}
    store.writer.write([acceptance(run, accepted_at=at) for run, at in times.items()])
    assert listed(store, until=95_000.0) == ["set-back", "before", "old"]
    assert listed(store, until=90_000.0) == ["old"]
    assert listed(store, until=1000.0) == []
    assert len(listed(store, until=1e9)) == 5
    assert listed(store, since=80_000.0, until=95_000.0) == ["set-back", "before"]


def test_runs_are_listed_by_several_statuses(store: Store) -> None:
    """The newest of all, page by page, with other conditions, too."""
    statuses = ["failed", "succeeded", "cancelled", "failed", "succeeded", None, "failed"]
    for number, status in enumerate(statuses):
        labels = {"k": "v"} if number % 2 else {}
        store.writer.write([acceptance(str(number), labels=labels, workflow=probing(f"tests.w{number % 3}"))])
        if status is not None:
            store.writer.write([happening(str(number), ending=Ending(status, None, EMPTY_LIST, 2000.0))])
    assert listed(store, status=("failed", "running")) == ["6", "5", "3", "0"]
    assert listed(store, status=("failed",)) == listed(store, status="failed") == ["6", "3", "0"]
    assert listed(store, status=("failed", "succeeded"), labels={"k": "v"}) == ["3", "1"]
    assert listed(store, status=("failed", "succeeded"), workflow="tests.w1") == ["4", "1"]
    assert listed(store, status=("failed", "none")) == ["6", "3", "0"]
    page = store.reader.runs(RunQuery(status=("failed", "succeeded"), limit=3))
    assert [row.id for row in page.runs] == ["6", "4", "3"]
    assert listed(store, status=("failed", "succeeded"), cursor=page.next) == ["1", "0"]


def test_runs_are_listed_by_parent(store: Store) -> None:
    """Those of one run's sub-workflows, or those of none."""
    children = [acceptance(f"{top}-{n}", **child_of(top, n)) for top in ("a", "b") for n in range(2)]
    store.writer.write([acceptance("a"), acceptance("b"), *children])
    assert listed(store, parent="a") == ["a-1", "a-0"]
    assert listed(store, parent="none") == ["b", "a"]
    assert listed(store, parent="c") == []


def test_runs_are_listed_by_the_beginning_of_their_ids(store: Store) -> None:
    """Whatever the case of its digits; what no id can begin with matches none."""
    ids = ["01941f29-8469-7a53-902c-a79a557c39ef", "01941f29-8469-7a53-902c-b79a55aa39ef", "01941f30-0000-7000-8000-0"]
    store.writer.write([acceptance(each) for each in ids])
    assert listed(store, id_prefix="01941f29") == ids[1::-1]
    assert listed(store, id_prefix="01941F29-8469-7A53-902C-B") == [ids[1]]
    assert listed(store, id_prefix="01941f3") == [ids[2]]
    assert len(listed(store, id_prefix="0")) == 3
    for nothing in ("f", "%", "01941f29%", "", "zz"):
        assert listed(store, id_prefix=nothing) == []


def test_runs_are_listed_by_who_started_them(store: Store) -> None:
    """Exactly."""
    for number, who in enumerate(["mira", "ci", "mira", None]):
        by = None if who is None else RequestedBy(who, "cli")
        store.writer.write([acceptance(str(number), requested_by=by)])
    assert listed(store, requested_by="mira") == ["2", "0"]
    assert listed(store, requested_by="mira", limit=1) == ["2"]
    assert listed(store, requested_by="mir") == []


def test_runs_are_listed_by_priority(store: Store) -> None:
    """Also together with a status, a label and a text."""
    for number, priority in enumerate(PRIORITIES * 2):
        labels = {"of": "even" if number % 2 == 0 else "odd"}
        store.writer.write([acceptance(str(number), priority=priority, labels=labels)])
    assert [listed(store, priority=each) for each in PRIORITIES] == [["4", "0"], ["5", "1"], ["6", "2"], ["7", "3"]]
    assert listed(store, priority="urgent", labels={"of": "odd"}, search="odd") == ["7", "3"]
    assert listed(store, priority="urgent", search="even") == []
    assert listed(store, priority="low", status=("running", "failed"), children="folded") == ["4", "0"]
    first = store.reader.runs(RunQuery(priority="normal", limit=1))
    assert [row.id for row in first.runs] == ["5"]
    assert listed(store, priority="normal", limit=1, cursor=first.next) == ["1"]


def test_a_page_of_a_rare_priority_looks_at_some_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no index: the next page goes on behind them, until all runs were looked at."""
    monkeypatch.setattr(run_rows, "MOST_SEARCHED", 2)
    store.writer.write([acceptance(str(number), priority="urgent" if number == 1 else "normal") for number in range(5)])
    for others in ({}, {"status": ("running", "failed")}, {"search": "probe"}):
        cursor: str | None = None
        found = []
        for _ in range(3):
            page = store.reader.runs(RunQuery(priority="urgent", cursor=cursor, **others))
            cursor = page.next
            found.append([row.id for row in page.runs])
        assert (found, cursor) == ([[], ["1"], []], None), others


def test_runs_are_searched_for_a_text(store: Store) -> None:
    """In the workflow's ref, and in keys and values of labels, in upper or lower case; no character is a wildcard."""
    store.writer.write([acceptance("a", labels={"Ticket": "OPS-17"}), acceptance("b", labels={"x": "100%_done"})])
    assert listed(store, search="ops-1") == ["a"]
    assert listed(store, search="ticket") == ["a"]
    assert listed(store, search="%_") == ["b"]
    assert listed(store, search="PROB") == ["b", "a"]
    assert listed(store, search="O_S") == []
    assert listed(store, search="\0") == [], "no text contains it"


def test_all_conditions_hold_together(store: Store) -> None:
    """With a status and a workflow, too."""
    done = acceptance("done", labels={"k": "v"}, accepted_at=50_000.0)
    store.writer.write([done, acceptance("open", labels={"k": "v"}, accepted_at=50_000.0)])
    store.writer.write([happening("done", ending=Ending("succeeded", None, EMPTY_LIST, 50_001.0))])
    every = {"labels": {"k": "v"}, "since": 40_000.0, "search": "v", "children": "folded", "workflow": "tests.probe"}
    assert listed(store, status="succeeded", **every) == ["done"]
    assert listed(store, status="failed", **every) == []


def test_runs_are_found_by_the_beginning_or_end_of_their_ids(store: Store) -> None:
    """With or without hyphens, and the newest first."""
    ids = ["01941f29-8469-7a53-902c-a79a557c39ef", "01941f29-8469-7a53-902c-a79a55aa39ef", "01941f30-0000-7000-8000-%"]
    store.writer.write([acceptance(each) for each in ids])

    def found(text: str, most: int = 5) -> list[str]:
        return store.reader.matching(*ends_of_ids(text), most)

    assert found("557c39ef") == ids[:1]
    assert found("a79a557c39ef") == found("902ca79a557c39ef") == ids[:1]
    assert found("01941f29") == found("01941f298469") == ids[1::-1]
    assert found("01941f29", 1) == [ids[1]]
    assert found("ffffff") == []


def test_a_rerun_keeps_its_task(store: Store) -> None:
    """Whatever its name is; it is shown apart from the scope."""
    rerun = Rerun("old", "failed_items", "a:b")
    store.writer.write([acceptance("old")])
    store.writer.write([acceptance("new", rerun=rerun)])
    accepted, row = store.reader.accepted("new"), store.reader.run("new")
    assert accepted is not None
    assert accepted.rerun == rerun
    assert row is not None
    assert (row.rerun_of, row.rerun_scope, row.rerun_task) == ("old", "failed_items", "a:b")
    chosen = Rerun("old", "items", None, {"a": ((0, 3), (7, 7)), "b": ((1, 1),)})
    store.writer.write([acceptance("chosen", rerun=chosen)])
    accepted = store.reader.accepted("chosen")
    assert accepted is not None
    assert accepted.rerun == chosen
    for each in (Rerun("old", "everything"), Rerun("old", "failed_items", ""), rerun):
        assert restore_rerun(SimpleNamespace(rerun_of=each.of, rerun_scope=rerun_scope(each))) == each


def test_counts_and_several_statuses_look_at_their_own_runs_only(file_store: Store) -> None:
    """A page of two statuses, and the counts of a day, cost the same however many other runs there are."""

    def steps(ask: Callable[[], Any]) -> int:
        ask()  # statements are compiled
        with counting(file_store.reader._engine) as counted:
            ask()
        return counted.steps

    def accept(first: int, number: int, at: float) -> None:
        ids = [f"{first + n:06}" for n in range(number)]
        file_store.writer.write([acceptance(each, accepted_at=at) for each in ids])
        file_store.writer.write([happening(each, ending=Ending("succeeded", None, EMPTY_LIST, at)) for each in ids])

    reader = file_store.reader
    asked: list[Callable[[], Any]] = [
        lambda: reader.counts_since(90_000.0),
        lambda: reader.counts_by_workflow(90_000.0),
        lambda: reader.counts_by_hour(90_000.0),
        lambda: reader.runs(RunQuery(status=("failed", "succeeded"), limit=10)),
        lambda: reader.runs(RunQuery(until=1000.5, limit=10)),
    ]
    accept(0, 50, 1000.0)
    before = [steps(each) for each in asked]
    accept(100, 2000, 1000.0)
    accept(5000, 20, 100_000.0)
    assert reader.counts_since(90_000.0) == {"succeeded": 20}
    assert reader.counts_by_workflow(90_000.0) == {"tests.probe": {"succeeded": 20}}
    assert all(steps(each) <= least + 2000 for each, least in zip(asked, before, strict=True))


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "SCAN runs"),
        ({"children": "folded"}, "runs_at_top"),
        ({"parent": "none"}, "runs_at_top"),
        ({"requested_by": "a", "children": "folded"}, "runs_by_requester (requested_by=?)"),
        ({"parent": "a"}, "runs_by_parent (parent=?)"),
        ({"since": 5.0}, "runs USING INTEGER PRIMARY KEY (rowid>?)"),
        ({"since": 5.0}, "runs_by_time (accepted_at<?)"),
        ({"until": 5.0}, "runs USING INTEGER PRIMARY KEY (rowid<?)"),
        ({"until": 5.0}, "runs_by_time (accepted_at>?)"),
        ({"labels": {"a": "b", "c": "d"}}, "run_labels_by_value (key=? AND value=?)"),
        ({"labels": {"a": "b"}, "cursor": "cnVuczo1"}, "run_labels_by_value (key=? AND value=? AND run<?)"),
        ({"status": "failed", "children": "folded"}, "runs_by_status (status=?)"),
    ],
)
def test_a_page_is_one_statement_in_the_order_of_an_index(file_store: Store, query: dict[str, Any], index: str) -> None:
    """Nothing is sorted, so the search stops when the page is full. Labels and children are looked up for its rows."""
    asked: list[tuple[str, Any]] = []
    engine = file_store.reader._engine

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    file_store.reader.runs(RunQuery(**query))
    event.remove(engine, "before_cursor_execute", note)
    ((statement, parameters),) = [each for each in asked if each[0].startswith("SELECT")]
    with engine.connect() as connection:
        plan = "\n".join(
            row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        )
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "COVERING INDEX runs_by_parent (parent=?)" in plan
