"""When a schedule is due: a cron expression, an interval, or one date. Pure functions of the definition."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from stretto.definitions.schedules.cron import Cron

MAX_LOOKED_BACK: Final = 1_000
"""Due times that are looked at, counted back from now, after a time in which none could be handled."""
_FIRST_WINDOW: Final = 64


@dataclass(frozen=True, slots=True)
class Interval:
    """Due each `seconds` seconds, counted from `start` on, both ways."""

    seconds: int
    start: int = 0

    def next(self, after: int) -> int | None:
        """Return the first due time after an instant."""
        return self.start + ((after - self.start) // self.seconds + 1) * self.seconds


@dataclass(frozen=True, slots=True)
class Once:
    """Due once."""

    at: int

    def next(self, after: int) -> int | None:
        """Return the due time if it comes after an instant."""
        return self.at if self.at > after else None


Timing: TypeAlias = Cron | Interval | Once


def due_times(timing: Timing, after: int) -> Iterator[int]:
    """Yield the due times after an instant, in order and perhaps without end."""
    due = timing.next(after)
    while due is not None:
        yield due
        due = timing.next(due)


def latest_times(timing: Timing, after: int, until: int, most: int = MAX_LOOKED_BACK) -> list[int]:
    """Return the last `most` due times after one instant and up to another, in order.

    The time it takes depends on `most`, and not on how many there are.
    """
    window = _FIRST_WINDOW
    while True:
        begin = max(after, until - window)
        found: list[int] = []
        for due in due_times(timing, begin):
            if due > until:
                break
            found.append(due)
        if begin == after or len(found) >= most:
            return found[-most:]
        window *= 2


def delay_of(ref: str, timing: Timing, due: int, jitter: int) -> float:
    """Return how many seconds after its due time a schedule starts its run.

    The delay follows from the schedule and the time alone. It is below `jitter`, and ends before the next due time.
    """
    if not jitter:
        return 0.0
    following = timing.next(due)
    span = jitter if following is None else min(jitter, following - due)
    digest = hashlib.blake2b(f"{ref}\n{due}".encode(), digest_size=6).digest()
    return span * int.from_bytes(digest) / 2**48
