"""The progress of runs is written with one statement per table; the last state wins."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from stretto.actors.journal.encryption import StoreKeyMissing, is_encrypted
from stretto.actors.journal.records import Ending, Happened, SecretsLearned, TaskState
from stretto.actors.journal.sql import encoding
from stretto.actors.journal.sql.acceptance import Acceptance
from stretto.actors.journal.sql.progress import ProgressWriter
from stretto.actors.journal.sql.shared_values import SHARED_BYTES
from stretto.actors.journal.sql.tables import metadata
from stretto.actors.journal.sql.transaction import Transaction
from stretto.actors.journal.store import Unrecordable
from stretto.definitions.conductor import PauseRequested
from stretto.definitions.data import encode_json
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.recording import acceptance, completed, data, happening
from tests.support.stores import KEYRING


class Ledger:
    """Tables with two runs, and what is written into them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        accepted = [acceptance(run_id) for run_id in "ab"]
        self.numbers, _ = Acceptance(KEYRING).write(Transaction(connection), accepted, owner=1)

    def write(self, *happened: Happened, keyring: Any = KEYRING) -> Transaction:
        transaction = Transaction(self._connection)
        ProgressWriter(keyring).write(transaction, happened, self.numbers)
        return transaction

    def rows(self, columns: str, table: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.exec_driver_sql(f"SELECT {columns} FROM {table}")]  # noqa: S608


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield Ledger(connection)
    engine.dispose()


def test_entries_are_numbered_from_where_each_record_begins(ledger: Ledger) -> None:
    """Those of several runs, and of several records of one."""
    ledger.write(
        happening("a", completed(0), completed(1)), happening("b", completed(0)), happening("a", completed(2), first=2)
    )
    assert sorted(ledger.rows("run, number, item", "entries")) == [(1, 0, 0), (1, 1, 1), (1, 2, 2), (2, 0, 0)]


def test_a_large_result_that_many_items_share_is_encoded_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """An equal one that is another object is encoded by itself."""
    encoded: list[Any] = []

    def counting(value: Any) -> bytes:
        encoded.append(value)
        return encode_json(value)

    monkeypatch.setattr(encoding, "encode_json", counting)
    result, equal = (data({"text": "x" * SHARED_BYTES}) for _ in range(2))
    small = data({"text": "y"})
    entries = [completed(index, each) for index, each in enumerate([result] * 20 + [equal] * 2 + [small] * 2)]
    ledger.write(happening("a", *entries), happening("b", completed(0, equal)))
    assert [len(each["text"]) for each in encoded] == [SHARED_BYTES, SHARED_BYTES, 1, 1]
    assert all(each is other for each, other in zip(encoded, (result, equal, small, small), strict=True))


def test_what_is_said_last_of_a_run_and_a_visit_holds(ledger: Ledger) -> None:
    """Within one transaction, as over several."""
    running, ended = TaskState("t", 1, "running", 5.0), TaskState("t", 1, "failed", 5.0, 6.0, 3, 1, 2)
    transaction = ledger.write(
        happening("a", tasks=(running,), status="paused"),
        happening("a", tasks=(ended, TaskState("t", 2, "running", 7.0)), status="running"),
    )
    assert ledger.rows("task, visit, status, started_at, ended_at, items, succeeded, failed", "tasks") == [
        ("t", 1, "failed", 5.0, 6.0, 3, 1, 2),
        ("t", 2, "running", 7.0, None, 0, 0, 0),
    ]
    assert ledger.rows("status, ended_at", "runs") == [("running", None)] * 2
    assert transaction.rows == 3, "each once"


def test_an_end_is_written_with_its_status_and_time(ledger: Ledger) -> None:
    """An output of null is none; a later end replaces an earlier one."""
    ending = Ending("failed", None, EMPTY_LIST, 9.0)
    ledger.write(happening("a", PauseRequested(8.0), ending=ending, status="running"))
    assert ledger.rows("id, status, ended_at", "runs") == [("a", "failed", 9.0), ("b", "running", None)]
    assert ledger.rows("run, output, errors", "run_ends") == [(1, None, b"[]")]
    ledger.write(happening("a", ending=Ending("succeeded", data({"x": 1}), EMPTY_LIST, 10.0), first=1))
    assert ledger.rows("output", "run_ends") == [(b'{"x":1}',)]


def test_what_may_be_secret_is_encrypted(ledger: Ledger) -> None:
    """And what always is; where there is no body there is nothing to seal."""
    ledger.write(
        happening("a", completed(0, "open"), SecretsLearned(("sesame",))),
        happening("b", completed(0, "shut"), PauseRequested(2.0), secret=True),
    )
    bodies = {(run, number): body for run, number, body in ledger.rows("run, number, body", "entries")}
    assert bodies[1, 0] == b'"open"'
    assert is_encrypted(bodies[1, 1])
    assert is_encrypted(bodies[2, 0])
    assert bodies[2, 1] is None


def test_what_cannot_be_written_is_reported_with_its_run(ledger: Ledger) -> None:
    """Without a key, nothing secret; and no text that is none."""
    with pytest.raises(StoreKeyMissing, match="the run b cannot be recorded"):
        ledger.write(happening("a", completed(0)), happening("b", completed(0, 1), secret=True), keyring=None)
    with pytest.raises(Unrecordable, match="the run a cannot be recorded"):
        ledger.write(happening("a", SecretsLearned(("\ud800",))))
