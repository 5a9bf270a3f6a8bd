"""The tables of inquiries: what people are asked, their answers, and the links by which persons answer."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Text, literal_column

from stretto.actors.journal.sql.columns import BIG, TIME, number_of_run, table

inquiries = table(
    "inquiries",
    # Increases in the order of the questions: the key of pages.
    Column("number", BIG, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    number_of_run(),
    Column("task", Text, nullable=False),
    Column("visit", Integer, nullable=False),
    Column("item", BIG, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("asked_at", TIME, nullable=False),
    Column("expires_at", TIME),
    # `pending` also in a run that has ended without it.
    Column("status", Text, nullable=False),
    Column("ended_at", TIME),
    Column("answered_by", Text),
    Column("answered_via", Text),
    # Both are masked, so that they need no encryption.
    Column("question", LargeBinary, nullable=False),
    Column("response", LargeBinary),
    sqlite_autoincrement=True,
)
Index("inquiries_by_run", inquiries.c.run)
PENDING: Final = inquiries.c.status == literal_column("'pending'")
"""The inquiries that wait, with a literal as above."""
Index("inquiries_pending", inquiries.c.number, sqlite_where=PENDING, postgresql_where=PENDING)

inquiry_links = table(
    "inquiry_links",
    # The SHA-256 of the code. The code itself is stored nowhere.
    Column("digest", Text, primary_key=True),
    Column("inquiry", BIG, ForeignKey("inquiries.number", ondelete="CASCADE"), nullable=False),
    Column("person", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
)
Index("inquiry_links_by_inquiry", inquiry_links.c.inquiry)
