"""The data that the writer passes to the database, and the cases in which the database refuses it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Ending, Happened, Idempotency, RunAccepted, TaskState, Write
from stretto.actors.journal.sql import progress, transaction
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import AlreadyAccepted, StoreUnavailable, Unrecordable
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.recording import acceptance, completed, data, happening
from tests.support.stores import rows_of, store, store_url

__all__ = ["store", "store_url"]

MEGABYTE = 1_000_000
ITEMS = 10_000
RESULT = {"host": "host-0000", "status": "ok", "lines": "x" * 155}


def fan_out(run_id: str, items: int, batch: int = 500) -> Iterator[Happened]:
    """Yield what is written as a task performs so many items."""
    yield happening(run_id, tasks=(TaskState("probe", 1, "running", 1.0),))
    for first in range(0, items, batch):
        yield happening(run_id, *(completed(index, RESULT) for index in range(first, first + batch)), first=first)
    ended = TaskState("probe", 1, "succeeded", 1.0, 2.0, items, items)
    yield happening(run_id, tasks=(ended,), ending=Ending("succeeded", None, EMPTY_LIST, 2.0))


def keyed(key: str) -> RunAccepted:
    """Return that a run was accepted with a client's key."""
    return acceptance(idempotency=Idempotency(key, "digest"))


def test_an_item_costs_a_row_with_its_own_result(store: Store) -> None:
    """10,000 items over a context of 5 MB write 10,000 rows and few more, and less than 3 times their results."""
    run = acceptance(parameters=data({"text": "x" * 5 * MEGABYTE}))
    store.writer.write([run])
    rows, bytes_ = store.writer.rows_written, store.writer.bytes_written
    assert rows < 5
    assert 5 * MEGABYTE < bytes_ < 5.01 * MEGABYTE
    for write in fan_out(run.run_id, ITEMS):
        store.writer.write([write])
    results = ITEMS * len(msgspec.json.encode(RESULT))
    assert ITEMS <= store.writer.rows_written - rows < ITEMS + 10
    assert results <= store.writer.bytes_written - bytes_ < 3 * results


def test_a_file_grows_by_what_is_written(tmp_path: Path) -> None:
    """The file of a run with 5 MB of parameters and 10,000 results holds those, and less than 3 times these."""
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}", None) as store:
        run = acceptance(parameters=data({"text": "x" * 5 * MEGABYTE}))
        store.writer.write([run])
        for write in fan_out(run.run_id, ITEMS):
            store.writer.write([write])
        results = store.writer.bytes_written - 5 * MEGABYTE
    assert [each.name for each in tmp_path.iterdir() if each.stat().st_size > 1000] == ["store.db"], "no log is left"
    assert path.stat().st_size < 5 * MEGABYTE + 3 * results


def test_a_record_without_memory_is_refused_and_others_are_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction is rolled back, and the error names the run."""
    run, other = acceptance(), acceptance()
    store.writer.write([run, other])

    def starved(_entry: object, _shared: object) -> None:
        raise MemoryError

    monkeypatch.setattr(progress, "encode_entry", starved)
    with pytest.raises(Unrecordable, match=f"{run.run_id}.*not enough memory"):
        store.writer.write([happening(run.run_id, completed(0, RESULT))])
    monkeypatch.undo()
    store.writer.write([happening(other.run_id, completed(0, RESULT))])
    assert rows_of(store, "entries") == 1


def test_what_was_not_committed_does_not_count(store: Store) -> None:
    """The totals are of what is in the store."""
    run = acceptance()
    store.writer.write([run])
    before = store.writer.rows_written, store.writer.bytes_written
    with pytest.raises(Unrecordable):
        store.writer.write([happening(run.run_id, completed(0, "x")), happening("missing", completed())])
    assert (store.writer.rows_written, store.writer.bytes_written) == before


def test_a_value_that_is_too_large_is_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database would end the connection over it, again and again."""
    monkeypatch.setattr(transaction, "MAX_BODY_BYTES", 1000)
    run = acceptance()
    store.writer.write([run])
    with pytest.raises(
        Unrecordable, match=rf"{run.run_id} cannot be recorded: a value must have at most 1,000 bytes, got 1,002"
    ):
        store.writer.write([happening(run.run_id, completed(0, "x" * 1000))])
    store.writer.write([happening(run.run_id, completed(0, "x" * 998))])


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_a_key_that_no_index_takes_is_reported(store: Store) -> None:
    """PostgreSQL refuses very long ones: that is the request's fault, and never the store's."""
    run = keyed("".join(chr(0x4E00 + n * n % 20_000) for n in range(20_000)))
    with pytest.raises(Unrecordable, match=f"the run {run.run_id} cannot be recorded: .*index row"):
        store.writer.write([run])
    assert store.writer.write([acceptance()]) == []


