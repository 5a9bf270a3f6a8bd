"""Engines of one store on PostgreSQL, as far as the store knows them."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.sql.peers import SqlPeers
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store_clock import StoreClock

LEASE = 30.0


@pytest.fixture
def join_store(postgres_url: str) -> Iterator[Callable[[], Store]]:
    """Return what opens the store for one more engine."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(share_store(postgres_url, None, Lease(LEASE), StoreClock()))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def peers_of(store: Store) -> SqlPeers:
    """Return the other engines of a store on PostgreSQL."""
    assert isinstance(store.peers, SqlPeers)
    return store.peers


def until_blocked(store: Store) -> None:
    """Return as soon as a connection of the database waits for a lock of a row."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with store.reader._engine.connect() as connection:
        while not connection.scalar(waiting):
            pass
