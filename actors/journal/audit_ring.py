"""The audit of an engine without a store."""

import itertools
import threading
from collections import deque
from typing import Final

import msgspec

from stretto.actors.journal.access import AuditPage, AuditQuery, AuditRow
from stretto.actors.journal.audit import AuditEntries, AuditEntry
from stretto.actors.journal.queries import InvalidCursor
from stretto.metrics import get_logger

MAX_REMEMBERED: Final = 10_000
"""Entries that stay in memory."""

_log = get_logger("stretto.audit")


class AuditRing:
    """The newest entries of an engine without a store. Each entry is logged as well. Thread-safe."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._rows: deque[AuditRow] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def add(self, entries: AuditEntries) -> None:
        """Log and keep entries. The oldest ones make room for them."""
        for entry in entries:
            if not isinstance(entry, AuditEntry):  # without a store, no other engine has asked
                continue
            with self._lock:
                self._rows.append(AuditRow(next(self._numbers), entry))
            _log.info("audit", **msgspec.structs.asdict(entry))

    def page(self, query: AuditQuery) -> AuditPage:
        """Return a page of entries. Raises InvalidCursor."""
        if query.cursor is not None and not (query.cursor.isascii() and query.cursor.isdecimal()):
            raise InvalidCursor(f"the cursor {query.cursor!r} is not that of a page of the audit")
        with self._lock:
            rows = list(self._rows)
        found = [
            row
            for row in reversed(rows)
            if (query.cursor is None or row.number < int(query.cursor))
            and (query.since is None or row.entry.at >= query.since)
            and (query.who is None or row.entry.who == query.who)
        ]
        more = len(found) > query.limit
        return AuditPage(tuple(found[: query.limit]), str(found[query.limit - 1].number) if more else None)
