"""Needs in the store: what is claimed and what is left, and what engines offer."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from stretto.actors.journal.encryption import Keyring, new_key
from stretto.actors.journal.needs import NO_NEEDS, Unclaimed
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.store import Store
from tests.actors.journal.sql.test_claims import leave, owners
from tests.support.recording import acceptance

WEB = frozenset({"action web.check"})
HOST = frozenset({"host web1"})


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an open store of each kind."""
    with open_store(store_url, None) as opened:
        yield opened


def claimed(store: Store) -> list[str]:
    return [each.run_id for each in store.claims.claim().unfinished]


def test_an_engine_without_offers_claims_all(store: Store) -> None:
    """It has the store for itself."""
    store.writer.write([acceptance("a", needs=WEB)])
    leave(store, "a")
    assert store.reader.needs.unclaimed() == [Unclaimed(WEB, 1)]
    assert claimed(store) == ["a"]
    assert store.reader.needs.unclaimed() == []


def test_a_tree_is_left_if_one_of_its_runs_needs_more(store: Store) -> None:
    """It is claimed as soon as the engine offers that, too."""
    store.writer.write([
        acceptance("plain"), acceptance("web", needs=WEB), acceptance("top", needs=WEB),
        acceptance("child", root="top", depth=1, needs=WEB | HOST),
    ])  # fmt: skip
    leave(store, "plain", "web", "top", "child")
    store.claims.offer(WEB)
    found = store.claims.claim()
    assert ([each.run_id for each in found.unfinished], found.left) == (["plain", "web"], 1)
    assert store.reader.needs.of_unclaimed("top") == store.reader.needs.of_unclaimed("child") == WEB | HOST
    assert store.reader.needs.of_unclaimed("web") == NO_NEEDS
    assert store.claims.renew().left == 1
    store.claims.offer(WEB | HOST)
    again = store.claims.claim()
    assert ([each.run_id for each in again.unfinished], again.left) == (["top", "child"], 0)
    assert set(owners(store).values()) == {store.engine}


def test_offers_are_written_by_the_next_claim(store: Store) -> None:
    """Once for each change. Those of engines that are gone are deleted, and an older one has none."""
    with store._ownership.transaction() as connection:
        connection.execute(text("INSERT INTO offers (engine, offered) VALUES (900, '[]')"))
    assert store.reader.needs.offers() == {store.engine: None}
    for offered in (WEB, HOST):
        store.claims.offer(offered)
        store.claims.claim()
        assert store.reader.needs.offers() == {store.engine: offered}
    with store.reader._engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM offers")) == 1


def test_a_run_with_secrets_needs_the_key_that_encrypts_it(store_url: str) -> None:
    """A keyring offers all of its keys."""
    old, new = new_key(), new_key()
    with open_store(store_url, Keyring([old])) as store:
        store.writer.write([acceptance("a", secret=True), acceptance("b")])
        leave(store, "a", "b")
        assert store.reader.needs.of_unclaimed("a") == {f"key {Keyring([old]).name}"}
        store.claims.offer(NO_NEEDS)
        assert Keyring([new, old]).names != Keyring([new]).names
        other = store.claims._keys
        store.claims._keys = frozenset({f"key {Keyring([new]).name}"})
        store.claims.offer(NO_NEEDS)
        assert claimed(store) == ["b"]
        store.claims._keys = other
        store.claims.offer(NO_NEEDS)
        assert claimed(store) == ["a"]
