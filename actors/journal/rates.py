"""Rates of items with a common key (GCRA): how the engines of a store take the times at which items may start.

    engine: so many items wait --> the row of the key --> a portion: times, one `interval` apart, that no other one has

An engine starts an item at most `burst - 1` intervals before the item's time, and less than one interval after it. A
time that has passed is lost. So at most `limit + burst` items start in any `per` seconds, whatever engines do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

PORTION_SECONDS: Final = 1.0
"""An engine takes the times of at most so many seconds at once, but at least one time."""
MAX_LEAD_SECONDS: Final = 10.0
"""A portion begins at most so many seconds after it was asked for, if no other engine has the times before it."""
PORTIONS_AHEAD: Final = 64
"""A row that is more portions ahead, and two for each engine, is of a rate or a clock that has been changed."""


class RateNeed(NamedTuple):
    """The times of a key that an engine wants, or returns.

    Attributes:
        key: The key.
        interval: The seconds between two times.
        wanted: How many it wants.
        lead: How many seconds from now the first of them has to be at least: the store's last answer came too late.
        unused: The first time that it does not use, and the end of its portion. None if it has used all.
    """

    key: str
    interval: float
    wanted: int
    lead: float = 0.0
    unused: tuple[float, float] | None = None


class RatePortion(NamedTuple):
    """The times of a key that an engine has, by the store's clock.

    Attributes:
        key: The key.
        first_at: The first of them. The others follow one interval apart.
        times: How many.
        end: The first time after them.
    """

    key: str
    first_at: float
    times: int
    end: float


class RateUser(Protocol):
    """An engine's rates. Thread-safe."""

    def needs(self, keys: Iterable[str]) -> list[RateNeed]:
        """Return the times that are needed of keys, or returned."""

    def settle(self, portions: Iterable[RatePortion]) -> None:
        """Use the times that the store has given to this engine."""


def portion_of(wanted: int, interval: float) -> int:
    """Return how many times an engine takes at once."""
    return min(wanted, max(1, int(PORTION_SECONDS / interval)))
