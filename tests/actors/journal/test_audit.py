"""Entries of the audit: every database accepts their texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal.audit import MAX_NOTE, MAX_TEXT, AuditEntry, RequestedBy, Requester, asked_by

MIRA = Requester(who="mira", via="api", source="10.0.0.1", note="why not")


def test_an_entry_says_who_asked_for_what() -> None:
    """And what came of it."""
    assert MIRA.asks("cancel", "run-1", 5.0) == (
        AuditEntry(
            at=5.0, who="mira", source="10.0.0.1", via="api", operation="cancel", target="run-1", note="why not",
            result="done",
        ),
    )  # fmt: skip
    assert MIRA.of_run == RequestedBy("mira", "api")


def test_what_no_one_asked_for_leaves_no_entry() -> None:
    """A program's own calls."""
    assert asked_by(None, "cancel", "run-1", 5.0) == ()
    assert asked_by(MIRA, "cancel", "run-1", 5.0) == MIRA.asks("cancel", "run-1", 5.0)


@given(st.text() | st.text(st.characters(categories=["Cs", "Cc"])), st.text(), st.text())
def test_every_database_accepts_the_texts(note: str, who: str, target: str) -> None:
    """A null character or half a pair must not make a run unrecordable."""
    (entry,) = Requester(who=who, via="api", source="x", note=note).asks("submit", target, 1.0)
    assert isinstance(entry, AuditEntry)
    for text in (entry.note or "", entry.who, entry.target):
        assert "\0" not in text
        text.encode()


@pytest.mark.parametrize("length", [MAX_TEXT, MAX_TEXT + 1, 10 * MAX_TEXT])
def test_long_texts_are_cut(length: int) -> None:
    """So that a client cannot fill the store with one request."""
    (entry,) = Requester(who="w" * length, via="api", source="x", note="n" * 10 * length).asks("a", "t" * length, 1.0)
    assert isinstance(entry, AuditEntry)
    assert len(entry.who) == len(entry.target) == MAX_TEXT
    assert len(entry.note or "") == MAX_NOTE
    assert entry.target.endswith("...") is (length > MAX_TEXT)
