"""The times at which items of a rate may start (GCRA), for an engine that is alone and for one of several.

Each item has a time of its own, one `interval` after that of the item before it. It starts at most `burst - 1`
intervals before its time.
"""

from math import floor, inf
from typing import Final, Protocol

from stretto.actors.journal import PORTION_SECONDS, PORTIONS_AHEAD, RatePortion

MAX_PORTIONS_AHEAD: Final = 4 * PORTIONS_AHEAD
"""Times that are more portions ahead than the store gives are dropped."""


class RateSlots(Protocol):
    """The times of one key. They are on one clock, which the caller reads."""

    def usable(self, now: float) -> int:
        """Return how many items may start now."""

    def take(self, now: float) -> None:
        """Use the next time, which is usable now."""

    def opens_at(self, now: float) -> float:
        """Return when the next item may start, or infinity if no time is left."""


class OwnSlots:
    """The times of an engine that is alone: they do not end.

    Attributes:
        next_at: The time of the next item, if it starts before it. One that starts later has its own.
        interval: The seconds between two times.
        burst: How many items may start at once.
    """

    __slots__ = ("burst", "interval", "next_at")

    def __init__(self, interval: float, burst: int, next_at: float = -inf) -> None:
        self.interval, self.burst, self.next_at = interval, burst, next_at

    def usable(self, now: float) -> int:
        """Return how many items may start now."""
        return _early(now, max(self.next_at, now), self.interval, self.burst)

    def take(self, now: float) -> None:
        """Use the next time."""
        self.next_at = max(self.next_at, now) + self.interval

    def opens_at(self, now: float) -> float:
        """Return when the next item may start."""
        return max(self.next_at - (self.burst - 1) * self.interval, now)


class PortionSlots:
    """The times of one of several engines: those of its last portion.

    Attributes:
        interval: The seconds between two times.
        burst: How many items may start at once.
        left: How many times are left.
        lost: How many have passed without an item, since the last portion came.
        late: By how many seconds the portion came too late, if all of its times had passed.
    """

    __slots__ = ("burst", "end", "first_at", "interval", "late", "left", "lost")

    def __init__(self, interval: float, burst: int) -> None:
        self.interval, self.burst = interval, burst
        self.first_at = self.end = 0.0
        self.left = self.lost = 0
        self.late = 0.0

    def fill(self, portion: RatePortion, now: float) -> None:
        """Use a portion that came now. Times that are left of the last one are lost."""
        self.first_at, self.left, self.end = portion.first_at, portion.times, portion.end
        self.lost, self.late = 0, 0.0
        self._lose_passed(now)
        if not self.left:
            self.late = now - portion.first_at

    def usable(self, now: float) -> int:
        """Return how many items may start now."""
        self._lose_passed(now)
        return min(self.left, _early(now, self.first_at, self.interval, self.burst))

    def take(self, now: float) -> None:  # noqa: ARG002 - as the protocol has it
        """Use the next time."""
        self.first_at += self.interval
        self.left -= 1

    def opens_at(self, now: float) -> float:
        """Return when the next item may start, or infinity if no time is left."""
        if not self.left or self._is_unreal(now):
            return inf
        return max(self.first_at - (self.burst - 1) * self.interval, now)

    def unused(self) -> tuple[float, float] | None:
        """Return the first time that is left, and the end of the portion, or None if none is left."""
        return (self.first_at, self.end) if self.left else None

    def _is_unreal(self, now: float) -> bool:
        """Return whether the times are so far ahead that the clock was set back since: the store has nearer ones."""
        return self.first_at - now > MAX_PORTIONS_AHEAD * max(PORTION_SECONDS, self.interval)

    def _lose_passed(self, now: float) -> None:
        if self.left and self._is_unreal(now):
            self.left = 0
        passed = min(self.left, floor((now - self.first_at) / self.interval)) if now > self.first_at else 0
        self.first_at += passed * self.interval
        self.left -= passed
        self.lost += passed


def _early(now: float, next_at: float, interval: float, burst: int) -> int:
    """Return how many items may start now if the next one has the time `next_at`."""
    ahead = now - (next_at - (burst - 1) * interval)
    return 0 if ahead < 0 else min(floor(ahead / interval) + 1, burst)
