"""How runs are accepted: each with a number in its order, unless its idempotency key is taken."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from stretto.actors.journal.encryption import StoreKeyMissing, is_encrypted
from stretto.actors.journal.records import Idempotency, ItemKey, ParentItem, Rerun, RunAccepted
from stretto.actors.journal.sql.acceptance import FIRST_STATUS, Acceptance
from stretto.actors.journal.sql.tables import metadata
from stretto.actors.journal.sql.transaction import CHUNK, Transaction
from stretto.actors.journal.store import AlreadyAccepted, Unrecordable
from tests.support.recording import acceptance, data
from tests.support.stores import KEYRING


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as opened:
        metadata.create_all(opened)
        yield opened
    engine.dispose()


def accept(
    connection: Connection, *accepted: RunAccepted, keyring: Any = KEYRING
) -> tuple[dict[str, int], list[AlreadyAccepted]]:
    return Acceptance(keyring).write(Transaction(connection), accepted, owner=1)


def keyed(run_id: str, key: str, fingerprint: str = "print", **given: Any) -> RunAccepted:
    return acceptance(run_id, idempotency=Idempotency(key, fingerprint), **given)


def rows(connection: Connection, columns: str, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM {table}")]  # noqa: S608


def test_runs_have_numbers_in_the_order_of_their_acceptance(connection: Connection) -> None:
    """And inputs of their own; what they share is written once."""
    assert accept(connection, acceptance("b"), acceptance("a")) == ({"b": 1, "a": 2}, [])
    assert accept(connection, acceptance("c")) == ({"c": 3}, [])
    assert rows(connection, "id, status, ended_at", "runs") == [(each, FIRST_STATUS, None) for each in "bac"]
    assert rows(connection, "run, parameters, parent_told", "run_inputs") == [
        (number, b'{"hosts":["a","b"]}', None) for number in (1, 2, 3)
    ]
    assert len(rows(connection, "digest", "definitions")) == 1


def test_whose_item_a_run_performs_and_which_run_it_does_again_are_columns(connection: Connection) -> None:
    """They are looked for."""
    parent = ParentItem("p", ItemKey("task", 2, 5), 3, data({"run_id": "p"}))
    accept(connection, acceptance("old"))
    accept(connection, acceptance("a", parent=parent, depth=1, rerun=Rerun("old", "failed_items")))
    columns = "parent, parent_task, parent_visit, parent_item, parent_attempt, depth, rerun_of, rerun_scope"
    assert rows(connection, columns, "runs")[1] == ("p", "task", 2, 5, 3, 1, "old", "failed_items")
    assert rows(connection, "parent_told", "run_inputs") == [(None,), (b'{"run_id":"p"}',)]


def test_a_run_that_keeps_something_of_another_needs_it(connection: Connection) -> None:
    """It may have been deleted just now; one that does everything again needs nothing."""
    numbers, _ = accept(connection, acceptance("a", rerun=Rerun("gone", "everything")))
    assert numbers == {"a": 1}
    with pytest.raises(Unrecordable, match="the run b cannot be recorded: the run gone that it reruns was deleted"):
        accept(connection, acceptance("b", rerun=Rerun("gone", "failed_tasks")))


def test_of_a_key_the_first_run_has_it(connection: Connection) -> None:
    """A later run gets the earlier run's id and whether its request was the same; nothing of it is written."""
    accept(connection, keyed("a", "k"))
    numbers, taken = accept(connection, keyed("b", "k"), keyed("c", "k", "another"), keyed("d", "other"))
    assert list(numbers) == ["d"]
    assert taken == [AlreadyAccepted("b", "a", True), AlreadyAccepted("c", "a", False)]
    assert [run_id for (run_id,) in rows(connection, "id", "runs")] == ["a", "d"]
    assert len(rows(connection, "run", "run_inputs")) == 2


def test_many_taken_keys_are_looked_for_in_portions(connection: Connection) -> None:
    """No database takes any number of parameters."""
    first = [keyed(f"a{number}", f"k{number}") for number in range(CHUNK + 1)]
    accept(connection, *first)
    _, taken = accept(connection, *(keyed(f"b{number}", f"k{number}") for number in range(CHUNK + 1)))
    assert [(each.run_id, each.existing) for each in taken] == [(f"b{n}", f"a{n}") for n in range(CHUNK + 1)]


def test_what_is_secret_is_encrypted_with_the_digest_of_the_request(connection: Connection) -> None:
    """Which is compared all the same."""
    accept(connection, keyed("a", "k", secret=True))
    ((parameters,),) = rows(connection, "parameters", "run_inputs")
    ((fingerprint,),) = rows(connection, "fingerprint", "runs")
    assert is_encrypted(parameters)
    assert is_encrypted(fingerprint.encode())
    _, taken = accept(connection, keyed("b", "k", secret=True), keyed("c", "k", "another"))
    assert [each.same_request for each in taken] == [True, False]


def test_what_cannot_be_accepted_is_reported_with_its_run(connection: Connection) -> None:
    """An id that is taken, and secrets without a key."""
    accept(connection, acceptance("a"))
    with pytest.raises(Unrecordable, match="the run a cannot be recorded: another run has its id"):
        accept(connection, acceptance("a"))
    with pytest.raises(StoreKeyMissing, match="the run b cannot be recorded"):
        accept(connection, acceptance("b", secret=True), keyring=None)
