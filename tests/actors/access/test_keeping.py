"""Keepers of a store: with an engine's journal, and without one."""

from pathlib import Path

import pytest

from stretto.actors.access.keeping import JournalKeeper, Kept, StoreKeeper, done, kept_in
from stretto.actors.journal import AddSession, AddToken, AuditQuery, JournalLink, Store, StoreUnavailable, open_store
from tests.support.access import ADMIN, session, token
from tests.support.waiting import PATIENCE


def test_a_store_is_written_at_once(store: Store) -> None:
    """With the audit."""
    keeper = StoreKeeper(store.access, store.reader.access)
    audit = ADMIN.asks().asks("create_token", "name", 1.0)
    assert keeper.apply(AddToken(token()), audit).result(PATIENCE)
    assert keeper.apply(AddSession(session())).result(PATIENCE)
    assert keeper.load() == kept_in(store.reader.access) == Kept((token(),), (session(),))
    assert tuple(row.entry for row in store.reader.access.audit(AuditQuery()).rows) == audit
    assert keeper.changed_tokens() is None  # type: ignore[func-returns-value]  # the protocol's answer
    keeper.close()
    assert kept_in(store.reader.access).tokens == (token(),)


def test_an_error_is_the_futures() -> None:
    """Whoever asks gets it."""

    def fail() -> bool:
        raise StoreUnavailable("the disk is full")

    with pytest.raises(StoreUnavailable, match="the disk is full"):
        done(fail).result(PATIENCE)


def test_a_journal_that_has_not_started_keeps_nothing(tmp_path: Path) -> None:
    """The future fails at once, and no one waits for ever."""
    with open_store(f"sqlite:///{tmp_path}/store.db", None) as opened:
        keeper = JournalKeeper(JournalLink(), lambda: kept_in(opened.reader.access))
        with pytest.raises(StoreUnavailable, match="the engine is being stopped"):
            keeper.apply(AddToken(token())).result(PATIENCE)
        assert keeper.load() == Kept()
        assert keeper.changed_tokens() is None  # the protocol's answer
        keeper.close()
