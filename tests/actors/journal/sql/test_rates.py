"""The times of rates in a store: engines take them in portions, one statement for several keys."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, text

from stretto.actors.journal import RateNeed, RatePortion
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.rates import PORTIONS_AHEAD
from stretto.actors.journal.sql.rates import forget_past_rates, take_times
from stretto.actors.journal.sql.shared_postgresql import SharedPostgres
from stretto.actors.journal.store_clock import StoreClock

LEASE = 30.0
INTERVAL = 100.0
"""Longer than any test: what is taken is still to come."""


class Member:
    """An engine of a store, with a connection like that of its peers."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.store = stack.enter_context(share_store(url, None, Lease(LEASE), StoreClock()))
        self.connection: Connection = stack.enter_context(SharedPostgres(url, LEASE).connect_beside())
        self.number = self.store.engine

    def take(self, wanted: int = 1, key: str = "api", interval: float = INTERVAL, lead: float = 0.0) -> RatePortion:
        """Return the portion of a key."""
        (portion,) = take_times(self.connection, self.number, [RateNeed(key, interval, wanted, lead)])
        return portion

    def give_back(self, portion: RatePortion, used: int) -> None:
        """Return the times of a portion that are not used."""
        unused = (portion.first_at + used * INTERVAL, portion.end)
        assert take_times(self.connection, self.number, [RateNeed(portion.key, INTERVAL, 0, 0.0, unused)]) == []

    def time(self) -> float:
        """Return the store's time."""
        return float(self.connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def keys(self) -> list[str]:
        return list(self.connection.scalars(text("SELECT key FROM rates ORDER BY key")))


@pytest.fixture
def join(postgres_url: str) -> Iterator[Callable[[], Member]]:
    """Return what opens the store for one more engine."""
    with ExitStack() as stack:
        yield lambda: Member(postgres_url, stack)


def test_portions_of_all_engines_follow_each_other(join: Callable[[], Member]) -> None:
    """The first one begins now, by the store's clock."""
    first, second = join(), join()
    before = first.time()
    portion = first.take(3)
    assert before <= portion.first_at <= first.time()
    assert portion.end == pytest.approx(portion.first_at + 3 * INTERVAL)
    following = second.take(2)
    assert following == RatePortion("api", portion.end, 2, portion.end + 2 * INTERVAL)
    assert first.take().first_at == following.end


def test_times_that_nobody_took_are_lost(join: Callable[[], Member]) -> None:
    """Else an engine could start all items of the past at once."""
    first = join()
    first.connection.execute(text("INSERT INTO rates VALUES ('api', 7, 0, 1, 7)"))
    before = first.time()
    assert first.take().first_at >= before


def test_a_portion_may_begin_later(join: Callable[[], Member]) -> None:
    first = join()
    before = first.time()
    portion = first.take(lead=5.0)
    assert before + 5 <= portion.first_at <= first.time() + 5
    assert first.take(lead=5.0).first_at == portion.end, "the times before it are not free"


def test_the_last_portion_can_be_returned(join: Callable[[], Member]) -> None:
    """The times before that of another engine cannot."""
    first, second = join(), join()
    portion = first.take(3)
    first.give_back(portion, 1)
    following = second.take()
    assert following.first_at == portion.first_at + INTERVAL
    first.give_back(portion, 1)
    assert second.take().first_at == following.end


def test_several_keys_are_taken_at_once(join: Callable[[], Member]) -> None:
    first = join()
    needs = [RateNeed(key, INTERVAL, 2) for key in ("c", "a", "b")]
    portions = take_times(first.connection, first.number, needs)
    assert sorted((each.key, each.times) for each in portions) == [("a", 2), ("b", 2), ("c", 2)]


def test_engines_that_take_the_same_keys_at_once_get_different_times(join: Callable[[], Member]) -> None:
    """In whatever order they ask, nobody waits for ever."""
    keys = [f"key {number}" for number in range(20)]
    members = [(join(), keys), (join(), keys[::-1])]
    got: list[RatePortion] = []

    def take(member: Member, asked: list[str]) -> None:
        for _ in range(10):
            got.extend(take_times(member.connection, member.number, [RateNeed(key, INTERVAL, 2) for key in asked]))

    threads = [threading.Thread(target=take, args=each) for each in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in keys:
        of_key = sorted(each for each in got if each.key == key)
        assert len(of_key) == 20
        assert [each.first_at for each in of_key[1:]] == [each.end for each in of_key[:-1]]


def test_a_fenced_engine_takes_nothing(join: Callable[[], Member]) -> None:
    first, second = join(), join()
    fenced = {"us": second.number, "other": first.number}
    second.connection.execute(text("UPDATE engines SET fenced_by = :us WHERE number = :other"), fenced)
    assert take_times(first.connection, first.number, [RateNeed("api", INTERVAL, 1)]) == []
    assert second.keys() == []


def test_a_clock_that_was_set_back_does_not_stop_a_key(join: Callable[[], Member]) -> None:
    """Nor does a rate that was a thousand times slower."""
    first = join()
    first.connection.execute(text("INSERT INTO rates VALUES ('api', :far, 0, 1, 1)"), {"far": first.time() + 10**7})
    portion = first.take(interval=1.0)
    assert portion.first_at == pytest.approx(first.time() + PORTIONS_AHEAD + 2, abs=60)
    assert first.take(interval=1.0).first_at >= portion.first_at


def test_keys_whose_next_time_is_now_are_forgotten(join: Callable[[], Member]) -> None:
    first = join()
    first.take(key="later")
    first.connection.execute(text("INSERT INTO rates VALUES ('past', 7, 0, 1, 7)"))
    forget_past_rates(first.connection)
    assert first.keys() == ["later"]
