"""The permits of keys in a store: engines get them in transactions of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from stretto.actors.journal.lease import Lease
from stretto.actors.journal.limits import SHARED_AT_ONCE, KeyNeed, KeyShare
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.sql import limits as module
from stretto.actors.journal.sql.limits import share_keys
from stretto.actors.journal.sql.shared_postgresql import SharedPostgres
from stretto.actors.journal.store_clock import StoreClock

LEASE = 30.0


class Member:
    """An engine of a store, with a connection like that of its peers."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.store = stack.enter_context(share_store(url, None, Lease(LEASE), StoreClock()))
        self.connection: Connection = stack.enter_context(SharedPostgres(url, LEASE).connect_beside())
        self.number = self.store.engine

    def ask(self, in_use: int, wanted: int, key: str = "db", limit: int = 10) -> tuple[KeyShare, bool]:
        """Return the share of a key, and whether others should ask again."""
        (share,), changed = share_keys(self.connection, self.number, [KeyNeed(key, limit, in_use, wanted)])
        return share, changed == [key]

    def rows(self) -> list[tuple[str, int, int, int]]:
        found = self.connection.execute(text("SELECT key, engine, held, wanted FROM permits ORDER BY key, engine"))
        return [(row.key, row.engine, row.held, row.wanted) for row in found]

    def fence(self, other: "Member") -> None:
        self.connection.execute(
            text("UPDATE engines SET fenced_by = :us WHERE number = :other"), {"us": self.number, "other": other.number}
        )


@pytest.fixture
def join(postgres_url: str) -> Iterator[Callable[[], Member]]:
    """Return what opens the store for one more engine."""
    with ExitStack() as stack:
        yield lambda: Member(postgres_url, stack)


def test_engines_never_have_more_than_the_limit(join: Callable[[], Member]) -> None:
    """The one that got too few waits, and others are to know of it. The next time they need not."""
    first, second = join(), join()
    assert first.ask(0, 7) == (KeyShare("db", 7, None, ()), False)
    assert second.ask(0, 7) == (KeyShare("db", 3, None, ((first.number, 7),)), True)
    assert second.ask(3, 4) == (KeyShare("db", 3, None, ((first.number, 7),)), False)
    assert first.ask(7, 0) == (KeyShare("db", 7, 5, ((second.number, 3),)), False)


def test_permits_that_are_returned_go_to_who_waits(join: Callable[[], Member]) -> None:
    first, second = join(), join()
    first.ask(0, 10)
    second.ask(0, 4)
    share, is_news = first.ask(8, 2)
    assert (share.held, share.fair, is_news) == (8, 5, True)
    assert second.ask(0, 4)[0].held == 2


def test_an_engine_with_a_lower_limit_gets_its_share(join: Callable[[], Member]) -> None:
    """The other one keeps its fair share of the lower limit while that waits, and has its own limit again behind it."""
    high, low = join(), join()
    assert high.ask(0, 20, limit=5)[0].held == 5
    assert low.ask(0, 10, limit=2) == (KeyShare("db", 0, 1, ((high.number, 5),)), True)
    assert high.ask(5, 15, limit=5)[0] == KeyShare("db", 5, 1, ())
    assert high.ask(1, 19, limit=5) == (KeyShare("db", 1, 1, ()), True)
    assert low.ask(0, 10, limit=2)[0].held == 1
    assert high.ask(1, 19, limit=5)[0].held == 1
    assert low.ask(0, 0, limit=2)[1]
    assert high.ask(1, 19, limit=5)[0] == KeyShare("db", 5, None, ())


def test_the_limit_of_an_engine_of_an_older_version_is_not_known(join: Callable[[], Member]) -> None:
    """Its row has none."""
    older, other = join(), join()
    older.ask(0, 20, limit=1)
    older.connection.execute(text("UPDATE permits SET bound = NULL"))
    assert other.ask(0, 3, limit=4)[0].held == 2, "its fair share"


def test_two_engines_take_turns_with_one_permit(join: Callable[[], Member]) -> None:
    """Each returns it at an item's end, and waits behind the other."""
    first, second = join(), join()
    first.ask(0, 1, limit=1)
    second.ask(0, 1, limit=1)
    having, waiting = first, second
    for _ in range(4):
        share, is_news = having.ask(0, 1, limit=1)
        assert (share.held, share.fair, is_news) == (0, 0, True)
        assert waiting.ask(0, 1, limit=1)[0].held == 1
        having, waiting = waiting, having


def test_a_fenced_engine_has_no_permits(join: Callable[[], Member]) -> None:
    """And gets none. Its row is deleted."""
    first, second = join(), join()
    first.ask(0, 10)
    second.fence(first)
    assert share_keys(first.connection, first.number, [KeyNeed("db", 10, 0, 1)]) == ([], [])
    assert second.ask(0, 10)[0] == KeyShare("db", 10, None, ())
    assert second.rows() == [("db", second.number, 10, 0)]


def test_a_key_that_no_one_needs_has_no_row(join: Callable[[], Member]) -> None:
    first = join()
    first.ask(0, 1)
    first.ask(0, 0)
    assert first.rows() == []


def test_asking_again_changes_nothing(join: Callable[[], Member]) -> None:
    """So a transaction whose connection was lost can be repeated."""
    first, _ = join(), join()
    shares = [first.ask(2, 3)[0] for _ in range(2)]
    assert shares == [KeyShare("db", 5, None, ())] * 2


def test_many_keys_are_shared_in_portions(join: Callable[[], Member]) -> None:
    first = join()
    needs = [KeyNeed(f"key {number}", 1, 0, 1) for number in range(SHARED_AT_ONCE + 1)]
    shares, changed = share_keys(first.connection, first.number, needs)
    assert [each.held for each in shares] == [1] * len(needs)
    assert changed == []


def test_an_engine_does_not_wait_for_a_frozen_one(join: Callable[[], Member], monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one has the key's lock in an unfinished transaction. The connection can be used afterwards."""
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.01)
    frozen, other = join(), join()
    frozen.connection.exec_driver_sql("BEGIN")
    frozen.connection.execute(module._LOCK, {"lock": module._lock_of("db")})
    with pytest.raises(OperationalError, match="lock timeout"):
        other.ask(0, 1)
    frozen.connection.exec_driver_sql("ROLLBACK")
    assert other.ask(0, 1)[0].held == 1
