"""Large results are stored once, whatever has them, and are deleted with the last run that has them."""

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, is_encrypted, new_key
from stretto.actors.journal.location import locate
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.records import Ending, UnreadableRecord
from stretto.actors.journal.sql.integrity import problems
from stretto.actors.journal.sql.shared_bodies import plain_digest
from stretto.actors.journal.sql.shared_values import SHARED_BYTES, delete_unused
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.sql.value_tables import run_values, shared_values
from stretto.actors.journal.store import Prune, Unrecordable
from stretto.definitions.conductor import ItemCompleted
from stretto.definitions.data import FrozenDict, encode_json
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.recording import acceptance, completed, data, happening
from tests.support.shared_stores import until_blocked
from tests.support.stores import KEYRING, everything_in, keyless, rows_of, store, store_url
from tests.support.waiting import PATIENCE

__all__ = ["keyless", "store", "store_url"]

LARGE = data({"text": "x" * SHARED_BYTES})
MARK = b"xxxxxxxxxxxxxxxx"


def large(letter: str) -> FrozenDict:
    """Return a large result that differs for each letter."""
    return data({"text": letter * SHARED_BYTES})


def add(store: Store, *results: Any, ended_at: float | None = None, secret: bool = False) -> str:
    """Write a run whose items have these results, and return its id."""
    run = acceptance(secret=secret)
    ending = None if ended_at is None else Ending("succeeded", None, EMPTY_LIST, ended_at)
    items = (completed(index, each) for index, each in enumerate(results))
    store.writer.write([run, happening(run.run_id, *items, ending=ending, secret=secret)])
    return run.run_id


def results(store: Store, run: str) -> list[Any]:
    """Return the results of a run's items, as they are recovered."""
    found = store.reader.entries(run, 0, 100)
    assert all(isinstance(each, ItemCompleted) for each in found)
    return [each.result for each in found if isinstance(each, ItemCompleted)]


def values(store: Store) -> list[bytes]:
    """Return the stored texts of shared values."""
    with store.reader._engine.connect() as connection:
        return list(connection.scalars(select(shared_values.c.body)))


