"""An asyncio loop whose clock stands still while something can be done, and jumps to the next timer otherwise.

    select(timeout) -> what is ready now, or else: now += timeout

So "nothing happens for 0.2 seconds" takes no time and depends on none. What wakes the loop must have been caused by the
loop's own thread: another thread or process would come too late.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, like `asyncio.run`."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


class _Selector(selectors.DefaultSelector):
    """Waits for files only while no timer could be due."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the files that are ready, or let the time pass."""
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the virtual seconds since the loop's start."""
        return self._virtual.now
