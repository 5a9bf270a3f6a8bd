"""The requests about inquiries, the questions that runs ask people."""

from typing import Annotated, Any

import msgspec

from stretto.actors.journal import MAX_PERSON_CHARACTERS, PAGE, InquiryStatus
from stretto.actors.operations.base import NotedRequest, Request
from stretto.actors.operations.requests import Limit

InquiryId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
"""The id of an inquiry."""


class Inquiries(Request, frozen=True, tag="inquiries"):
    """Return a page of inquiries, the newest first: those that match all fields."""

    run: str | None = None
    status: InquiryStatus | None = None
    cursor: str | None = None
    limit: Limit = PAGE


class ShowInquiry(Request, frozen=True, tag="inquiry"):
    """Return an inquiry."""

    inquiry: InquiryId


class AnswerInquiry(NotedRequest, frozen=True, tag="answer_inquiry"):
    """Answer an inquiry. The response has to match its schema. Of two answers, the second gets 409."""

    inquiry: InquiryId
    response: Any


class LinkInquiry(NotedRequest, frozen=True, tag="link_inquiry"):
    """Make a personal link, by which a person can answer an inquiry without a token. It is shown only now."""

    inquiry: InquiryId
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PERSON_CHARACTERS, pattern=r"\S")]
    """The name of the person."""
    lasts: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """How many seconds it can be used. It ends with the inquiry at the latest."""


class InquiriesAnswer(msgspec.Struct, frozen=True, tag="inquiries"):
    """A page of inquiries, as `Engine.inquiries` returns it."""

    inquiries: list[dict[str, Any]]
    next: str | None


class InquiryAnswer(msgspec.Struct, frozen=True, tag="inquiry"):
    """An inquiry, as `Engine.inquiry` returns it."""

    inquiry: dict[str, Any]


class InquiryLinked(msgspec.Struct, frozen=True, tag="inquiry_linked"):
    """A personal link, as `Engine.link_inquiry` returns it."""

    link: dict[str, Any]
