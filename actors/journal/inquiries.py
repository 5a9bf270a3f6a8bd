"""Inquiries: the questions that runs ask people, and the protocol that reads them.

An inquiry is the attempt of an item, and ends with it. Its row is written in the commit of the question, and changed in
the commit of the answer. Times are seconds since the epoch.
"""

from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

import msgspec

from stretto.actors.journal.audit import RequestedBy
from stretto.actors.journal.inquiry_links import InquiryLink
from stretto.actors.journal.queries import PAGE
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict
from stretto.definitions.errors import StrettoError

InquiryStatus: TypeAlias = Literal["pending", "answered", "timed_out", "cancelled"]
INQUIRY_STATUSES: Final[tuple[InquiryStatus, ...]] = get_args(InquiryStatus)


class UnknownInquiry(StrettoError):
    """There is no such inquiry."""

    code = "unknown_inquiry"


class InquiryEnded(StrettoError):
    """The inquiry has been answered, or has ended without an answer."""

    code = "inquiry_ended"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The question of an inquiry, and who may answer it."""

    prompt: str = ""
    """Text for people."""
    schema: FrozenDict = EMPTY_OBJECT
    """The JSON Schema of the answer."""
    route: str = ""
    """Says how to notify people. Rules read it."""
    users: tuple[str, ...] = ()
    """The names of those who may answer. Without any, and without roles, every operator may."""
    roles: tuple[str, ...] = ()
    """The roles of those who may answer."""
    ttl: float | None = None
    """The minutes after which it times out, or None."""
    not_requester: bool = False
    """Whether the one who asked for the run must not answer."""
    remind_after: float | None = None
    """The minutes after which an event reminds of it, or None."""
    links: bool = False
    """Whether the event of the question has a personal link for each of `users`."""


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """A question that a run has asked. The texts of its question are masked."""

    id: str
    run_id: str
    workflow: str
    task: str
    visit: int
    index: int
    attempt: int
    asked_at: float
    expires_at: float | None
    question: Question
    requested_by: str | None
    """Who asked for the run."""


class InquiryEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an inquiry."""

    id: str
    status: InquiryStatus
    at: float
    by: RequestedBy | None = None
    """Who has answered."""
    response: Any = None
    """The answer. Secrets are masked."""


InquiryChange: TypeAlias = Inquiry | InquiryEnd


class StoredInquiry(msgspec.Struct, frozen=True):
    """An inquiry, and how it ended, or None as long as it waits. `number` grows with each inquiry."""

    number: int
    inquiry: Inquiry
    end: InquiryEnd | None

    @property
    def status(self) -> InquiryStatus:
        """The inquiry's status."""
        return "pending" if self.end is None else self.end.status


class InquiryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The inquiries that a page contains: those that match all fields."""

    status: InquiryStatus | None = None
    run: str | None = None
    """Only inquiries of this run."""
    cursor: str | None = None
    """The `next` of the previous page."""
    limit: int = PAGE


class InquiryPage(msgspec.Struct, frozen=True):
    """A page of inquiries, the newest first, and the cursor of the next page, or None on the last one."""

    rows: tuple[StoredInquiry, ...]
    next: str | None


class InquiryReader(Protocol):
    """Reads inquiries. Thread-safe. Every method may raise StoreUnavailable and UnreadableRecord."""

    def page(self, query: InquiryQuery) -> InquiryPage:
        """Return a page of inquiries. Raises InvalidCursor."""

    def find(self, inquiry: str) -> StoredInquiry | None:
        """Return an inquiry, or None if it is unknown."""

    def pending_of(self, run_id: str) -> list[Inquiry]:
        """Return the inquiries of a run that have not ended."""

    def count_pending(self) -> int:
        """Return how many inquiries wait for an answer."""

    def find_link(self, digest: str) -> InquiryLink | None:
        """Return the personal link with a digest, or None."""

    def count_links(self, inquiry: str) -> int:
        """Return how many personal links were made for an inquiry."""


def unknown_inquiry_error(inquiry: str) -> UnknownInquiry:
    """Return the error of an inquiry that is not known."""
    return UnknownInquiry(f"there is no inquiry {inquiry[:100]!r}")
