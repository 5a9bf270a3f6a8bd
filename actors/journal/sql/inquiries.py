"""The table of inquiries: written with the entries of their runs."""

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, Select, and_, bindparam, func, insert, or_, select, update

from stretto.actors.journal.audit import RequestedBy
from stretto.actors.journal.inquiries import (
    INQUIRY_STATUSES,
    Inquiry,
    InquiryEnd,
    InquiryPage,
    InquiryQuery,
    Question,
    StoredInquiry,
)
from stretto.actors.journal.inquiry_links import InquiryLink
from stretto.actors.journal.records import Happened, UnreadableRecord
from stretto.actors.journal.sql.audit import check_times
from stretto.actors.journal.sql.cursors import decode_cursor, encode_cursor
from stretto.actors.journal.sql.damage import DAMAGE, report_damage
from stretto.actors.journal.sql.encoding import decode_data
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.inquiry_links import COUNT_LINKS, FIND_LINK, restored_link
from stretto.actors.journal.sql.run_rows import searchable
from stretto.actors.journal.sql.tables import PENDING, inquiries, runs
from stretto.actors.journal.sql.transaction import Transaction, recording
from stretto.definitions.data import encode_json, freeze

_INQUIRY: Final = bindparam("inquiry", type_=inquiries.c.id.type)
_END: Final = (
    update(inquiries)
    .where(inquiries.c.id == _INQUIRY)
    .values(**{name: bindparam(f"new_{name}") for name in ("status", "ended_at", "answered_by", "answered_via")})
    .values(response=bindparam("new_response"))
)
_WAITS: Final = and_(PENDING, runs.c.ended_at.is_(None))
"""An inquiry whose run has ended without it is cancelled."""
_ROWS: Final = select(
    inquiries, runs.c.id.label("run_id"), runs.c.workflow, runs.c.ended_at.label("run_ended_at"),
    runs.c.requested_by,
).join(runs, runs.c.number == inquiries.c.run)  # fmt: skip
_question: Final = msgspec.json.Decoder(Question, dec_hook=lambda _type, value: freeze(value))
_SHORT_BYTES: Final = 4096
"""Up to so many bytes of JSON, a decoded question is kept for the next row that has the same."""


def write_inquiries(transaction: Transaction, happened: Sequence[Happened], numbers: Mapping[str, int]) -> None:
    """Write what has become of inquiries. Raises Unrecordable."""
    for each in happened:
        if each.inquiries:
            with recording(each.run_id):
                _write_run(transaction, each, numbers[each.run_id])


def _write_run(transaction: Transaction, happened: Happened, run: int) -> None:
    asked = [_asked(each, run) for each in happened.inquiries if isinstance(each, Inquiry)]
    ended = [_ended(each) for each in happened.inquiries if isinstance(each, InquiryEnd)]
    if asked:
        transaction.count([row.values() for row in asked])
        transaction.connection.execute(insert(inquiries), asked)
    if ended:
        transaction.count([row.values() for row in ended])
        transaction.connection.execute(_END, ended)


def _asked(inquiry: Inquiry, run: int) -> dict[str, Any]:
    return {
        "id": inquiry.id, "run": run, "task": inquiry.task, "visit": inquiry.visit, "item": inquiry.index,
        "attempt": inquiry.attempt, "asked_at": inquiry.asked_at, "expires_at": inquiry.expires_at,
        "status": "pending", "question": encode_json(inquiry.question),
    }  # fmt: skip


def _ended(end: InquiryEnd) -> dict[str, Any]:
    return {
        "inquiry": end.id,
        "new_status": end.status,
        "new_ended_at": end.at,
        "new_answered_by": None if end.by is None else end.by.who,
        "new_answered_via": None if end.by is None else end.by.via,
        "new_response": None if end.response is None else encode_json(end.response),
    }


