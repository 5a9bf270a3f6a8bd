"""Reports of replays are kept: behind an entry, they never change."""

from typing import Any
from unittest import mock

import pytest

from stretto.actors.history import list_versions, show_context
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.history.reports import status_of
from stretto.actors.journal.records import Suspicion, Suspicions
from stretto.actors.journal.sql.store import Store
from stretto.definitions.conductor import IllegalTransition
from tests.actors.history.test_contexts import TWO
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]


def test_the_page_of_a_context_replays_its_run_once(store: Store) -> None:
    """The replay for the versions gives the context, too. The next ones need none, until the run goes on."""
    run, kept = Conducted(store, TWO), KeptReports()
    run.succeed("one", result=5)
    versions = list_versions(store.reader, run.id, kept=kept)
    with mock.patch.object(type(store.reader), "entries", side_effect=AssertionError):
        now = show_context(store.reader, run.id, kept=kept)
        assert list_versions(store.reader, run.id, kept=kept) == versions
        assert show_context(store.reader, run.id, 0, kept=kept) == now
    assert now == show_context(store.reader, run.id)
    run.succeed("two", 0)
    run.succeed("two", 1)
    assert len(list_versions(store.reader, run.id, kept=kept)["versions"]) == len(versions["versions"]) + 1
    assert show_context(store.reader, run.id, 0, kept=kept) == now
    word = show_context(store.reader, run.id, None, ["parameters", "word"], kept=kept)
    assert (word["value"], word["at"]) == ("hello", 2)


def test_the_status_of_a_run_is_replayed_once_for_each_state(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unchanged run costs no row of its journal. A program may change its answer."""
    rows: list[int] = []
    entries = type(store.reader).entries

    def count(reader: Any, *arguments: Any) -> Any:
        found = entries(reader, *arguments)
        rows.append(len(found))
        return found

    monkeypatch.setattr(type(store.reader), "entries", count)
    run, kept = Conducted(store, TWO), KeptReports()
    run.succeed("one", result=5)
    status = status_of(store.reader, run.id, kept=kept)
    assert sum(rows) == store.reader.last_entry(run.id) + 1 > 0
    rows.clear()
    assert status == status_of(store.reader, run.id, kept=kept)
    status["tasks"].clear()
    assert status_of(store.reader, run.id, kept=kept)["tasks"] == run.conductor.tasks()
    assert rows == []
    run.succeed("two", 0)
    assert status_of(store.reader, run.id, kept=kept)["tasks"] == run.conductor.tasks()
    assert sum(rows) == store.reader.last_entry(run.id) + 1


def test_a_quarantined_run_has_the_status_of_its_rows(store: Store) -> None:
    """Also after a replay was kept: what it shows is as without."""
    run, kept = Conducted(store, TWO), KeptReports()
    run.succeed("one", result=5)
    status_of(store.reader, run.id, kept=kept)
    noted = Suspicion(run_id=run.id, noted_at=1.0, quarantined_at=2.0, reason="it crashed")
    store.writer.write([Suspicions(noted=(noted,))])
    assert status_of(store.reader, run.id, kept=kept) == status_of(store.reader, run.id)


def test_a_run_that_is_quarantined_is_refused_although_its_report_is_kept(store: Store) -> None:
    """As without a kept report."""
    run, kept = Conducted(store, TWO), KeptReports()
    run.succeed("one", result=5)
    show_context(store.reader, run.id, kept=kept)
    noted = Suspicion(run_id=run.id, noted_at=1.0, quarantined_at=2.0, reason="it crashed")
    store.writer.write([Suspicions(noted=(noted,))])
    with pytest.raises(IllegalTransition, match="quarantined"):
        show_context(store.reader, run.id, kept=kept)


def test_reports_are_bounded(store: Store) -> None:
    """The one that was not asked for the longest is dropped. One that is too large is not kept."""
    run, kept = Conducted(store, TWO), KeptReports(max_bytes=300)
    made: list[int] = []

    def report(at: int) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            made.append(at)
            return {"value": "a" * 100}

        return kept.of(store.reader, ("context", run.id, at, ()), make)

    for at in (1, 2, 1, 3, 1, 2):
        report(at)
    assert made == [1, 2, 3, 2]
    assert 200 < kept.size <= 300
    kept.keep(("context", run.id, 7, ()), {"value": "b" * 1000})
    assert kept.size == 0
