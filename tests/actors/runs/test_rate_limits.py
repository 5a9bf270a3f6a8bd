"""The rates of keys in one engine: alone, and with the times that the store gives to it."""

from math import inf
from typing import Any

import pytest

from stretto.actors.dispatch import ForgetReminder, RemindAt, Timers
from stretto.actors.journal import RateNeed, RatePortion
from stretto.actors.runs import rate_limits as module
from stretto.actors.runs.messages import PermitsGranted
from stretto.actors.runs.rate_limits import RATE_PREFIX, RateLimits, RatePool, RateUse
from stretto.definitions.errors import LimitExceeded, Place
from stretto.definitions.expressions import Constant
from stretto.definitions.model import RateLimit

PLACE = Place("a.yaml", 1, 1)


def rate(limit: int = 1, per: float = 1.0, burst: int = 1) -> RateLimit:
    return RateLimit(Constant("k", PLACE), limit, per, burst, PLACE)


class Inbox:
    """Gets the messages of one run."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    def tell(self, message: Any) -> None:
        """Get a message: none comes before its time."""
        raise AssertionError(message)


class Time:
    """A clock that stands, and the reminders for it. It is the clock's actor as well."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.reminders: dict[int, RemindAt] = {}
        self.limits = RateLimits(Timers(self, lambda: self.now))  # type: ignore[arg-type]

    def tell(self, message: RemindAt | ForgetReminder) -> None:
        """Keep or forget a reminder."""
        if isinstance(message, ForgetReminder):
            del self.reminders[message.key]
        else:
            self.reminders[message.key] = message

    def next(self) -> tuple[float, str]:
        """Return when the only reminder is due, and for whom."""
        (reminder,) = self.reminders.values()
        assert reminder.message == PermitsGranted(1, RATE_PREFIX + "k")
        return reminder.at, reminder.to.run_id  # type: ignore[attr-defined]

    def ring(self, pool: RatePool) -> None:
        """Let the time of the next reminder come."""
        self.now = self.next()[0]
        self.reminders.clear()
        pool.rang()


INBOXES = {name: Inbox(name) for name in "abc"}


def wait(pool: RatePool, run_id: str, count: int) -> None:
    pool.wait(run_id, count, INBOXES[run_id])


def test_an_item_takes_its_time_when_it_starts() -> None:
    """A run that nobody is before starts at once."""
    time = Time()
    pool = time.limits.join("a", "k", rate())
    assert (pool.usable("a"), pool.take("a"), pool.usable("a"), pool.take("a")) == (1, True, 0, False)
    wait(pool, "a", 1)
    assert time.next() == (1001.0, "a")
    assert (pool.use("a"), time.limits.items_waiting()) == (RateUse(1, 1.0, 1.0), 1)
    time.ring(pool)
    assert pool.take("a")
    wait(pool, "a", 0)
    assert (time.reminders, time.limits.items_waiting()) == ({}, 0)


def test_runs_that_wait_take_turns() -> None:
    """In the order in which they came, whatever they have to do."""
    time = Time()
    pools = [time.limits.join(run, "k", rate()) for run in "abc"]
    pool = pools[0]
    pool.take("a")
    order = []
    for run in "abc":
        wait(pool, run, 2)
    assert pool.use("c").seconds == 3.0
    for _ in range(6):
        run = time.next()[1]
        time.ring(pool)
        others = [each for each in "abc" if each != run]
        assert not any(pool.usable(each) or pool.take(each) for each in others)
        assert pool.take(run)
        order.append(run)
        wait(pool, run, 2 - order.count(run))
    assert order == [*"abc"] * 2


def test_a_burst_is_shared_by_those_who_wait() -> None:
    """Each has its part of what is left."""
    time = Time()
    pool = time.limits.join("a", "k", rate(burst=4))
    time.limits.join("b", "k", rate(burst=4))
    wait(pool, "a", 9)
    wait(pool, "b", 9)
    time.ring(pool)
    assert (pool.usable("a"), pool.usable("b")) == (2, 0)
    assert [pool.take("a") for _ in range(3)] == [True, True, False]
    wait(pool, "a", 7)
    assert time.next() == (1000.0, "b")
    assert [pool.take(run) for run in "bbaabb"] == [True, False, True, False, False, False]


def test_a_run_that_waits_no_more_keeps_nobody_waiting() -> None:
    """It is paused, something else blocks it, or it has ended."""
    time = Time()
    pool = time.limits.join("a", "k", rate())
    time.limits.join("b", "k", rate())
    pool.take("a")
    wait(pool, "a", 1)
    wait(pool, "b", 1)
    assert time.next()[1] == "a"
    wait(pool, "a", 0)
    assert time.next()[1] == "b"
    wait(pool, "a", 1)
    time.limits.forget("b")
    assert time.next()[1] == "a"


