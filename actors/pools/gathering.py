"""Gathers what a worker reports of its calls, so that many ends travel in one message."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from stretto.actors.pools.messages import Begun, End, Ended, Logged, Record
from stretto.actors.pools.work import portions

T = TypeVar("T")

MAX_RECORDS: Final = 1_000
"""How many log records wait to be sent. More are dropped."""
GATHER_SECONDS: Final = 0.02
"""How long the ends of calls are gathered for one message, while others run."""
BUSY_GATHER_SECONDS: Final = 0.2
"""The least time between two messages while calls wait for a slot: the worker has enough to do, and a message over Ray
costs a millisecond of processor time."""
MAX_GATHERED: Final = 500
"""So many ends are sent at once."""


class Gatherer:
    """Keeps begins, log records and ends until the next message. Any thread may add some; one thread sends."""

    def __init__(self) -> None:
        self._begun: deque[tuple[int, float]] = deque()
        self._records: deque[Record] = deque()
        self._ends: deque[End] = deque()
        self._ready = threading.Event()
        self._due = threading.Event()
        self._since = math.inf
        self._sent = -math.inf

    @property
    def has_ends(self) -> bool:
        """Whether ends wait to be sent."""
        return bool(self._ends)

    def begun(self, number: int, at: float) -> None:
        """Add the begin of a call. It is sent if the call has run for a moment: the end of a quick one says it, too.

        Args:
            number: The number of the sending.
            at: The moment, by `time.monotonic()`.
        """
        self._begun.append((number, at))
        self._wake()

    def logged(self, record: Record) -> None:
        """Add a log record, or drop it if there are too many."""
        if len(self._records) < MAX_RECORDS:
            self._records.append(record)
            self._wake()

    def ended(self, end: End, left: int) -> None:
        """Add the end of a call. It is sent at once if nothing is left to wait for.

        So are the ends gathered for some time once they are as many as the calls left: the pool sends the next batch
        then, which arrives before the worker runs dry.

        Args:
            end: The end.
            left: How many calls at hand have not ended.
        """
        self._ends.append(end)
        self._wake()
        ends = len(self._ends)
        if not left or ends >= MAX_GATHERED or (ends >= left and time.monotonic() - self._since >= GATHER_SECONDS):
            self._due.set()

    def hurry(self) -> None:
        """Let the thread that sends go on at once."""
        self._ready.set()
        self._due.set()

    def wait(self, is_busy: Callable[[], bool]) -> None:
        """Wait until something is there, and for what comes soon after it.

        Args:
            is_busy: Returns whether calls wait for a slot.
        """
        self._ready.wait()
        self._ready.clear()
        now = time.monotonic()
        if self._since == math.inf:
            self._since = now
        self._due.wait(self.pause(now, is_busy=is_busy()))
        self._due.clear()

    def pause(self, now: float, *, is_busy: bool) -> float:
        """Return for how long what comes from now on is gathered, unless something makes its message due.

        Args:
            now: The moment, by `time.monotonic()`.
            is_busy: Whether calls wait for a slot.
        """
        return max(self._sent + BUSY_GATHER_SECONDS - now, GATHER_SECONDS) if is_busy else GATHER_SECONDS

    def messages(self, engine: int, is_open: Callable[[int], bool]) -> Iterator[Begun | Logged | Ended]:
        """Remove what is there, and yield it as messages.

        Args:
            engine: The engine's number.
            is_open: Returns whether a call has not ended. The end of one that has says that it has begun.
        """
        ends = list(_taken(self._ends))
        begun = tuple(self._taken_begun(is_open))
        records = tuple(_taken(self._records))
        self._since = math.inf
        if begun or records or ends:
            self._sent = time.monotonic()
        if begun:
            yield Begun(engine, begun)
        if records:
            yield Logged(engine, records)
        for portion in portions(ends):
            yield Ended(engine, portion)

    def _taken_begun(self, is_open: Callable[[int], bool]) -> Iterator[int]:
        """Remove and yield the begins of open calls. Those of the last moment stay until the next message."""
        quick = time.monotonic() - GATHER_SECONDS
        for number, at in _taken(self._begun):
            if not is_open(number):
                continue
            if at <= quick:
                yield number
            else:
                self._begun.append((number, at))
                self._wake()

    def _wake(self) -> None:
        """Wake the thread that sends. A look costs less than a second call."""
        if self._since == math.inf:
            self._since = time.monotonic()  # the thread that sends may run much later
        if not self._ready.is_set():
            self._ready.set()


def _taken(queue: deque[T]) -> Iterator[T]:
    """Remove and yield what is in a queue now. Other threads may append meanwhile."""
    for _ in range(len(queue)):
        yield queue.popleft()
