"""The keys that an engine shares with others: asked for in one look, and again after an error."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from stretto.actors.journal import KeyNeed, KeyShare, RateNeed, RatePortion
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.sql.shared_keys import PERMITS, SharedKeys
from stretto.actors.journal.sql.shared_postgresql import SharedPostgres
from stretto.actors.journal.store_clock import StoreClock

LEASE = 30.0


class User:
    """Needs one permit, or one time, of each key."""

    def __init__(self) -> None:
        self.waits: list[str] = []
        self.got: list[Any] = []

    def waiting(self) -> list[str]:
        return self.waits

    def settle(self, got: Iterable[Any]) -> None:
        self.got += got


class Permits(User):
    """Needs a permit of each key."""

    def needs(self, keys: Iterable[str]) -> list[KeyNeed]:
        return [KeyNeed(key, 1, 0, 1) for key in keys]


class Times(User):
    """Needs a time of each key."""

    def needs(self, keys: Iterable[str]) -> list[RateNeed]:
        return [RateNeed(key, 60.0, 1) for key in keys]


class Member:
    """An engine of a store."""

    def __init__(self, url: str, stack: ExitStack, look_seconds: float = 1e9) -> None:
        self.store = stack.enter_context(share_store(url, None, Lease(LEASE), StoreClock()))
        self.connection: Connection = stack.enter_context(SharedPostgres(url, LEASE).connect_beside())
        self.woken = 0
        self.keys = SharedKeys(self.store.engine, look_seconds, self._wake)
        self.permits, self.times = Permits(), Times()
        self.keys.limits, self.keys.rates = self.permits, self.times

    def _wake(self) -> None:
        self.woken += 1

    def look(self) -> list[tuple[str, str]]:
        return self.keys.look(self.connection)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_a_look_gets_what_was_asked_for(postgres_url: str, stack: ExitStack) -> None:
    """And nothing the next time."""
    member = Member(postgres_url, stack)
    member.keys.share(["db"])
    member.keys.take_times(["api", "other"])
    assert (member.woken, member.keys.any) == (2, True)
    assert member.look() == []
    assert not member.keys.any
    assert [(each.key, each.held) for each in member.permits.got if isinstance(each, KeyShare)] == [("db", 1)]
    assert sorted(each.key for each in member.times.got if isinstance(each, RatePortion)) == ["api", "other"]
    member.look()
    assert (len(member.permits.got), len(member.times.got)) == (1, 2)


def test_others_are_notified_of_a_permit_that_is_missing(postgres_url: str, stack: ExitStack) -> None:
    """Who hears its own notification does not ask again."""
    first, second = (Member(postgres_url, stack) for _ in range(2))
    for member in (first, second):
        member.keys.share(["db"])
    assert first.look() == []
    ((channel, payload),) = second.look()
    assert channel == PERMITS
    for member in (first, second):
        member.keys.permits_changed(payload)
    assert (first.keys.any, second.keys.any) == (True, False)


def test_the_permits_that_items_wait_for_are_asked_for_now_and_then(postgres_url: str, stack: ExitStack) -> None:
    member = Member(postgres_url, stack, look_seconds=0.0)
    member.permits.waits = ["db"]
    for _ in range(2):
        member.look()
    assert [each.key for each in member.permits.got] == ["db", "db"]


def test_what_failed_is_asked_for_again(postgres_url: str, stack: ExitStack) -> None:
    """The connection was lost. Another one takes its place."""
    member = Member(postgres_url, stack)
    number = member.connection.scalar(text("SELECT pg_backend_pid()"))
    with SharedPostgres(postgres_url, LEASE).connect_beside() as other:
        other.execute(text("SELECT pg_terminate_backend(:number, 60000)"), {"number": number})
    member.keys.take_times(["api"])
    with pytest.raises(SQLAlchemyError):
        member.look()
    assert member.keys.any
    member.connection = stack.enter_context(SharedPostgres(postgres_url, LEASE).connect_beside())
    member.look()
    assert [each.key for each in member.times.got] == ["api"]
