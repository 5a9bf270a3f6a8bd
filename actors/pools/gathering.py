"""Gathers what a worker reports of its calls, so that many ends travel in one message."""

import threading
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
MAX_GATHERED: Final = 500
"""So many ends are sent at once."""


class Gatherer:
    """Keeps begins, log records and ends until the next message. Any thread may add some; one thread sends."""

    def __init__(self) -> None:
        self._begun: deque[int] = deque()
        self._records: deque[Record] = deque()
        self._ends: deque[End] = deque()
        self._ready = threading.Event()
        self._due = threading.Event()

    @property
    def has_ends(self) -> bool:
        """Whether ends wait to be sent."""
        return bool(self._ends)

    def begun(self, number: int) -> None:
        """Add the begin of a call."""
        self._begun.append(number)
        self._wake()

    def logged(self, record: Record) -> None:
        """Add a log record, or drop it if there are too many."""
        if len(self._records) < MAX_RECORDS:
            self._records.append(record)
            self._wake()

    def ended(self, end: End, *, last: bool) -> None:
        """Add the end of a call. Behind the last one at hand, there is nothing to wait for."""
        self._ends.append(end)
        if last or len(self._ends) >= MAX_GATHERED:
            self._due.set()
        self._wake()

    def hurry(self) -> None:
        """Let the thread that sends go on at once."""
        self._ready.set()
        self._due.set()

    def wait(self) -> None:
        """Wait until something is there, and for what comes soon after it."""
        self._ready.wait()
        self._ready.clear()
        self._due.wait(GATHER_SECONDS)
        self._due.clear()

    def messages(self, engine: int, is_open: Callable[[int], bool]) -> Iterator[Begun | Logged | Ended]:
        """Remove what is there, and yield it as messages.

        Args:
            engine: The engine's number.
            is_open: Returns whether a call has not ended. The end of one that has says that it has begun.
        """
        ends = list(_taken(self._ends))
        begun = tuple(each for each in _taken(self._begun) if is_open(each))
        records = tuple(_taken(self._records))
        if begun:
            yield Begun(engine, begun)
        if records:
            yield Logged(engine, records)
        for portion in portions(ends):
            yield Ended(engine, portion)

    def _wake(self) -> None:
        """Wake the thread that sends. A look costs less than a second call."""
        if not self._ready.is_set():
            self._ready.set()


def _taken(queue: deque[T]) -> Iterator[T]:
    """Remove and yield what is in a queue now. Other threads may append meanwhile."""
    for _ in range(len(queue)):
        yield queue.popleft()
