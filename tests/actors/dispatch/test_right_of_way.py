"""The right of way: who waits for it, and for how long at most."""

import threading
from typing import Any, ClassVar

import pytest

from stretto.actors.dispatch import DispatchedActor, Dispatcher, RightOfWay, right_of_way
from stretto.actors.dispatch.right_of_way import LONGEST_SECONDS, MAX_SAVED_SECONDS, SHARE
from tests.support.waiting import PATIENCE


class Clock:
    """The time, and an event that no one sets: to wait for it takes all the time that one is ready to wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waited: list[float] = []
        monkeypatch.setattr(right_of_way, "monotonic", lambda: self.now)
        self.way = RightOfWay()
        monkeypatch.setattr(self.way, "_free", self)

    def clear(self) -> None:
        """Do nothing: it is never set."""

    def set(self) -> None:
        """Do nothing."""

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def take(self) -> None:
        self.way.take()
        assert self.way.taken
        self.way.wait()
        assert not self.way.taken


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Noting(DispatchedActor):
    """Notes its messages."""

    registered: ClassVar[bool] = False

    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self._seen = seen

    def on_receive(self, message: Any) -> None:
        self._seen.append(message() if callable(message) else message)


class Watched(RightOfWay):
    """Notes that a dispatcher waits for it, in place of the wait."""

    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self._seen = seen

    def wait(self) -> None:
        self._seen.append("waited")
        self.give_back()


def test_a_dispatcher_waits_before_its_next_turn() -> None:
    """It reads `taken` before each turn, and waits only if it is set."""
    seen: list[Any] = []
    dispatcher = Dispatcher()
    dispatcher.right_of_way = way = Watched(seen)
    actor, other = Noting.start_on(dispatcher, seen), Noting.start_on(dispatcher, seen)

    def take() -> str:
        way.take()
        other.tell("next turn")
        return "taken"

    actor.tell("first")
    actor.tell(take)
    actor.tell("same turn")
    for each in (actor, other):
        each.stop(timeout=PATIENCE)
    dispatcher.stop()
    assert seen.index("waited") > seen.index("taken")
    assert seen.index("waited") < seen.index("next turn")
    assert seen.count("waited") == 1


def test_who_gives_it_back_ends_the_wait() -> None:
    """At once, not after the longest wait."""
    way = RightOfWay()
    way.take()
    way.give_back()
    assert not way.taken
    way.take()
    waiting = threading.Thread(target=way.wait)
    waiting.start()
    way.give_back()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def test_one_wait_is_bounded(clock: Clock) -> None:
    """A thread that keeps the right of way delays the next turn by LONGEST_SECONDS, and no later one."""
    clock.take()
    assert clock.waited == [LONGEST_SECONDS]


def test_all_waits_together_are_a_share_of_the_time(clock: Clock) -> None:
    """However often it is taken: what is saved up at first, and then the share."""
    began = clock.now
    while clock.now < began + 10:
        clock.take()
        clock.now += 0.001
    assert sum(clock.waited) <= MAX_SAVED_SECONDS + SHARE * (clock.now - began)
    assert sum(clock.waited) >= 0.9 * SHARE * (clock.now - began)


def test_waiting_time_is_saved_up_to_a_bound(clock: Clock) -> None:
    """A quiet hour allows no long wait."""
    clock.now += 3600
    for _ in range(100):
        clock.take()
    assert sum(clock.waited) <= MAX_SAVED_SECONDS * (1 + 2 * SHARE)
