"""Garbage collection in the daemon: a full collection stops all threads, so it waits until no item is in flight.

Python's own schedule examines everything that the process has loaded, and every live run, in pauses that grow with
them. The daemon freezes what survives a full collection, so that the next one examines only what is newer. Actors and
items need no collector; only cyclic garbage of actions and libraries waits for a full collection.

Only a process of the daemon's own does this: an embedded engine leaves the collector to its program.
"""

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Final

from stretto.metrics import get_logger

THRESHOLDS: Final = (10_000, 3, 1_000_000_000)
"""The younger generations examine at most 40,000 objects at once. The last one is never collected automatically."""
MAX_GROWTH_BYTES: Final = 256 * 2**20
MAX_GROWTH_SHARE: Final = 0.5
"""How far memory may grow, the larger of both, before a full collection runs although items are in flight."""
FIRST_CHECK_SECONDS: Final = 1.0
LONGEST_CHECK_SECONDS: Final = 10.0

_STATM = Path("/proc/self/statm")
_log = get_logger("stretto.daemon")


class Collector:
    """Schedules the full collections of this process, on the event loop's thread.

    Each collection of the middle generation makes one due. An idle process has none, so it does not wake up.
    """

    def __init__(
        self, items_in_flight: Callable[[], int], *, first_check: float = FIRST_CHECK_SECONDS,
        resident: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        """Schedule collections for the running event loop.

        Args:
            items_in_flight: Returns how many items are in flight.
            first_check: The seconds from the moment when a collection becomes due to the first check.
            resident: Returns the bytes of resident memory.
        """
        self._items_in_flight = items_in_flight
        self._first_check = first_check
        self._resident = resident_bytes if resident is None else resident
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._timer: asyncio.TimerHandle | None = None
        self._unfreezes = False
        self._frozen = 0
        """The objects frozen since all were examined. Some may be gone: Python counts those that are left one by one,
        which takes longer than a collection."""
        self._frozen_at_most = 0
        self._base = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Freeze what is loaded, and schedule the collections until the block ends.

        The garbage of the start is collected when the process is idle, so that the start does not wait for it.
        """
        before = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        gc.freeze()
        self._base = self._resident()
        self.definitions_replaced()
        gc.callbacks.append(self._collected)
        try:
            yield
        finally:
            gc.callbacks.remove(self._collected)
            if self._timer is not None:
                self._timer.cancel()
            gc.unfreeze()
            gc.set_threshold(*before)

    def definitions_replaced(self) -> None:
        """Collect and freeze all objects again when the process is idle: the replaced ones are frozen."""
        self._unfreezes = True
        self._schedule(self._first_check)

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        """Called by the interpreter on any thread, in the middle of anything."""
        if phase == "stop" and info["generation"] == 1 and os.getpid() == self._process:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._schedule, self._first_check)

    def _schedule(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._check, seconds)

    def _check(self, waited: float) -> None:
        """Collect if no item is in flight or memory has grown too much, else check again later."""
        self._timer = None
        growth = self._resident() - self._base
        if self._items_in_flight() and growth <= max(MAX_GROWTH_BYTES, self._base * MAX_GROWTH_SHARE):
            self._schedule(min(waited * 2, LONGEST_CHECK_SECONDS))
        elif self._unfreezes or self._frozen > self._frozen_at_most:
            self._collect_all()
        else:
            self._collect()

    def _collect_all(self) -> None:
        """Examine all objects. Each time the frozen ones have doubled, some of them may have become garbage."""
        self._unfreezes = False
        gc.unfreeze()
        self._frozen = 0
        self._collect()
        self._frozen_at_most = 2 * self._frozen

    def _collect(self) -> None:
        began = perf_counter()
        found = gc.collect()
        self._frozen += count_oldest()  # all that are not frozen yet are there now
        gc.freeze()
        self._base = self._resident()
        _log.debug("garbage_collected", seconds=perf_counter() - began, found=found, frozen=self._frozen)


def count_oldest() -> int:
    """Return how many objects the oldest generation has.

    The list of them must be gone before another thread goes on. It refers also to a tuple that such a thread is
    building, and `tuple(...)` raises `SystemError` if its tuple has a second reference when it is complete. Between
    the three calls that these objects make of each other no thread can be changed, unlike between expressions.
    """
    return next(map(len, map(gc.get_objects, (2,))))


def resident_bytes() -> int:
    """Return the resident memory of this process, or 0 where the system has no /proc."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
