"""The functions that `kept.py` calls in other processes. These import this module."""

from time import process_time
from typing import Final

from stretto.actors import action

SPIN_SECONDS: Final = 0.009


@action("perf.kept_same", isolation="worker")
def same(n: int) -> int:
    """Return the number."""
    return n


@action("perf.kept_spin", isolation="worker")
def spin(n: int) -> int:
    """Compute for 9 ms."""
    end = process_time() + SPIN_SECONDS
    while process_time() < end:
        pass
    return n