def test_nothing_is_asked_of_runs_that_are_known(store: Store) -> None:
    """A live run's number is kept at hand until it has ended."""
    runs = [acceptance() for _ in range(3)]
    store.writer.write(runs)
    assert store.writer._numbers.keys() == {run.run_id for run in runs}
    store.writer.write([happening(runs[0].run_id, ending=Ending("failed", None, EMPTY_LIST, 1.0))])
    assert store.writer._numbers.keys() == {run.run_id for run in runs[1:]}
    store.writer.write([happening(runs[0].run_id, status="failed")])


def test_a_full_disk_is_reported_and_recovered_from(tmp_path: Path) -> None:
    """Nothing of the transaction is written; when there is room again, all of it is."""
    with open_store(f"sqlite:///{tmp_path}/store.db", None) as store:
        run = acceptance()
        store.writer.write([run])
        connection = store.writer._ownership._connection
        assert connection is not None
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA max_page_count = 1")
        writes: list[Write] = [happening(run.run_id, completed(0, "x" * MEGABYTE)), acceptance()]
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            store.writer.write(writes)
        assert store.reader.entries(run.run_id, 0, 10) == []
        store.writer.write(writes)
        assert len(store.reader.entries(run.run_id, 0, 10)) == 1
        assert rows_of(store, "runs") == 2


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_a_lost_connection_is_reported_and_recovered_from(store: Store, store_url: str) -> None:
    """The write that finds it out is not done, and is when it is tried again; readers go on by themselves."""
    run = acceptance()
    store.writer.write([run])
    assert store.reader.run(run.run_id) is not None
    engine = create_engine(make_url(store_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) {others}"))
    engine.dispose()
    writes = [happening(run.run_id, completed(0))]
    with pytest.raises(StoreUnavailable):
        store.writer.write(writes)
    assert store.reader.entries(run.run_id, 0, 10) == []
    store.writer.write(writes)
    assert store.reader.entries(run.run_id, 0, 10) == [completed(0)]


def cut_off_at_commit(store: Store, *, landed: bool) -> None:
    """Break the connection at the next commit, before or after the database has committed."""
    connection = store.writer._ownership._connection
    assert connection is not None

    @event.listens_for(connection, "commit", once=True)
    def _cut(at_commit: Connection) -> None:
        driver = at_commit.connection.driver_connection
        assert driver is not None
        if landed:
            driver.commit()
        raise OperationalError("COMMIT", None, ConnectionError("the connection was lost"))


@pytest.mark.parametrize("landed", [True, False])
def test_what_may_have_been_committed_is_written_once(store: Store, landed: bool) -> None:
    """Records repeated after a lost connection, followed by more, are stored once; so are their answers."""
    run, first, again = acceptance(), keyed("k"), keyed("k")
    store.writer.write([run, first])
    writes: list[Write] = [happening(run.run_id, completed(0)), again, acceptance()]
    cut_off_at_commit(store, landed=landed)
    with pytest.raises(StoreUnavailable, match="the connection was lost"):
        store.writer.write(writes)
    more = happening(run.run_id, completed(1), first=1)
    assert store.writer.write([*writes, more]) == [AlreadyAccepted(again.run_id, first.run_id, same_request=True)]
    assert store.reader.entries(run.run_id, 0, 10) == [completed(0), completed(1)]
    assert rows_of(store, "runs") == 3
    # Definition, three runs with their inputs, two entries.
    assert store.writer.rows_written == 9 + 1


def test_what_has_landed_is_known_until_all_of_it_is_given_again(store: Store) -> None:
    """Records that were refused because of another one can be written one by one."""
    run = acceptance()
    store.writer.write([run])
    landed = happening(run.run_id, completed(0))
    cut_off_at_commit(store, landed=True)
    with pytest.raises(StoreUnavailable):
        store.writer.write([landed])
    with pytest.raises(Unrecordable):
        store.writer.write([landed, happening("missing", completed())])
    assert store.writer.write([landed]) == []
    with pytest.raises(Unrecordable):
        store.writer.write([landed])
    assert store.reader.entries(run.run_id, 0, 10) == [completed(0)]


def test_portions_are_one_transaction(store: Store) -> None:
    """They are taken one after the other, each when the ones before it are executed."""
    run = acceptance()
    rows: list[int] = []

    def more() -> Iterator[list[Write]]:
        for first in (0, 100):
            rows.append(store.writer.rows_written)
            yield [happening(run.run_id, *(completed(first + index, RESULT) for index in range(100)), first=first)]

    store.writer.write([run], more())
    assert rows == [0, 0]
    assert store.writer.rows_written >= 201
    assert len(store.reader.entries(run.run_id, 0, 500)) == 200


def test_a_portion_that_the_store_refuses_undoes_those_before_it(store: Store) -> None:
    """As all records of one transaction."""
    run = acceptance()
    with pytest.raises(Unrecordable, match="unknown"):
        store.writer.write([run], iter([[happening("unknown", completed(0, RESULT))]]))
    assert store.reader.accepted(run.run_id) is None
