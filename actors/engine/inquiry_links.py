"""Personal links: made for those who are to answer an inquiry, and found by the code that a person sends."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from stretto.actors.dispatch import Deferred, derived
from stretto.actors.engine.queries import record_audit
from stretto.actors.history import inquiry_as_json, inquiry_ended_error
from stretto.actors.journal import (
    LINK_VIA,
    MAX_PERSON_CHARACTERS,
    InquiryReader,
    InvalidLink,
    NoJournal,
    Requester,
    StoredInquiry,
    asked_by,
    digest_of_link,
    time_as_json,
    unknown_inquiry_error,
)
from stretto.actors.runs import Services, check_may_answer, new_link
from stretto.definitions.errors import LimitExceeded, StrettoError

MAX_LINKS_OF_AN_INQUIRY: Final = 1_000
"""The personal links of one inquiry."""
T = TypeVar("T")


class FoundLink(msgspec.Struct, frozen=True):
    """The personal link of a code that can be used.

    Attributes:
        inquiry: The inquiry, as `Engine.inquiry` returns it.
        person: The name of the one who answers with it.
        role: The role of that person.
    """

    inquiry: dict[str, Any]
    person: str
    role: str


class InquiryLinks:
    """Makes and finds personal links."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def make(self, inquiry: str, to: str, lasts: float | None, by: Requester | None) -> Deferred:
        """Make a link. See `Engine.link_inquiry`."""
        if not to.strip() or len(to) > MAX_PERSON_CHARACTERS:
            raise ValueError(f"the person must have 1 to {MAX_PERSON_CHARACTERS} characters (MAX_PERSON_CHARACTERS)")
        if lasts is not None and not lasts > 0:
            raise ValueError(f"a link must last more than 0 s, got {lasts:g}")

        def read(inquiries: InquiryReader) -> tuple[StoredInquiry, int]:
            row = inquiries.find(inquiry)
            if row is None:
                raise unknown_inquiry_error(inquiry)
            return row, inquiries.count_links(inquiry)

        return derived(self._read(read), lambda found: self._make(found[0], found[1], to.strip(), lasts, by))

    def _make(
        self, row: StoredInquiry, count: int, to: str, lasts: float | None, by: Requester | None
    ) -> Deferred:  # fmt: skip
        inquiry, services = row.inquiry, self._services
        if row.end is not None:
            raise inquiry_ended_error(row)
        if count >= MAX_LINKS_OF_AN_INQUIRY:
            raise LimitExceeded(
                f"the inquiry {inquiry.id} has {count:,} personal links, no more may be made (MAX_LINKS_OF_AN_INQUIRY)"
            )
        role = "admin" if by is None or by.role is None else by.role
        # A link to someone who may not answer would be of no use to its reader.
        check_may_answer(inquiry.question, inquiry.requested_by, Requester(who=to, via=LINK_VIA, source="", role=role))
        now = services.now()
        made = new_link(inquiry, to, role, now, lasts)
        answer = Deferred()
        audit = asked_by(by, "link_inquiry", f"{inquiry.run_id} {inquiry.id} {to}", now)
        report = {
            "inquiry": inquiry.id, "to": to, "url": services.public_url + made.path,
            "expires_at": time_as_json(made.link.expires_at),
        }  # fmt: skip
        record_audit(services.journal, (made.link, *audit), answer, report)
        return answer

    def find(self, inquiry: str, code: str, *, ended: bool) -> Deferred:
        """Return the link of a code. See `EngineHost.find_link`."""
        digest = digest_of_link(code)

        def read(inquiries: InquiryReader) -> FoundLink:
            link = inquiries.find_link(digest)
            if link is None or link.inquiry != inquiry or self._services.now() >= link.expires_at:
                raise InvalidLink
            row = inquiries.find(inquiry)
            if row is None or (row.end is not None and not ended):
                raise InvalidLink
            return FoundLink(inquiry_as_json(row), link.person, link.role)

        return self._read(read)

    def _read(self, read: Callable[[InquiryReader], T]) -> Deferred:
        """Answer from the store, or from memory without one."""
        journal = self._services.journal
        if not isinstance(journal, NoJournal):
            return self._services.readers.ask_deferred(lambda reader: read(reader.inquiries))
        answer = Deferred()
        try:
            answer.resolve(read(journal.inquiries))
        except StrettoError as error:
            answer.fail(error)
        return answer
