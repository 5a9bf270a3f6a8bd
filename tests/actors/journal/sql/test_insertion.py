"""However many rows are inserted at once, and whatever is missing in them: what is read is what was written."""

import pytest

from stretto.actors.journal.records import Entry
from stretto.actors.journal.sql.insertion import BLOCK_ROWS, FEW_ROWS, SMALL_BYTES
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Unrecordable
from stretto.definitions.conductor import CancelRequested, ItemsWithdrawn
from tests.support.recording import acceptance, completed, happening
from tests.support.stores import rows_of

MANY = 4096


def entries(count: int) -> list[Entry]:
    """Return entries of several kinds: most columns are missing in some of them."""
    kinds: list[Entry] = [
        completed(0, "grüße \N{SNOWMAN}"),
        completed(1, None),
        CancelRequested(3.5),
        completed(2**40, {"a": [1, 2.5, None]}),
        ItemsWithdrawn("fan", 1, (4, 5), 4.0),
    ]
    return [kinds[number % len(kinds)] for number in range(count)]


@pytest.mark.parametrize(
    "count", [1, FEW_ROWS - 1, FEW_ROWS, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS, MANY]
)
def test_rows_are_inserted_as_they_are(store: Store, count: int) -> None:
    """So many at once, by each of the ways that a database is given them."""
    run, written = acceptance(), entries(count)
    store.writer.write([run, happening(run.run_id, *written)])
    assert store.reader.entries(run.run_id, 0, count + 1) == written


@pytest.mark.parametrize("count", [FEW_ROWS, BLOCK_ROWS])
def test_a_column_may_be_missing_in_all_rows(store: Store, count: int) -> None:
    """Results that are null have no body, and a request has no task."""
    run, nulls, requests = acceptance(), [completed(0, None)] * count, [CancelRequested(1.0)] * count
    store.writer.write([run, happening(run.run_id, *nulls)])
    store.writer.write([happening(run.run_id, *requests, first=count)])
    assert store.reader.entries(run.run_id, 0, MANY) == [*nulls, *requests]


@pytest.mark.parametrize("count", [1, FEW_ROWS, BLOCK_ROWS + 1])
def test_a_row_that_exists_already_is_reported(store: Store, count: int) -> None:
    """None of the others is written."""
    run = acceptance()
    store.writer.write([run, happening(run.run_id, completed(0, "first"), first=count - 1)])
    with pytest.raises(Unrecordable):
        store.writer.write([happening(run.run_id, *entries(count))])
    assert rows_of(store, "entries") == 1


@pytest.mark.parametrize("count", [1, FEW_ROWS, BLOCK_ROWS])
def test_a_value_that_no_column_takes_is_reported(store: Store, count: int) -> None:
    """A number of more than 64 bits is refused, wherever it stands."""
    run = acceptance()
    store.writer.write([run])
    with pytest.raises(Unrecordable):
        store.writer.write([happening(run.run_id, *entries(count - 1), completed(2**70, "large"))])
    assert rows_of(store, "entries") == 0


@pytest.mark.parametrize("count", [FEW_ROWS, 2 * BLOCK_ROWS])
def test_large_rows_are_inserted_beside_small_ones(store: Store, count: int) -> None:
    """They go alone, and nothing is lost or written twice."""
    run, written = acceptance(), entries(count)
    written[1::7] = [completed(1, "x" * SMALL_BYTES)] * len(written[1::7])
    store.writer.write([run, happening(run.run_id, *written)])
    assert store.reader.entries(run.run_id, 0, count + 1) == written
