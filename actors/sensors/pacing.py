"""A pace: so many steps in a second, and then waiting."""

import asyncio
from collections.abc import Callable
from time import monotonic


class Pace:
    """Lets at most so many steps pass in a second. Those of a whole second may pass at once.

    Args:
        most: The steps in a second.
        clock: Returns seconds that never go back.
    """

    def __init__(self, most: float, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._left = float(most)
        self._at = clock()

    def wait_after(self, steps: int = 1) -> float:
        """Take steps, and return how many seconds must pass before the next one."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._most, float(self._most)) - steps
        self._at = now
        return max(0.0, -self._left / self._most)

    async def take(self, steps: int = 1) -> None:
        """Take steps, and wait until the next one may pass."""
        seconds = self.wait_after(steps)
        if seconds:
            await asyncio.sleep(seconds)
