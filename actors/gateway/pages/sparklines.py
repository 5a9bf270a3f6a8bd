"""The last hour of a figure as the data of an SVG path, made on the server."""

from collections.abc import Sequence
from typing import Final

import msgspec

WIDTH: Final = 180
HEIGHT: Final = 36
HOUR_SECONDS: Final = 3600.0
GAP_SECONDS: Final = 35.0
"""A line is not drawn over a longer time without samples, of which nothing is known."""


class Sparkline(msgspec.Struct, frozen=True):
    """A line, and what it says in words.

    Attributes:
        path: The data of the path.
        least: The least value.
        most: The greatest value, which is at the top.
    """

    path: str
    least: float
    most: float


def sparkline(samples: Sequence[tuple[float, float | None]], now: float) -> Sparkline | None:
    """Return the line of an hour, or None without two samples that follow each other.

    Args:
        samples: The time of each in seconds since the epoch, and its value or None, the oldest first.
        now: The time at the right edge.
    """
    shown = [(at, value) for at, value in samples if value is not None and now - HOUR_SECONDS <= at <= now]
    most = max((value for _, value in shown), default=0.0)
    parts: list[str] = []
    is_drawn = False
    before: float | None = None
    for at, value in shown:
        x = WIDTH * (1 - (now - at) / HOUR_SECONDS)
        y = HEIGHT - 1 - (HEIGHT - 2) * (value / most if most > 0 else 0.0)
        follows = before is not None and at - before <= GAP_SECONDS
        is_drawn = is_drawn or follows
        parts.append(f"{'L' if follows else 'M'}{x:.1f} {y:.1f}")
        before = at
    return Sparkline("".join(parts), min(value for _, value in shown), most) if is_drawn else None
