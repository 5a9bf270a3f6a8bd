"""Reports about inquiries."""

from typing import Any, Protocol

from stretto.actors.journal import (
    PAGE,
    InquiryEnded,
    InquiryQuery,
    InquiryReader,
    InquiryStatus,
    StoredInquiry,
    time_as_json,
    unknown_inquiry_error,
)
from stretto.definitions.data import thaw


class _HasInquiries(Protocol):
    """A store's reader, or the journal of an engine without a store."""

    @property
    def inquiries(self) -> InquiryReader:
        """Reads inquiries."""


def list_inquiries(
    reader: _HasInquiries,
    run_id: str | None = None,
    status: InquiryStatus | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return a page of inquiries, the newest first. See `Engine.inquiries`."""
    page = reader.inquiries.page(InquiryQuery(status=status, run=run_id, cursor=cursor, limit=limit))
    return {"inquiries": [inquiry_as_json(row) for row in page.rows], "next": page.next}


def find_inquiry(reader: _HasInquiries, inquiry: str) -> StoredInquiry:
    """Return an inquiry. Raises `UnknownInquiry`."""
    found = reader.inquiries.find(inquiry)
    if found is None:
        raise unknown_inquiry_error(inquiry)
    return found


def show_inquiry(reader: _HasInquiries, inquiry: str) -> dict[str, Any]:
    """Return an inquiry. See `Engine.inquiry`, which raises."""
    return inquiry_as_json(find_inquiry(reader, inquiry))


def inquiry_as_json(row: StoredInquiry) -> dict[str, Any]:
    """Return an inquiry as plain data."""
    inquiry, end, question = row.inquiry, row.end, row.inquiry.question
    by = None if end is None else end.by
    return {
        "id": inquiry.id,
        "status": row.status,
        "run": inquiry.run_id,
        "workflow": inquiry.workflow,
        "task": inquiry.task,
        "visit": inquiry.visit,
        "index": inquiry.index,
        "attempt": inquiry.attempt,
        "asked_at": time_as_json(inquiry.asked_at),
        "expires_at": time_as_json(inquiry.expires_at),
        "requested_by": inquiry.requested_by,
        "prompt": question.prompt,
        "schema": thaw(question.schema),
        "route": question.route,
        "users": list(question.users),
        "roles": list(question.roles),
        "ttl": question.ttl,
        "not_requester": question.not_requester,
        "ended_at": None if end is None else time_as_json(end.at),
        "answered_by": None if by is None else by.who,
        "answered_via": None if by is None else by.via,
        "response": None if end is None else thaw(end.response),
    }


def inquiry_ended_error(row: StoredInquiry) -> InquiryEnded:
    """Return the error of an answer that comes too late. It says who has answered."""
    inquiry, end = row.inquiry, row.end
    at = "" if end is None else f" at {time_as_json(end.at)}"
    if end is not None and end.status == "answered":
        by = "a program" if end.by is None else f"{end.by.who} ({end.by.via})"
        return InquiryEnded(f"the inquiry {inquiry.id} was answered by {by}{at}")
    return InquiryEnded(f"the inquiry {inquiry.id} has {'timed out' if row.status == 'timed_out' else 'ended'}{at}")
