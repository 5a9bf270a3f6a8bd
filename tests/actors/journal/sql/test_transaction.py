"""The rows of a transaction are counted and bounded, and a refused one is reported with its run."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from stretto.actors.journal.encryption import StoreKeyMissing
from stretto.actors.journal.sql import transaction
from stretto.actors.journal.sql.tables import metadata
from stretto.actors.journal.sql.transaction import CHUNK, Transaction, chunks, recording, unrecordable
from stretto.actors.journal.store import Unrecordable
from stretto.definitions.errors import NotData


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as opened:
        metadata.create_all(opened)
        yield opened
    engine.dispose()


def stored(connection: Connection) -> list[tuple[str, bytes]]:
    return [tuple(row) for row in connection.exec_driver_sql("SELECT digest, body FROM definitions")]


def test_rows_and_the_bytes_of_their_bodies_are_counted(connection: Connection) -> None:
    """Of bodies only: all else is narrow."""
    writing = Transaction(connection)
    writing.write(writing.statements.definitions, [("a", b"12345"), ("b", b"123")])
    writing.write(writing.statements.definitions, [("c", b"")])
    assert (writing.rows, writing.body_bytes) == (3, 8)
    assert stored(connection) == [("a", b"12345"), ("b", b"123"), ("c", b"")]


def test_where_there_are_no_rows_nothing_is_executed(connection: Connection) -> None:
    """A driver takes no statement without any."""
    writing = Transaction(connection)
    writing.write("no statement at all", [])
    assert (writing.rows, writing.body_bytes) == (0, 0)


def test_a_value_that_is_too_large_is_handed_to_nobody(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has its size, and the bound."""
    monkeypatch.setattr(transaction, "MAX_BODY_BYTES", 1000)
    writing = Transaction(connection)
    with pytest.raises(Unrecordable, match="a value must have at most 1,000 bytes, got 1,001"):
        writing.write(writing.statements.definitions, [("a", b"x"), ("b", b"x" * 1001)])
    assert stored(connection) == []


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_many_values_are_looked_for_in_portions(count: int) -> None:
    """All of them, in their order, and none twice."""
    values = list(range(count))
    portions = list(chunks(values))
    assert [value for portion in portions for value in portion] == values
    assert all(0 < len(portion) <= CHUNK for portion in portions)


def test_an_error_of_a_run_is_reported_with_its_id() -> None:
    """Other errors do not belong to a run."""
    for error in (NotData("it is no data"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")):
        with pytest.raises(Unrecordable, match="the run r-1 cannot be recorded: "), recording("r-1"):
            raise error
    with pytest.raises(KeyError), recording("r-1"):
        raise KeyError("a bug")


def test_a_kind_of_what_cannot_be_recorded_stays_what_it_is() -> None:
    """Its code tells what to do."""
    error = unrecordable("r-1", StoreKeyMissing("there is no key"))
    assert type(error) is StoreKeyMissing
    assert str(error) == "the run r-1 cannot be recorded: there is no key"
