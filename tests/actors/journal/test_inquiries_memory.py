"""The inquiries of an engine without a store."""

import pytest

from stretto.actors.journal import Inquiry, InquiryEnd, InquiryQuery, Question
from stretto.actors.journal.inquiries_memory import MAX_REMEMBERED, InquiriesInMemory
from stretto.actors.journal.queries import InvalidCursor


def asked(number: int, run: str = "r1") -> Inquiry:
    return Inquiry(
        id=f"q{number}", run_id=run, workflow="w", task="t", visit=1, index=0, attempt=1, asked_at=float(number),
        expires_at=None, question=Question(), requested_by=None,
    )  # fmt: skip


def ended(number: int) -> InquiryEnd:
    return InquiryEnd(id=f"q{number}", status="answered", at=1.0)


def test_pages_are_the_newest_first() -> None:
    """Each page leads to the next one, and only to what matches."""
    inquiries = InquiriesInMemory()
    inquiries.add([*map(asked, range(5)), asked(5, "r2"), ended(2)])
    first = inquiries.page(InquiryQuery(status="pending", run="r1", limit=2))
    assert [row.inquiry.id for row in first.rows] == ["q4", "q3"]
    rest = inquiries.page(InquiryQuery(status="pending", run="r1", cursor=first.next))
    assert ([row.inquiry.id for row in rest.rows], rest.next) == (["q1", "q0"], None)
    assert (inquiries.count_pending(), len(inquiries.pending_of("r1"))) == (5, 4)
    for cursor in ("x", "9" * 5_000):
        with pytest.raises(InvalidCursor):
            inquiries.page(InquiryQuery(cursor=cursor))


def test_the_last_ended_ones_are_remembered() -> None:
    """Those that wait stay."""
    inquiries = InquiriesInMemory()
    count = MAX_REMEMBERED + 2
    inquiries.add([asked(number) for number in range(count + 1)])
    inquiries.add([ended(number) for number in range(count)])
    assert inquiries.find("q0") is None
    assert inquiries.find("q1") is None
    row = inquiries.find(f"q{count}")
    assert row is not None
    assert (row.status, len(inquiries.page(InquiryQuery(limit=5000)).rows)) == ("pending", MAX_REMEMBERED + 1)


def test_an_inquiry_ends_with_its_run() -> None:
    """Also if the run has ended without a word about it."""
    inquiries = InquiriesInMemory()
    inquiries.add([asked(1)])
    inquiries.in_progress = lambda run: run != "r1"
    row = inquiries.find("q1")
    assert row is not None
    assert (row.status, inquiries.count_pending()) == ("cancelled", 0)
