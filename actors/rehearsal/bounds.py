"""The bounds of a rehearsal: how many steps it may take, how long, and how much it may keep."""

import time
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from stretto.definitions.errors import LimitExceeded

MAX_STEPS = 50_000
"""The most actions and delays that may end in one rehearsal. One with more is taken for endless."""


class Bounds(NamedTuple):
    """The bounds of one rehearsal.

    Attributes:
        steps: The most actions and delays that may end.
        launches: The most actions that may be launched.
        seconds: The real time that it may take.
        kept_bytes: The most that the inputs of actions, and the contexts that they see, may have together as JSON.
        context_bytes: The most that the contexts of its runs may have together as JSON.
    """

    steps: int = MAX_STEPS
    launches: float = inf
    seconds: float = inf
    kept_bytes: float = inf
    context_bytes: float = inf


UNBOUNDED = Bounds()
"""The bounds of a rehearsal on one's own machine: only an endless one is broken off."""


class Budget:
    """The bounds of a rehearsal, and how much of them is used.

    Args:
        bounds: The bounds.
        context_bytes: Returns the size of all contexts now.
    """

    def __init__(self, bounds: Bounds, context_bytes: Callable[[], int]) -> None:
        self.bounds = bounds
        self._context_bytes = context_bytes
        self._until = time.monotonic() + bounds.seconds
        self._launches = 0
        self._kept = 0

    def add_launch(self, weight: int) -> None:
        """Count a launched action. `check` then says whether it was one too many.

        Args:
            weight: The size of what is kept of it.
        """
        self._launches += 1
        self._kept += weight

    def check(self) -> None:
        """Raise `LimitExceeded` if a bound is exceeded."""
        bounds = self.bounds
        if self._launches > bounds.launches:
            raise LimitExceeded(f"the rehearsal launches more than {bounds.launches:,} actions (MAX_LAUNCHES)")
        if self._kept > bounds.kept_bytes:
            raise LimitExceeded(
                f"the inputs and contexts of the rehearsal have more than {bounds.kept_bytes:,} bytes (MAX_KEPT_BYTES)"
            )
        if self._context_bytes() > bounds.context_bytes:
            raise LimitExceeded(
                f"the contexts of the rehearsal have more than {bounds.context_bytes:,} bytes (MAX_CONTEXT_BYTES)"
            )
        if time.monotonic() > self._until:
            raise LimitExceeded(f"the rehearsal takes longer than {bounds.seconds:g} s (MAX_SECONDS)")
