"""The table of personal links: written with the question or the audit, and read by the digest of a code."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select

from stretto.actors.journal.inquiry_links import InquiryLink
from stretto.actors.journal.sql.inquiry_table import inquiries, inquiry_links
from stretto.actors.journal.sql.transaction import Transaction

_INQUIRY: Final = inquiries.c.id == bindparam("of_inquiry")
_NUMBER: Final = select(inquiries.c.number).where(_INQUIRY)
_LINKS: Final = inquiry_links.join(inquiries, inquiries.c.number == inquiry_links.c.inquiry)
FIND_LINK: Final = (
    select(inquiry_links, inquiries.c.id.label("inquiry_id"))
    .select_from(_LINKS)
    .where(inquiry_links.c.digest == bindparam("of_digest"))
)
COUNT_LINKS: Final = select(func.count().label("count")).select_from(_LINKS).where(_INQUIRY)


def write_links(transaction: Transaction, links: Iterable[InquiryLink]) -> None:
    """Write links. Their inquiries are written before. One whose inquiry was deleted meanwhile is left out."""
    rows = [
        {
            "digest": each.digest, "inquiry": number, "person": each.person, "role": each.role,
            "made_at": each.made_at, "expires_at": each.expires_at,
        }
        for each in links
        if (number := transaction.connection.scalar(_NUMBER, {"of_inquiry": each.inquiry})) is not None
    ]  # fmt: skip
    if rows:
        transaction.count([row.values() for row in rows])
        transaction.connection.execute(insert(inquiry_links), rows)


def restored_link(row: Any) -> InquiryLink:
    """Return the link of a row of `FIND_LINK`."""
    return InquiryLink(
        digest=row.digest, inquiry=row.inquiry_id, person=row.person, role=row.role, made_at=row.made_at,
        expires_at=row.expires_at,
    )  # fmt: skip
