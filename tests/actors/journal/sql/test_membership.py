"""Several engines share one store in PostgreSQL: who may write, and who takes over."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import open_store, share_store
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import CannotOpenStore, StoreInUse, StoreLost, StoreUnavailable
from stretto.actors.journal.store_clock import StoreClock
from tests.support.counted_sql import counting
from tests.support.databases import started_server
from tests.support.recording import acceptance, completed, happening

LEASE = 60.0
HOUR = 3600.0


class Shared:
    """A store that engines of one test share. Time passes for their leases when the test says so."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.url = url
        self.now = 0.0
        self._stack = stack

    def join(self, clock: StoreClock | None = None) -> Store:
        """Open the store as one more engine."""
        lease = Lease(LEASE, lambda: self.now)
        return self._stack.enter_context(share_store(self.url, None, lease, clock or StoreClock()))

    @staticmethod
    def break_off(store: Store) -> None:
        """End an engine's connection without a word, as its death does."""
        connection = store._ownership._connection
        assert connection is not None
        connection.invalidate()
        connection.close()
        store._ownership._connection = None

    @staticmethod
    def expire(by: Store, late: Store) -> None:
        """Let the lease of an engine be over."""
        with by._ownership.transaction() as connection:
            connection.execute(
                text("UPDATE engines SET expires_at = expires_at - 61 WHERE number = :number"), {"number": late.engine}
            )


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Shared]:
    """Return an empty store that is to be shared."""
    with ExitStack() as stack:
        yield Shared(postgres_url, stack)


def owner(store: Store, run_id: str) -> int | None:
    """Return the owner of a run."""
    with store.reader._engine.connect() as connection:
        found: int | None = connection.scalar(text("SELECT owner FROM runs WHERE id = :run"), {"run": run_id})
    return found


def test_engines_write_one_store_at_once(shared: Shared) -> None:
    """Each has its number, and the runs that it has accepted."""
    first, second = shared.join(), shared.join()
    for store, run_id in ((first, "a"), (second, "b"), (first, "c")):
        store.writer.write([acceptance(run_id)])
    assert [owner(first, each) for each in "abc"] == [first.engine, second.engine, first.engine]
    assert first.claims.claim().unfinished == second.claims.claim().unfinished == ()
    found = second.reader.engine_of("a")
    assert found is not None
    assert found.number == first.engine


def test_an_engine_that_is_the_only_one_takes_over_at_once(shared: Shared) -> None:
    """A daemon alone need not wait for the lease of the one before it: the lock shows that it is gone."""
    dead = shared.join()
    dead.writer.write([acceptance("a")])
    shared.break_off(dead)
    store = shared.join()
    assert [each.run_id for each in store.claims.claim().unfinished] == ["a"]
    with pytest.raises(StoreLost, match=r"for longer than its lease, and process \d+ on .* took over"):
        dead.writer.write([happening("a", completed())])
    assert store.reader.entries("a", 0, 10) == []


def test_an_engine_whose_lease_is_over_is_fenced(shared: Shared) -> None:
    """Its runs are claimed in the same transaction. Its next write is refused for good, and changes nothing."""
    frozen, store = shared.join(), shared.join()
    frozen.writer.write([acceptance("a"), happening("a", completed())])
    shared.expire(store, frozen)
    shared.now += LEASE
    with capture_logs() as logs:
        assert [each.run_id for each in store.claims.claim().unfinished] == ["a"]
    (fenced,) = logs
    assert (fenced["event"], fenced["engine"]) == ("engine_fenced", frozen.engine)
    for _ in range(2):
        with pytest.raises(StoreLost, match="took over: this process can no longer write it"):
            frozen.writer.write([happening("a", completed(1), first=1)])
    assert len(store.reader.entries("a", 0, 10)) == 1
    store.writer.write([happening("a", completed(1), first=1)])


def test_an_engine_that_renews_its_lease_keeps_its_runs(shared: Shared) -> None:
    """Every commit renews it, and so does a claim that finds nothing."""
    working, idle, store = shared.join(), shared.join(), shared.join()
    working.writer.write([acceptance("a")])
    shared.now += LEASE
    shared.expire(store, working)
    shared.expire(store, idle)
    working.writer.write([happening("a", completed())])
    idle.claims.claim()
    assert store.claims.claim().unfinished == ()
    working.writer.write([happening("a", completed(1), first=1)])


def test_nobody_is_fenced_for_the_time_of_a_lease_after_a_connection(shared: Shared) -> None:
    """When the server was restarted, the others may need a moment longer to connect again."""
    other, store = shared.join(), shared.join()
    other.writer.write([acceptance("a")])
    shared.expire(store, other)
    claimed = store.claims.claim()
    assert (claimed.unfinished, claimed.again) == ((), LEASE / 3)
    shared.now = LEASE - 1.0
    assert store.claims.claim().again == 1.0
    shared.now = LEASE
    shared.break_off(store)
    assert store.claims.claim().unfinished == (), "a lost connection was replaced"
    shared.now = 2 * LEASE
    assert len(store.claims.claim().unfinished) == 1


