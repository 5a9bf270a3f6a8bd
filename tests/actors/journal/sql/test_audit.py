"""The audit's table: written with its changes, read in pages, deleted by age."""

from typing import Any

import pytest

from stretto.actors.journal.access import AuditQuery, PruneAudit
from stretto.actors.journal.audit import AuditEntries, Requester
from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.records import Audited, Ending, Idempotency, Suspicion, Suspicions
from stretto.actors.journal.sql import ownership
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Prune, StoreUnavailable
from stretto.definitions.data import EMPTY_LIST
from tests.support.recording import acceptance, completed, happening

MIRA = Requester(who="mira", via="api", source="10.0.0.1", note="why not")


def entry(at: float, who: str = "mira") -> AuditEntries:
    return Requester(who=who, via="cli", source="local").asks("pause", f"run-{at:g}", at)


def targets(store: Store, **query: Any) -> list[str]:
    return [row.entry.target for row in store.reader.access.audit(AuditQuery(**query)).rows]


def test_an_entry_is_kept_with_all_its_fields(store: Store) -> None:
    """Also without a note."""
    entries = (*MIRA.asks("cancel", "r", 5.5, "done"), *entry(6.0))
    store.writer.write([Audited(entries)])
    assert [row.entry for row in store.reader.access.audit(AuditQuery()).rows] == [entries[1], entries[0]]


def test_every_kind_of_record_carries_entries(store: Store) -> None:
    """Each is written with it."""
    run = acceptance(audit=entry(1.0))
    noted = Suspicion(run_id=run.run_id, noted_at=1.0)
    store.writer.write([run, happening(run.run_id, completed(), audit=entry(2.0))])
    store.writer.write([Suspicions(noted=(noted,), audit=entry(3.0)), Audited(entry(4.0))])
    assert targets(store) == ["run-4", "run-3", "run-2", "run-1"]


def test_a_run_whose_key_is_taken_leaves_no_entry(store: Store) -> None:
    """It was not accepted."""
    first = acceptance(idempotency=Idempotency("k", "print"), audit=entry(1.0))
    second = acceptance(idempotency=Idempotency("k", "print"), audit=entry(2.0))
    assert len(store.writer.write([first, second, happening(second.run_id, audit=entry(3.0))])) == 1
    assert targets(store) == ["run-1"]


def test_a_record_and_its_entries_are_one_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure behind both leaves neither."""
    run = acceptance()
    store.writer.write([run])

    def die(*_anything: object) -> None:
        raise StoreUnavailable("the power is gone")

    record = happening(run.run_id, status="paused", audit=entry(1.0))
    with monkeypatch.context() as patched:
        patched.setattr(ownership.Ownership, "_count_commit", die)
        with pytest.raises(StoreUnavailable):
            store.writer.write([record])
    row = store.reader.run(run.run_id)
    assert row is not None
    assert (row.status, targets(store)) == ("running", [])
    store.writer.write([record])
    row = store.reader.run(run.run_id)
    assert row is not None
    assert (row.status, targets(store)) == ("paused", ["run-1"])


def test_entries_are_found_by_who_and_when(store: Store) -> None:
    """A name that no database accepts is no one's."""
    store.writer.write([Audited((*entry(10_000.0), *entry(20_000.0, "ci"), *entry(30_000.0)))])
    assert targets(store, who="mira") == ["run-30000", "run-10000"]
    assert targets(store, since=20_000.0) == ["run-30000", "run-20000"]
    assert targets(store, since=15_000.0, who="mira") == ["run-30000"]
    assert targets(store, who="a\0b") == []


def test_entries_are_found_though_the_clock_was_set_back(store: Store) -> None:
    """By less than an hour, as lists of runs expect."""
    store.writer.write([Audited((*entry(20_000.0), *entry(19_000.0), *entry(21_000.0)))])
    assert targets(store, since=20_000.0) == ["run-21000", "run-20000"]


def test_pages_follow_each_other(store: Store) -> None:
    """Newer entries do not move them."""
    store.writer.write([Audited(tuple(each for at in range(5) for each in entry(float(at))))])
    first = store.reader.access.audit(AuditQuery(limit=2))
    store.writer.write([Audited(entry(9.0))])
    second = store.reader.access.audit(AuditQuery(limit=2, cursor=first.next))
    last = store.reader.access.audit(AuditQuery(limit=2, cursor=second.next))
    pages = [[row.entry.at for row in page.rows] for page in (first, second, last)]
    assert (pages, last.next) == ([[4.0, 3.0], [2.0, 1.0], [0.0]], None)
    runs = store.reader.runs().next or "bm8"
    with pytest.raises(InvalidCursor):
        store.reader.access.audit(AuditQuery(cursor=runs))


def test_old_entries_are_deleted_in_portions(store: Store) -> None:
    """Up to the time, and no further."""
    store.writer.write([Audited(tuple(each for at in range(5) for each in entry(float(at))))])
    pruning = store.deletion(PruneAudit(4.0))
    assert (pruning.prune_some(3), pruning.finished) == (3, False)
    assert (pruning.prune_some(3), pruning.finished) == (1, True)
    assert targets(store) == ["run-4"]


def test_an_entry_outlives_its_run(store: Store) -> None:
    """Nothing in the store refers from it to the run."""
    run = acceptance(audit=entry(1.0))
    store.writer.write([run])
    store.writer.write([happening(run.run_id, ending=Ending("succeeded", None, EMPTY_LIST, 2.0))])
    assert store.pruning(Prune(keep=0)).prune_all() == 1
    assert store.reader.run(run.run_id) is None
    assert targets(store) == ["run-1"]


def test_numbers_are_never_used_again(store: Store) -> None:
    """A cursor stays right after old entries are deleted."""
    store.writer.write([Audited(entry(1.0))])
    first = store.reader.access.audit(AuditQuery()).rows[0].number
    store.deletion(PruneAudit(9.0)).prune_some(10)
    store.writer.write([Audited(entry(2.0))])
    assert store.reader.access.audit(AuditQuery()).rows[0].number > first