def test_a_reminder_that_comes_too_early_is_followed_by_another_one() -> None:
    time = Time()
    pool = time.limits.join("a", "k", rate())
    pool.take("a")
    wait(pool, "a", 1)
    time.reminders.clear()
    time.now += 0.5
    pool.rang()
    assert not pool.take("a")
    wait(pool, "a", 1)
    assert time.next()[0] == 1001.0


def test_a_key_that_no_run_uses_is_remembered_until_its_next_time() -> None:
    time = Time()
    time.limits.join("a", "k", rate(per=3600)).take("a")
    time.limits.forget("a")
    pool = time.limits.join("b", "k", rate(per=3600))
    assert pool.use("b").seconds == 3600
    time.limits.leave("b", "k")
    time.now += 3600
    assert time.limits.join("c", "k", rate(per=3600)).usable("c") == 1


def test_the_keys_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose next time has come need not be."""
    monkeypatch.setattr(module, "MAX_RATE_KEYS", 3)
    time = Time()
    for key in "klm":
        time.limits.join("a", key, rate(per=60)).take("a")
    time.limits.forget("a")
    with pytest.raises(LimitExceeded, match="MAX_RATE_KEYS"):
        time.limits.join("b", "n", rate())
    time.now += 60
    assert time.limits.join("b", "n", rate()).usable("b") == 1


def test_the_rate_of_the_item_that_came_last_counts() -> None:
    time = Time()
    pool = time.limits.join("a", "k", rate())
    time.limits.join("a", "k", rate(burst=3))
    assert pool.usable("a") == 3


class Shared(Time):
    """The rates of an engine that shares a store."""

    def __init__(self, given: RateLimit) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.limits.connect(self.asked.extend, lambda: self.now)
        self.pool = self.limits.join("a", "k", given)

    def need(self) -> RateNeed:
        """Return what is needed of the key, after it was asked for."""
        assert self.asked == ["k"]
        self.asked.clear()
        (need,) = self.limits.needs(["k"])
        return need


def test_the_store_is_asked_once_for_all_items_that_wait() -> None:
    """At most for those of a second."""
    shared = Shared(rate(limit=10))
    assert not shared.pool.take("a")
    wait(shared.pool, "a", 3)
    shared.limits.join("b", "k", rate(limit=10))
    wait(shared.pool, "b", 20)
    assert shared.pool.use("a") == RateUse(10, 1.0, None)
    assert shared.need() == RateNeed("k", 0.1, 10)
    shared.limits.settle([RatePortion("k", 1000.0, 10, 1001.0)])
    assert shared.next() == (1000.0, "a")
    assert shared.pool.take("a")
    wait(shared.pool, "a", 2)
    assert shared.next()[1] == "b"
    assert shared.asked == []


def test_the_store_is_asked_again_when_all_times_are_used() -> None:
    shared = Shared(rate())
    wait(shared.pool, "a", 2)
    assert shared.need().wanted == 1
    shared.limits.settle([RatePortion("k", 1000.0, 1, 1001.0)])
    assert shared.pool.take("a")
    wait(shared.pool, "a", 1)
    assert shared.need().wanted == 1


def test_times_that_no_run_uses_are_returned() -> None:
    """Also those that come when no run uses the key any more."""
    shared = Shared(rate(limit=10))
    wait(shared.pool, "a", 3)
    shared.need()
    shared.limits.settle([RatePortion("k", 1000.0, 3, 1000.3)])
    assert shared.pool.take("a")
    shared.limits.forget("a")
    need = shared.need()
    assert need.wanted == 0
    assert need.unused is not None
    assert need.unused == pytest.approx((1000.1, 1000.3))
    shared.limits.settle([RatePortion("k", 1005.0, 1, 1005.1)])
    assert shared.need().unused == (1005.0, 1005.1)


def test_nothing_is_needed_of_a_key_whose_run_has_ended() -> None:
    shared = Shared(rate())
    wait(shared.pool, "a", 1)
    shared.limits.forget("a")
    assert shared.need() == RateNeed("k", 1.0, 0)


def test_a_store_that_is_far_away_gives_later_times() -> None:
    """A portion whose times had all passed when it came is followed by one that begins later."""
    shared = Shared(rate())
    wait(shared.pool, "a", 1)
    assert shared.need().lead == 0.0
    shared.limits.settle([RatePortion("k", shared.now - 3, 1, shared.now - 2)])
    assert shared.need().lead == 6.0
    shared.limits.settle([RatePortion("k", shared.now + 6, 1, shared.now + 7)])
    shared.ring(shared.pool)
    assert shared.pool.take("a")
    assert shared.pool.slots.opens_at(shared.now) == inf
