"""The rows of engines: whoever is fenced commits nothing any more."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.engines import (
    EngineState,
    count_commit,
    fence_all_others,
    name_of_newest,
    register,
    state_of,
    this_process,
)
from stretto.actors.journal.sql.store import Store
from tests.support.recording import acceptance


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an open store of each kind."""
    with open_store(store_url, None) as opened:
        yield opened


@pytest.fixture
def connection(store: Store) -> Iterator[Connection]:
    """Return the writing connection in a transaction."""
    with store._ownership.transaction() as opened:
        yield opened


def test_a_commit_is_counted_until_the_engine_is_fenced(connection: Connection) -> None:
    """The same statement counts and refuses."""
    first = register(connection, "0014", None)
    assert count_commit(connection, first)
    assert count_commit(connection, first)
    assert state_of(connection, first) == EngineState(2, None)
    second = register(connection, "0014", None)
    connection.execute(text("UPDATE engines SET fenced_by = :second WHERE number = :first"), locals())
    assert not count_commit(connection, first)
    assert state_of(connection, first) == EngineState(2, second)
    assert count_commit(connection, second)


def test_an_engine_of_no_row_may_not_write(connection: Connection) -> None:
    """Its row is deleted once it is fenced and its runs are claimed."""
    assert not count_commit(connection, 999)
    assert state_of(connection, 999) is None


def test_all_others_are_fenced_and_forgotten_unless_they_own_runs_in_progress(store: Store) -> None:
    """A row stays as long as runs name it."""
    run, ours = acceptance(), store._ownership.number
    store.writer.write([run])
    with store._ownership.transaction() as connection:
        owner, _other = (register(connection, "0014", None) for _ in range(2))
        connection.execute(text("UPDATE runs SET owner = :owner"), {"owner": owner})
        assert name_of_newest(connection) == this_process()
        fence_all_others(connection, ours)
        found = connection.execute(text("SELECT number, fenced_by FROM engines ORDER BY number")).all()
    assert [tuple(each) for each in found] == [(ours, None), (owner, ours)]