def test_a_large_result_is_stored_once(store: Store) -> None:
    """For all items of a run, and in other transactions and runs, also if it is an equal value."""
    first = add(store, LARGE, LARGE, data({"text": "x" * SHARED_BYTES}))
    store.writer.write([happening(first, completed(3, LARGE), first=3)])
    second = add(store, *[LARGE] * 20)
    assert [results(store, first), results(store, second)] == [[LARGE] * 4, [LARGE] * 20]
    assert everything_in(store).count(MARK * (SHARED_BYTES // len(MARK))) == 1
    assert [rows_of(store, each) for each in ("shared_values", "run_values", "entries")] == [1, 2, 24]


def test_the_rows_of_items_do_not_grow_with_their_common_result(store: Store) -> None:
    """The bytes that are written for one more item are some hundred, however large the result is."""
    written: dict[int, int] = {}
    value = data({"text": "x" * 2**20})
    for items in (1, 101):
        before = store.writer.bytes_written
        add(store, *[value] * items)
        written[items] = store.writer.bytes_written - before
    assert 2**20 < written[1] < 2**20 + 10_000
    assert written[101] < 20_000, "the text was there"


def test_small_results_stay_in_their_entries(store: Store) -> None:
    """A row and a digest more would cost more than they do. Nor is the result of a failed attempt shared."""
    small = data({"text": "x" * (SHARED_BYTES - 20)})
    run = acceptance()
    failed = completed(1, LARGE, outcome="failed", failure=None)
    store.writer.write([run, happening(run.run_id, completed(0, small))])
    assert results(store, run.run_id) == [small]
    assert rows_of(store, "shared_values") == 0
    store.writer.write([happening(run.run_id, failed, first=1)])
    assert results(store, run.run_id) == [small, LARGE]


def test_what_many_entries_share_is_one_value_in_memory(store: Store) -> None:
    """A thousand recovered waits have one payload."""
    runs = [add(store, LARGE, large("y"), LARGE) for _ in range(2)]
    found = [each for run in runs for each in results(store, run) if each == LARGE]
    assert len(found) == 4
    assert all(each is found[0] for each in found)


def test_reports_have_the_whole_result(store: Store) -> None:
    """An item's page and a list of entries read it as any other."""
    run = add(store, LARGE, data({"small": 1}))
    (row, _) = store.reader.items(run).items
    assert [entry.result for _, entry in store.reader.completions(run, [row.number])] == [LARGE]
    assert row.outcome == "succeeded"


def test_a_secret_result_is_encrypted_and_its_digest_is_keyed(store: Store) -> None:
    """It is stored once for all runs with secrets, and once more if a run without has it, too."""
    hidden, other, clear = add(store, LARGE, LARGE, secret=True), add(store, LARGE, secret=True), add(store, LARGE)
    assert [results(store, each) for each in (hidden, other, clear)] == [[LARGE] * 2, [LARGE], [LARGE]]
    assert sorted(map(is_encrypted, values(store))) == [False, True]
    with store.reader._engine.connect() as connection:
        digests = set(connection.scalars(select(run_values.c.digest)))
    assert digests > {KEYRING.digest(encode_json(LARGE))}
    assert len(digests) == 2


def test_a_secret_result_needs_a_key(keyless: Store) -> None:
    """Without one it is refused, as any other secret, and another result is not."""
    run = add(keyless, LARGE)
    with pytest.raises(Unrecordable, match="the store has no key"):
        keyless.writer.write([happening(run, completed(1, LARGE), first=1, secret=True)])
    assert results(keyless, run) == [LARGE]


def test_a_secret_result_is_read_with_its_key_only(durable_url: str) -> None:
    """The error says which key is missing."""
    with open_store(durable_url, Keyring([new_key()])) as store:
        run = add(store, LARGE, secret=True)
    reader = open_reader(durable_url, None)
    with pytest.raises(StoreKeyMissing):
        reader.entries(run, 0, 1)
    assert list(reader.completions(run, [0])) == []
    reader.close()


def test_a_value_is_deleted_with_the_last_run_that_has_it(store: Store) -> None:
    """Values of other runs stay, and no other is left."""
    old, newer = add(store, LARGE, large("y"), ended_at=10.0), add(store, LARGE, ended_at=20.0)
    running = add(store, large("z"))
    assert store.pruning(Prune(ended_before=15.0)).prune_all() == 1
    assert store.reader.run(old) is None
    assert [results(store, newer), results(store, running)] == [[LARGE], [large("z")]]
    assert rows_of(store, "shared_values") == 2
    assert store.pruning(Prune(ended_before=25.0)).prune_all() == 1
    assert [rows_of(store, each) for each in ("shared_values", "run_values")] == [1, 1]


def test_the_values_of_a_large_run_are_deleted_in_portions(store: Store) -> None:
    """No transaction deletes more of them than it may delete rows."""
    kept = add(store, large("c"))
    add(store, *[large(chr(ord("a") + index)) for index in range(20)], ended_at=10.0)
    pruning, counts = store.pruning(Prune(ended_before=15.0)), [rows_of(store, "shared_values")]
    while not pruning.finished:
        pruning.prune_some(4)
        counts.append(rows_of(store, "shared_values"))
    assert counts[0] == 20
    assert counts[-1] == 1
    assert all(before - after <= 4 for before, after in pairwise(counts))
    assert results(store, kept) == [large("c")]


def test_a_missing_value_is_reported(durable_url: str) -> None:
    """The run that refers to it cannot be recovered, and a check of the store names it."""
    with open_store(durable_url, None) as store:
        run, other = add(store, LARGE), add(store, large("y"))
        with store.writer._ownership.transaction() as connection:
            connection.execute(delete(run_values))
            missing = plain_digest(encode_json(LARGE))
            connection.execute(delete(shared_values).where(shared_values.c.digest == missing))
        with pytest.raises(UnreadableRecord, match="is missing from shared_values"):
            store.reader.entries(run, 0, 1)
        assert results(store, other) == [large("y")]
    (problem,) = problems(locate(durable_url), None)
    assert run in problem
    assert "is missing from shared_values" in problem


def test_a_value_that_another_engine_uses_meanwhile_is_not_deleted(join_store: Callable[[], Store]) -> None:
    """The deletion waits for the commit of the engine that has found the value in the store, and sees its run then."""
    pruning, writing = join_store(), join_store()
    ended = add(pruning, LARGE, ended_at=10.0)
    run = acceptance()
    writing.writer.write([run])
    with pruning.reader._engine.connect() as connection:
        (digest,) = connection.scalars(select(run_values.c.digest))
    failures: list[BaseException] = []

    def prune() -> None:
        try:
            pruning.pruning(Prune(ended_before=15.0)).prune_all()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            failures.append(error)

    thread = threading.Thread(target=prune)
    with writing.writer._ownership.transaction() as connection:
        found = select(shared_values.c.digest).with_for_update(read=True, key_share=True)
        assert list(connection.scalars(found)) == [digest]
        thread.start()
        until_blocked(pruning)
        number = connection.scalar(text("SELECT number FROM runs WHERE id = :run"), {"run": run.run_id})
        connection.execute(run_values.insert().values(run=number, digest=digest))
    thread.join(PATIENCE)
    assert (failures, thread.is_alive()) == ([], False)
    assert pruning.reader.run(ended) is None
    assert rows_of(pruning, "shared_values") == 1


def test_unused_values_are_those_that_no_run_has(store: Store) -> None:
    """Nothing is deleted that a run has, though it was asked for."""
    add(store, LARGE)
    with store.writer._ownership.transaction() as connection:
        digests = list(connection.scalars(select(run_values.c.digest)))
        delete_unused(connection, [*digests, "unknown"])
    assert rows_of(store, "shared_values") == 1
