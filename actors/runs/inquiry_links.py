"""New personal links: by which a person answers one inquiry without a token."""

from typing import Final, NamedTuple

from stretto.actors.journal import Inquiry, InquiryLink, digest_of_link, new_link_code, path_of_link

LINK_SECONDS: Final = 7 * 86_400.0
"""How long a link can be used to an inquiry that never times out, unless someone says how long."""


class NewLink(NamedTuple):
    """A link that was just made, and its path, which has the code."""

    link: InquiryLink
    path: str


def new_link(inquiry: Inquiry, person: str, role: str, now: float, lasts: float | None = None) -> NewLink:
    """Return a new link. It can be used until the inquiry times out, at most.

    Args:
        inquiry: The inquiry.
        person: The name of the one who is to answer.
        role: The role of that person.
        now: The time, in seconds since the epoch.
        lasts: How many seconds it can be used, or None for as long as possible.
    """
    ends = [each for each in (inquiry.expires_at, None if lasts is None else now + lasts) if each is not None]
    code = new_link_code()
    link = InquiryLink(
        digest=digest_of_link(code), inquiry=inquiry.id, person=person, role=role, made_at=now,
        expires_at=min(ends, default=now + LINK_SECONDS),
    )  # fmt: skip
    return NewLink(link, path_of_link(inquiry.id, code))
