"""The keeper of a shared store: which changes make an older read useless, and what is read."""

from typing import Any

import pytest

from stretto.actors.access.keeping import Kept
from stretto.actors.access.shared_keeping import Asked, SharedJournalKeeper, kept_of
from stretto.actors.dispatch import Deferred
from stretto.actors.journal.access import (
    AccessChange,
    AddEnterCode,
    AddSession,
    AddToken,
    EndSession,
    NoteSessionUse,
    RevokeToken,
)
from stretto.actors.journal.link import JournalLink
from stretto.actors.journal.sql.store import Store
from tests.support.access import enter_code, session, token


def keeper_with(changes: list[Deferred]) -> SharedJournalKeeper:
    """Return a keeper whose changes become durable when the test says so."""
    link = JournalLink()

    def change(*_given: Any) -> Deferred:
        changes.append(Deferred())
        return changes[-1]

    setattr(link, JournalLink.change_access.__name__, change)
    return SharedJournalKeeper(link, Kept, lambda *_asked: None)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (AddToken(token()), True),
        (RevokeToken("AAAAAAAA", 1.0), True),
        (EndSession("a"), True),
        (AddSession(session()), False),
        (NoteSessionUse("a", 1.0), False),
        (AddEnterCode(enter_code(), 1.0), False),
    ],
)
def test_a_change_that_an_older_read_would_undo_is_counted_twice(change: AccessChange, counts: bool) -> None:
    """As it is asked for, and as it becomes durable: a read between the two may not have it."""
    changes: list[Deferred] = []
    keeper = keeper_with(changes)
    kept = keeper.apply(change)
    assert keeper.changes == (1 if counts else 0)
    changes[0].resolve(True)
    assert kept.result() is True
    assert keeper.changes == (2 if counts else 0)


def test_some_are_read_with_the_tokens_that_they_belong_to(store: Store) -> None:
    """A session of a token that was made elsewhere, too, is checked against it."""
    for change in (
        AddToken(token("AAAAAAAA")), AddToken(token("BBBBBBBB", made_at=101.0)),
        AddToken(token("CCCCCCCC", made_at=102.0)), AddSession(session("1", token="AAAAAAAA")),
        AddSession(session("2")), AddEnterCode(enter_code("3", token="BBBBBBBB"), 0.0),
        AddEnterCode(enter_code("4"), 0.0),
    ):  # fmt: skip
        store.access.apply(change)
    reader = store.reader.access
    assert kept_of(reader, Asked(frozenset(), frozenset({"1", "9"}), frozenset({"3"}))) == Kept(
        (token("AAAAAAAA"), token("BBBBBBBB", made_at=101.0)),
        (session("1", token="AAAAAAAA"),),
        (enter_code("3", token="BBBBBBBB"),),
    )
    assert kept_of(reader, Asked(frozenset({"CCCCCCCC"}))) == Kept((token("CCCCCCCC", made_at=102.0),))
    everything = kept_of(reader, Asked(None))
    assert ([each.id[0] for each in everything.tokens], everything.sessions) == (["A", "B", "C"], ())
