"""The permits of keys in one engine: alone, and as the store shares them out between several."""

from collections.abc import Iterable

from stretto.actors.journal.limits import KeyNeed, KeyShare
from stretto.actors.runs.key_limits import KEY_PREFIX, KeyLimits, KeyUse
from stretto.actors.runs.permits import Grant, Reclaim


class Shared:
    """The keys of an engine that shares a store: what it asks for, and how often it is woken."""

    def __init__(self) -> None:
        self.limits = KeyLimits()
        self.asked: list[str] = []
        self.woken = 0
        self.limits.connect(self._share, self._wake)
        self.pool = self.limits.join("run", "db", 4)

    def _share(self, keys: Iterable[str]) -> None:
        self.asked += keys

    def _wake(self) -> None:
        self.woken += 1

    def need(self) -> KeyNeed:
        """Return what is needed of the key, after it was asked for."""
        assert self.asked
        self.asked.clear()
        (need,) = self.limits.needs(["db"])
        return need

    def settle(self, held: int, fair: int | None = None) -> list[Grant | Reclaim]:
        """Give permits to the engine. Return what it shares out."""
        self.limits.settle([KeyShare("db", held, fair, ())])
        return [change for _, changes in self.limits.share_out() for change in changes]


def test_alone_an_engine_has_all_permits() -> None:
    limits = KeyLimits()
    pool = limits.join("a", "db", 3)
    assert pool.take("a", 5) == 3
    assert limits.join("b", "db", 3).request("b", 2), "the engine is to share some out"
    assert list(limits.share_out()) == [(KEY_PREFIX + "db", [Reclaim("a", 1)])]
    assert pool.release("a", 1)
    assert list(limits.share_out()) == [(KEY_PREFIX + "db", [Grant("b", 1)])]
    assert limits.use("db") == KeyUse(3, ("a", "b"), (), None)
    assert limits.waiting() == ["db"]


def test_the_limit_of_the_item_that_came_last_counts() -> None:
    limits = KeyLimits()
    pool = limits.join("a", "db", 1)
    assert pool.take("a", 2) == 1
    assert limits.join("a", "db", 3).take("a", 5) == 2


def test_a_key_that_no_run_uses_is_forgotten() -> None:
    """Also the permits that its runs had."""
    limits = KeyLimits()
    limits.join("a", "db", 3).take("a", 3)
    limits.join("b", "db", 3)
    assert not limits.forget("a"), "no run waits"
    assert limits.use("db").limit == 3
    limits.leave("b", "db")
    limits.leave("b", "db")
    assert limits.use("db").limit == 0
    assert limits.figures() == (0, 0)


def test_permits_are_used_once_the_store_has_given_them() -> None:
    """As many as wait are asked for together, and returned when no item needs them."""
    shared = Shared()
    assert shared.pool.take("run", 3) == 0
    shared.pool.request("run", 3)
    assert list(shared.limits.share_out()) == [(shared.pool.pool, [])]
    assert shared.need() == KeyNeed("db", 4, 0, 3)
    assert shared.settle(3) == [Grant("run", 3)]
    assert shared.woken == 1
    shared.pool.release("run", 1)
    assert shared.need() == KeyNeed("db", 4, 2, 0)
    assert shared.settle(2) == []
    shared.limits.forget("run")
    assert shared.need() == KeyNeed("db", 1, 0, 0), "no run uses the key"


def test_nothing_is_given_out_while_the_store_is_asked() -> None:
    shared = Shared()
    shared.pool.request("run", 1)
    shared.settle(4)
    assert shared.need() == KeyNeed("db", 4, 1, 0)
    assert shared.pool.take("run", 3) == 0
    shared.settle(4)
    assert shared.pool.take("run", 3) == 3


def test_too_few_permits_are_not_asked_for_again_and_again() -> None:
    """Another engine notifies this one of more."""
    shared = Shared()
    shared.pool.request("run", 3)
    shared.need()
    assert shared.settle(1) == [Grant("run", 1)]
    assert shared.asked == []


def test_permits_above_the_fair_share_are_reclaimed_for_other_engines() -> None:
    """They go back to the store as items end. Those below are used again here."""
    shared = Shared()
    shared.pool.request("run", 8)
    shared.need()
    shared.settle(4)
    assert shared.settle(4, fair=2) == [Reclaim("run", 2)]
    shared.asked.clear()
    shared.pool.release("run", 1)
    assert shared.need() == KeyNeed("db", 4, 3, 4)
    shared.settle(3, fair=2)
    shared.pool.release("run", 1)
    shared.need()
    shared.settle(2, fair=2)
    shared.asked.clear()
    assert shared.pool.release("run", 1)
    assert [changes for _, changes in shared.limits.share_out()] == [[Grant("run", 1)]]


def test_what_the_store_has_just_given_is_used_before_it_is_returned() -> None:
    """Else two engines that wait for one permit would pass it on for ever."""
    shared = Shared()
    shared.pool.request("run", 2)
    shared.need()
    assert shared.settle(1, fair=0) == [Grant("run", 1), Reclaim("run", 1)]
    assert shared.asked == []
    shared.pool.release("run", 1)
    assert shared.need() == KeyNeed("db", 4, 0, 1)
