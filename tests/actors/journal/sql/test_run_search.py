"""A search reads the different workflows and labels, and the runs that it shows, however many there are."""

from typing import Any

import pytest

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import MOST_SEARCHED, RunQuery
from stretto.actors.journal.sql import run_rows, run_search
from stretto.actors.journal.sql.run_search import find_matches
from stretto.actors.journal.sql.store import Store
from tests.support.counted_sql import counting
from tests.support.large_stores import record_list
from tests.support.recording import acceptance, probing
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]


def listed(store: Store, **query: Any) -> list[str]:
    """Return the ids on the first page."""
    return [row.id for row in store.reader.runs(RunQuery(**query)).runs]


def record(store: Store) -> None:
    """Record five runs of two workflows with labels."""
    store.writer.write(
        [
            acceptance("1", workflow=probing("ops.Fleet"), labels={"env": "prod", "team": "Web"}),
            acceptance("2", workflow=probing("ops.mail"), labels={"env": "test"}),
            acceptance("3", workflow=probing("ops.fleet"), labels={"env": "prod", "fleet": "north"}),
            acceptance("4", workflow=probing("ops.mail"), labels={"team": "web-fleet"}),
            acceptance("5", workflow=probing("ops.mail")),
        ]
    )


def test_runs_are_found_by_workflow_and_by_label(store: Store) -> None:
    """Each once, the newest first, together with all other filters and page by page."""
    record(store)
    assert listed(store, search="FLEET") == ["4", "3", "1"]
    assert listed(store, search="web") == ["4", "1"]
    assert listed(store, search="team") == ["4", "1"]
    assert listed(store, search="fleet", workflow="ops.mail") == ["4"]
    assert listed(store, search="fleet", labels={"env": "prod"}) == ["3", "1"]
    assert listed(store, search="fleet", status="running") == ["4", "3", "1"]
    assert listed(store, search="fleet", status=("failed", "succeeded")) == []
    assert listed(store, search="o_s") == []
    first = store.reader.runs(RunQuery(search="fleet", limit=2))
    assert [row.id for row in first.runs] == ["4", "3"]
    assert listed(store, search="fleet", limit=2, cursor=first.next) == ["1"]


@pytest.mark.parametrize("bound", ["MOST_MATCHES", "MOST_VALUES"])
def test_a_text_is_found_as_well_without_the_indexes(store: Store, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If too many workflows and labels contain it, or a key has too many values."""
    record(store)
    monkeypatch.setattr(run_search, bound, 1)
    assert find_matches("fleet", store.reader._rows) is None
    assert listed(store, search="FLEET") == ["4", "3", "1"]
    assert listed(store, search="fleet", status=("running", "failed")) == ["4", "3", "1"]


def test_a_search_without_the_indexes_reads_some_runs_for_a_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next page goes on behind them, until all runs were searched."""
    record(store)
    monkeypatch.setattr(run_search, "MOST_VALUES", 1)
    monkeypatch.setattr(run_rows, "MOST_SEARCHED", 2)
    for others in ({}, {"status": ("running", "failed")}, {"labels": {"env": "prod"}}):
        cursor, found = None, []
        for _ in range(3):
            page = store.reader.runs(RunQuery(search="north", cursor=cursor, **others))
            cursor = page.next
            found.append([row.id for row in page.runs])
        assert (found, cursor) == ([[], ["3"], []], None)
    first = store.reader.runs(RunQuery(search="fleet", limit=1))
    assert ([row.id for row in first.runs], first.next) == (["4"], first.next)
    second = store.reader.runs(RunQuery(search="fleet", limit=1, cursor=first.next))
    assert [row.id for row in second.runs] == ["3"]


def test_a_rare_text_reads_a_bounded_part_of_many_runs_with_labels_of_their_own() -> None:
    """Counted in steps of SQLite, among ten times as many runs."""
    steps = []
    for runs in (2_500, 25_000):
        with open_store("sqlite://", None) as store:
            new = [acceptance(labels={"build": str(number)}) for number in range(runs)]
            store.writer.write(new)
            with counting(store.reader._engine) as counted:
                page = store.reader.runs(RunQuery(search="zzzz"))
            assert (page.next is None) == (runs < MOST_SEARCHED)
            steps.append(counted.steps / min(runs, MOST_SEARCHED))
    assert steps[1] <= steps[0] * 1.5


@pytest.mark.parametrize("query", [{"search": "zzzz"}, {"search": "eu-1"}, {"requested_by": "absent"}])
def test_a_rare_text_or_person_costs_the_same_among_ten_times_as_many_runs(query: dict[str, Any]) -> None:
    """Counted in steps of SQLite: a read of all runs takes tens of steps for each."""
    steps = []
    for runs in (1_000, 10_000):
        with open_store("sqlite://", None) as store:
            record_list(store, runs)
            with counting(store.reader._engine) as counted:
                store.reader.runs(RunQuery(children="folded", limit=20, **query))
            steps.append(counted.steps)
    assert steps[1] <= steps[0] * 1.5 + 200
