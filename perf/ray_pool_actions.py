"""Actions of the measurements of pools: nothing, and a millisecond of computing."""

import time
from itertools import repeat
from typing import Final

from stretto.actors.actions import action

TRIALS: Final = 20


@action("perf.echo")
def echo(text: str) -> str:
    """Return the text."""
    return text


@action("perf.compute")
def compute(loops: int) -> int:
    """Compute with small numbers.

    They are Python's own objects: with others, the time would depend on the process's memory, and by a tenth.
    """
    total = 0
    for _ in repeat(None, loops):
        total = (total + 7) & 127
    return total


def loops_of_a_millisecond() -> int:
    """Return how many loops take a millisecond of this machine's CPU time, when nothing disturbs them."""
    loops, least = 10_000, float("inf")
    for _ in range(TRIALS):
        began = time.thread_time()
        compute(loops)
        least = min(least, time.thread_time() - began)
    return int(loops * 0.001 / least)


@action("perf.look_up")
def look_up(table: list[object], index: int) -> int:
    """Return the length of a large value."""
    return len(table) + index
