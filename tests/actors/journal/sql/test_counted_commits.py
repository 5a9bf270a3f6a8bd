"""What a commit of a fan-out costs PostgreSQL, counted: sharing a store adds no statement and hardly a byte."""

from collections import Counter
from itertools import pairwise
from typing import Any, Final

import pytest
from sqlalchemy import Engine, text

from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import open_store, share_store
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store_clock import StoreClock
from tests.support.counted_sql import counting
from tests.support.databases import administration
from tests.support.recording import acceptance, completed, happening

PORTION: Final = 256
COMMITS: Final = 8
BYTES_OF_AN_ENTRY: Final = 1.05 * 328
"""Of the log: a row and its indexes. Revision d66f7e97, before daemons shared a store, wrote 327."""


def written(url: str) -> int:
    """Return the position of the server's log."""
    with administration(url) as connection:
        position = connection.scalar(text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"))
    return int(position or 0)


def _opened(url: str, lease: float | None) -> Store:
    return open_store(url, None) if lease is None else share_store(url, None, Lease(lease), StoreClock())


@pytest.mark.parametrize("lease", [None, 3600.0])
def test_a_commit_of_entries_is_two_statements_and_their_rows(postgres_url: str, lease: float | None) -> None:
    """One inserts the entries. One counts the commit, renews the lease, and fails if another daemon has taken over."""
    with _opened(postgres_url, lease) as store:
        run = acceptance()
        store.writer.write([run])

        def commit(number: int) -> None:
            first = number * PORTION
            entries = (completed(first + each, f"hello {first + each}", at=1001.0) for each in range(PORTION))
            store.writer.write([happening(run.run_id, *entries, first=first)])

        commit(0)  # statements are prepared, and the number of the run is known
        rows = store.writer.rows_written
        with counting(Engine) as counted:
            for number in range(1, COMMITS + 1):
                commit(number)
        statements: Counter[Any] = Counter(" ".join(each.split()[:3]) for each in counted.statements)
        assert statements == {"UPDATE engines SET": COMMITS, "INSERT INTO entries": COMMITS}
        assert store.writer.rows_written - rows == COMMITS * PORTION
        positions = [written(postgres_url)]
        for number in range(COMMITS + 1, 2 * COMMITS + 1):
            commit(number)
            positions.append(written(postgres_url))
    # Others may write the log, too, and so does the server itself now and then.
    assert min(end - begin for begin, end in pairwise(positions)) <= PORTION * BYTES_OF_AN_ENTRY
