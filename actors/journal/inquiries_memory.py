"""The inquiries of an engine without a store."""

import itertools
import threading
from collections.abc import Callable, Iterable
from typing import Final

from stretto.actors.journal.inquiries import (
    Inquiry,
    InquiryChange,
    InquiryEnd,
    InquiryPage,
    InquiryQuery,
    StoredInquiry,
)
from stretto.actors.journal.inquiry_links import InquiryLink
from stretto.actors.journal.queries import InvalidCursor

MAX_REMEMBERED: Final = 1_000
"""Ended inquiries that stay in memory."""
_CURSOR_DIGITS: Final = 18
"""The longest cursor."""


class InquiriesInMemory:
    """All inquiries that wait, and the last ones that ended. Thread-safe. Implements `InquiryReader`.

    Attributes:
        in_progress: Returns whether a run is in progress. The inquiries of any other run have ended with it.
    """

    def __init__(self) -> None:
        self.in_progress: Callable[[str], bool] = lambda _run_id: True
        self._rows: dict[str, StoredInquiry] = {}
        self._ended: dict[str, None] = {}
        self._links: dict[str, InquiryLink] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, changes: Iterable[InquiryChange]) -> None:
        """Take over what has become of inquiries. The oldest ended ones are forgotten."""
        with self._lock:
            for change in changes:
                if isinstance(change, Inquiry):
                    self._rows[change.id] = StoredInquiry(next(self._numbers), change, None)
                elif change.id in self._rows:
                    self._end(change)

    def _end(self, end: InquiryEnd) -> None:
        row = self._rows[end.id]
        self._rows[end.id] = StoredInquiry(row.number, row.inquiry, end)
        self._ended[end.id] = None
        if len(self._ended) > MAX_REMEMBERED:
            oldest = next(iter(self._ended))
            del self._ended[oldest], self._rows[oldest]
            for digest in [each.digest for each in self._links.values() if each.inquiry == oldest]:
                del self._links[digest]

    def add_links(self, links: Iterable[InquiryLink]) -> None:
        """Keep personal links as long as their inquiries are known."""
        with self._lock:
            self._links.update((each.digest, each) for each in links if each.inquiry in self._rows)

    def find_link(self, digest: str) -> InquiryLink | None:
        """Return the personal link with a digest, or None."""
        with self._lock:
            return self._links.get(digest)

    def count_links(self, inquiry: str) -> int:
        """Return how many personal links were made for an inquiry."""
        with self._lock:
            return sum(each.inquiry == inquiry for each in self._links.values())

    def page(self, query: InquiryQuery) -> InquiryPage:
        """Return a page of inquiries. Raises InvalidCursor."""
        cursor = query.cursor
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _CURSOR_DIGITS):
            raise InvalidCursor(f"the cursor {cursor[:40]!r} is not that of a page of inquiries")
        found = [
            row
            for row in reversed(self._all())
            if (cursor is None or row.number < int(cursor))
            and query.status in {None, row.status}
            and query.run in {None, row.inquiry.run_id}
        ]
        more = len(found) > query.limit
        return InquiryPage(tuple(found[: query.limit]), str(found[query.limit - 1].number) if more else None)

    def find(self, inquiry: str) -> StoredInquiry | None:
        """Return an inquiry, or None if it is unknown."""
        with self._lock:
            row = self._rows.get(inquiry)
        return None if row is None else self._ended_with_run(row)

    def pending_of(self, run_id: str) -> list[Inquiry]:
        """Return the inquiries of a run that have not ended."""
        return [row.inquiry for row in self._all() if row.end is None and row.inquiry.run_id == run_id]

    def count_pending(self) -> int:
        """Return how many inquiries wait for an answer."""
        return sum(row.end is None for row in self._all())

    def _all(self) -> list[StoredInquiry]:
        with self._lock:
            rows = list(self._rows.values())
        return [self._ended_with_run(row) for row in rows]

    def _ended_with_run(self, row: StoredInquiry) -> StoredInquiry:
        """Return an inquiry that waits as cancelled if its run has ended without it."""
        inquiry = row.inquiry
        if row.end is not None or self.in_progress(inquiry.run_id):
            return row
        return StoredInquiry(row.number, inquiry, InquiryEnd(id=inquiry.id, status="cancelled", at=inquiry.asked_at))
