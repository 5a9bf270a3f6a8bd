"""The audit's table: its entries are written with the changes that they are about, read in pages, and deleted."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, delete, func, select

from stretto.actors.journal.access import AuditQuery, AuditRow, PruneAudit
from stretto.actors.journal.audit import AuditEntry
from stretto.actors.journal.inquiry_links import InquiryLink
from stretto.actors.journal.peers import PeerAnswer
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.sql.cursors import decode_cursor
from stretto.actors.journal.sql.damage import is_time
from stretto.actors.journal.sql.inquiry_links import write_links
from stretto.actors.journal.sql.ownership import Ownership
from stretto.actors.journal.sql.requests import write_answers
from stretto.actors.journal.sql.run_rows import CLOCK_STEP_SECONDS, searchable
from stretto.actors.journal.sql.statements import AUDIT_COLUMNS
from stretto.actors.journal.sql.tables import audit
from stretto.actors.journal.sql.transaction import Transaction


def write_audit(transaction: Transaction, entries: Iterable[AuditEntry | PeerAnswer | InquiryLink]) -> None:
    """Write entries, answers to other engines, and personal links, in the transaction of their changes."""
    rows, answers, links = [], [], []
    for each in entries:
        if isinstance(each, PeerAnswer):
            answers.append(each)
        elif isinstance(each, InquiryLink):
            links.append(each)
        else:
            rows.append(tuple(getattr(each, name) for name in AUDIT_COLUMNS))
    transaction.write(transaction.statements.audit, rows)
    write_answers(transaction.connection, answers)
    write_links(transaction, links)


def select_audit(query: AuditQuery) -> Select[Any]:
    """Return the statement of a page without its limit. Raises InvalidCursor."""
    page = select(audit)
    if query.who is not None:
        page = page.where(audit.c.who == searchable(query.who))
    if query.since is not None:
        earlier = audit.alias()
        before = earlier.c.at < query.since - CLOCK_STEP_SECONDS
        newest = select(earlier.c.number).where(before).order_by(earlier.c.number.desc()).limit(1)
        # The number of an entry grows with its time, unless the clock was set back.
        page = page.where(audit.c.at >= query.since, audit.c.number > func.coalesce(newest.scalar_subquery(), 0))
    if query.cursor is not None:
        page = page.where(audit.c.number < decode_cursor("audit", query.cursor))
    return page.order_by(audit.c.number.desc())


def restore_audit(row: Any) -> AuditRow:
    """Return an entry from a row of the table."""
    fields = {name: getattr(row, name) for name in AUDIT_COLUMNS}
    check_times(fields)
    return AuditRow(row.number, AuditEntry(**fields))


def check_times(fields: Mapping[str, Any]) -> None:
    """Raise UnreadableRecord if a number of a row is no time that can be shown."""
    if not all(is_time(value) for value in fields.values() if isinstance(value, int | float)):
        raise UnreadableRecord("the store is damaged: a time is out of range")


class AuditPruning:
    """Deletes old entries in portions. Implements `journal.store.Pruning`."""

    def __init__(self, ownership: Ownership, wanted: PruneAudit) -> None:
        self._ownership = ownership
        self._wanted = wanted
        self.finished = False

    def prune_some(self, limit: int) -> int:
        """Delete at most `limit` entries in one transaction; return their number. Raises as the protocol says."""
        old = select(audit.c.number).where(audit.c.at < self._wanted.before).limit(limit)
        with self._ownership.transaction() as connection:
            deleted = connection.execute(delete(audit).where(audit.c.number.in_(old))).rowcount
        self.finished = deleted < limit
        return deleted
