"""A store of each kind, for the tests that hold for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from stretto.actors.journal.encryption import Keyring, new_key
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.sql.tables import metadata, runs
from stretto.actors.journal.store import Unfinished

KEYRING = Keyring([new_key()])


@pytest.fixture(params=["memory", "file", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty store: in memory, in a file, in PostgreSQL (where that is installed)."""
    if request.param == "memory":
        return "sqlite://"
    if request.param == "file":
        return f"sqlite:///{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an open store of each kind, with a key."""
    with open_store(store_url, KEYRING) as opened:
        yield opened


@pytest.fixture
def keyless(store_url: str) -> Iterator[Store]:
    """Return an open store of each kind, without a key."""
    with open_store(store_url, None) as opened:
        yield opened


def everything_in(store: Store) -> bytes:
    """Return all that stands in a store's tables."""
    return everything_for(store.reader)


def everything_for(reader: SqlReader) -> bytes:
    """Return all that stands in the tables that are read."""
    found: list[bytes] = []
    with reader._engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                found.extend(each if isinstance(each, bytes) else str(each).encode() for each in row)
    return b"\n".join(found)


def rows_of(store: Store, table: str) -> int:
    """Return how many rows a table has."""
    with store.reader._engine.connect() as connection:
        return len(connection.execute(select(metadata.tables[table])).all())


def unfinished(reader: SqlReader) -> list[Unfinished]:
    """Return the runs in progress of a store, in the order of their acceptance."""
    columns = runs.c.id, runs.c.workflow, runs.c.accepted_at, runs.c.parent
    with reader._engine.connect() as connection:
        found = connection.execute(select(*columns).where(runs.c.ended_at.is_(None)).order_by(runs.c.number))
        return [Unfinished(*row) for row in found]
