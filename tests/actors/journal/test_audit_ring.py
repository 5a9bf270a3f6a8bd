"""The audit without a store: in the log and in memory."""

import pytest
from structlog.testing import capture_logs

from stretto.actors.journal.access import AuditQuery
from stretto.actors.journal.audit import AuditEntries, Requester
from stretto.actors.journal.audit_ring import AuditRing
from stretto.actors.journal.no_journal import NoJournal
from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.records import Audited


def entry(at: float, who: str = "mira") -> AuditEntries:
    return Requester(who=who, via="cli", source="local").asks("pause", f"run-{at:g}", at)


def test_each_entry_is_a_line_of_the_log() -> None:
    """With all its fields."""
    with capture_logs() as lines:
        AuditRing().add(entry(1.0))
    assert lines == [
        {
            "event": "audit", "log_level": "info", "at": 1.0, "who": "mira", "source": "local", "via": "cli",
            "operation": "pause", "target": "run-1", "note": None, "result": "done", "for_user": None,
        }
    ]  # fmt: skip


def test_the_newest_entries_are_remembered() -> None:
    """The oldest make room."""
    ring = AuditRing(3)
    for at in range(5):
        ring.add(entry(float(at)))
    assert [row.entry.at for row in ring.page(AuditQuery()).rows] == [4.0, 3.0, 2.0]


def test_entries_are_found_page_by_page() -> None:
    """By who and when."""
    ring = AuditRing()
    ring.add((*entry(1.0), *entry(2.0, "ci"), *entry(3.0), *entry(4.0)))
    first = ring.page(AuditQuery(who="mira", limit=2))
    ring.add(entry(5.0))
    second = ring.page(AuditQuery(who="mira", limit=2, cursor=first.next))
    assert [[row.entry.at for row in page.rows] for page in (first, second)] == [[4.0, 3.0], [1.0]]
    assert second.next is None
    assert [row.entry.at for row in ring.page(AuditQuery(since=4.0)).rows] == [5.0, 4.0]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "²"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    """As a store does."""
    with pytest.raises(InvalidCursor):
        AuditRing().page(AuditQuery(cursor=cursor))


def test_an_engine_without_a_store_keeps_the_entries_of_its_records() -> None:
    """Of any kind."""
    journal = NoJournal()
    journal.record(Audited(entry(1.0)))
    journal.record(None)
    assert [row.entry.at for row in journal.audit.page(AuditQuery()).rows] == [1.0]