@report_damage
class SqlInquiryReader:
    """Reads the table of inquiries. Thread-safe. Implements `journal.inquiries.InquiryReader`."""

    def __init__(self, engine: Engine, store: str) -> None:
        self._engine = engine
        self._store = store

    def page(self, query: InquiryQuery) -> InquiryPage:
        """Return a page of inquiries, the newest first. Raises InvalidCursor."""
        rows = [_restored(row) for row in self._rows(_select(query).limit(query.limit + 1))]
        page = tuple(rows[: query.limit])
        return InquiryPage(page, encode_cursor("inquiries", page[-1].number) if len(rows) > len(page) else None)

    def find(self, inquiry: str) -> StoredInquiry | None:
        """Return an inquiry, or None if it is unknown."""
        rows = self._rows(_ROWS.where(inquiries.c.id == searchable(inquiry)))
        return _restored(rows[0]) if rows else None

    def pending_of(self, run_id: str) -> list[Inquiry]:
        """Return the inquiries of a run that have not ended."""
        of_run = _ROWS.where(runs.c.id == searchable(run_id), PENDING).order_by(inquiries.c.number)
        return [_restored(row).inquiry for row in self._rows(of_run)]

    def count_pending(self) -> int:
        """Return how many inquiries wait for an answer."""
        waiting = select(func.count().label("count")).select_from(inquiries.join(runs)).where(_WAITS)
        return int(self._rows(waiting)[0].count)

    def find_link(self, digest: str) -> InquiryLink | None:
        """Return the personal link with a digest, or None."""
        rows = self._rows(FIND_LINK, {"of_digest": digest})
        if not rows:
            return None
        check_times({"made_at": rows[0].made_at, "expires_at": rows[0].expires_at})
        return restored_link(rows[0])

    def count_links(self, inquiry: str) -> int:
        """Return how many personal links were made for an inquiry."""
        return int(self._rows(COUNT_LINKS, {"of_inquiry": searchable(inquiry)})[0].count)

    def _rows(self, query: Select[Any], values: Mapping[str, Any] | None = None) -> list[Any]:
        with converting_errors(self._store), self._engine.connect() as connection, connection.begin():
            return list(connection.execute(query, values or {}))


def _select(query: InquiryQuery) -> Select[Any]:
    page = _ROWS
    if query.status == "pending":
        page = page.where(_WAITS)
    elif query.status == "cancelled":
        page = page.where(or_(inquiries.c.status == "cancelled", and_(PENDING, runs.c.ended_at.is_not(None))))
    elif query.status is not None:
        page = page.where(inquiries.c.status == query.status)
    if query.run is not None:
        page = page.where(runs.c.id == searchable(query.run))
    if query.cursor is not None:
        page = page.where(inquiries.c.number < decode_cursor("inquiries", query.cursor))
    return page.order_by(inquiries.c.number.desc())


@lru_cache(maxsize=64)
def _decode_short(text: str | bytes) -> Question:
    """Return a question, the same object for all runs that ask the same: each of them keeps it while it waits."""
    return _question.decode(text)


def _restored(row: Any) -> StoredInquiry:
    """Return the inquiry of a row of `_ROWS`. Raises UnreadableRecord."""
    times = {name: getattr(row, name) for name in ("asked_at", "expires_at", "ended_at")}
    check_times(times)
    if row.status not in INQUIRY_STATUSES:
        raise UnreadableRecord("the store is damaged: the status of an inquiry is unknown")
    try:
        question = (_decode_short if len(row.question) <= _SHORT_BYTES else _question.decode)(row.question)
    except DAMAGE as error:
        raise UnreadableRecord(f"an inquiry in the store is damaged: {error}") from None
    inquiry = Inquiry(
        id=row.id, run_id=row.run_id, workflow=sys.intern(row.workflow), task=sys.intern(row.task), visit=row.visit,
        index=row.item, attempt=row.attempt, asked_at=row.asked_at, expires_at=row.expires_at, question=question,
        requested_by=row.requested_by,
    )  # fmt: skip
    return StoredInquiry(row.number, inquiry, _restored_end(row))


def _restored_end(row: Any) -> InquiryEnd | None:
    if row.status == "pending":
        ended_with_run = row.run_ended_at
        return None if ended_with_run is None else InquiryEnd(id=row.id, status="cancelled", at=ended_with_run)
    by = None if row.answered_by is None else RequestedBy(row.answered_by, row.answered_via or "")
    response = None if row.response is None else decode_data(row.response)
    return InquiryEnd(id=row.id, status=row.status, at=row.ended_at, by=by, response=response)
