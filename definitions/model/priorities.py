"""Priorities of runs: which of them get more of the turns that all want. None gets all of them."""

from typing import Final, Literal, TypeAlias, get_args

Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]

PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
"""The lowest first."""
NORMAL: Final = "normal"


def weight_of(priority: Priority) -> int:
    """Return how many turns runs of a priority get: 1 (low), 2, 4 or 8 (urgent)."""
    return 1 << PRIORITIES.index(priority)


NORMAL_WEIGHT: Final = weight_of(NORMAL)