def test_an_engine_that_joins_behind_a_restart_of_the_server_fences_nobody_for_the_time_of_a_lease() -> None:
    """The others are not connected, but alive: each tries again for some seconds."""
    server = started_server()
    try:
        with ExitStack() as stack:
            shared = Shared(server.url(), stack)
            alive, dead = shared.join(), shared.join()
            alive.writer.write([acceptance("a")])
            dead.writer.write([acceptance("b")])
            server.halt()
            server.resume()
            joining = shared.join()
            assert joining.claims.claim().unfinished == ()
            with pytest.raises(StoreUnavailable):  # its connection ended with the server
                alive.writer.write([happening("a", completed())])
            alive.writer.write([happening("a", completed())])
            shared.expire(joining, dead)
            assert joining.claims.claim().unfinished == ()
            shared.now = LEASE
            assert [each.run_id for each in joining.claims.claim().unfinished] == ["b"]
    finally:
        server.remove()


def test_the_next_look_is_at_the_end_of_the_next_lease(shared: Shared) -> None:
    """So a dead engine is found when its lease ends, and not at the renewal after that."""
    _other, store = shared.join(), shared.join()
    shared.now = LEASE
    again = store.claims.claim().again
    assert again == LEASE / 3, "that of a living engine is renewed before its end"
    with store._ownership.transaction() as connection:
        shorter = "UPDATE engines SET expires_at = expires_at - 55 WHERE number <> :ours"
        connection.execute(text(shorter), {"ours": store.engine})
    again = store.claims.claim().again
    assert again is not None
    assert 0.05 <= again < LEASE / 3


def test_an_engine_in_the_middle_of_a_commit_is_neither_fenced_nor_waited_for(shared: Shared) -> None:
    """Whether it goes on or hangs, the server decides: it ends transactions that are idle for the time of a lease."""
    committing, store = shared.join(), shared.join()
    shared.now = LEASE
    shared.expire(store, committing)
    with committing._ownership.transaction() as connection:
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
        connection.execute(text("UPDATE engines SET commits = commits WHERE number = :me"), {"me": committing.engine})
        assert store.claims.claim().unfinished == ()
    committing.writer.write([acceptance("a")])


def test_an_engine_that_is_closed_gives_up_its_runs(shared: Shared) -> None:
    """The others need not wait for the end of its lease, and its row is forgotten."""
    closed, store = shared.join(), shared.join()
    closed.writer.write([acceptance("a")])
    closed.close()
    assert owner(store, "a") is None
    assert [each.run_id for each in store.claims.claim().unfinished] == ["a"]
    store.claims.claim()
    with store.reader._engine.connect() as connection:
        assert connection.scalars(text("SELECT number FROM engines")).all() == [store.engine]


def test_who_wants_the_store_alone_and_who_shares_it_exclude_each_other(shared: Shared) -> None:
    """Neither an older Stretto nor an offline command writes while an engine shares the store."""
    store = shared.join()
    with pytest.raises(StoreInUse, match="stop that process first"):
        open_store(shared.url, None)
    store.close()
    with open_store(shared.url, None), pytest.raises(StoreInUse, match="stop that process first"):
        shared.join()
    shared.join()


def test_times_are_those_of_the_server(shared: Shared) -> None:
    """The clock of this machine may be wrong by an hour."""
    clock = StoreClock(wall=lambda: 1000.0)
    store = shared.join(clock)
    store.writer.write([acceptance("a")])
    with store.reader._engine.connect() as connection:
        told = connection.scalar(text("SELECT extract(epoch from clock_timestamp())"))
    assert told is not None
    assert abs(clock.now() - float(told)) < HOUR / 4


def test_a_commit_asks_the_server_once_for_count_fence_renewal_and_time(shared: Shared) -> None:
    """A commit of a shared store has as many statements as one of a store for one engine."""
    store = shared.join()
    store.writer.write([acceptance("a")])
    connection = store._ownership._connection
    assert connection is not None
    with counting(connection.engine) as counted:
        store.writer.write([happening("a", completed())])
    assert [each.split()[0] for each in counted.statements] == ["INSERT", "UPDATE"]


def test_only_postgresql_is_shared(tmp_path: Path) -> None:
    """The error names the setting."""
    with pytest.raises(CannotOpenStore, match=r"only a store in PostgreSQL can be shared: unset engine.store_lease"):
        share_store(f"sqlite:///{tmp_path}/store.db", None, Lease(LEASE), StoreClock())
