"""The inbox of an actor with a thread of its own, which can wake up without a message."""

import queue
import time
from typing import Any, Final

from pykka._envelope import Envelope

from stretto.actors.dispatch.timed_queue import TimedQueue

LONGEST_SLEEP_SECONDS: Final = 86_400.0
"""Some platforms reject lock timeouts above about a day."""


class DeadlineElapsed:
    """The message that an inbox gives when its deadline comes before any other message."""


class TimedInbox:
    """An inbox for threading actors. It costs a fraction of the `queue.Queue` that Pykka makes."""

    __slots__ = ("_queue", "deadline")

    def __init__(self) -> None:
        self.deadline: float | None = None
        """When `get` stops waiting, on the monotonic clock. None to wait for a message."""
        self._queue: TimedQueue[Envelope[Any]] = TimedQueue()

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message."""
        self._queue.put(envelope)

    def get(self) -> Envelope[Any]:
        """Wait for the next message, or return `DeadlineElapsed` once the deadline has passed."""
        if self.deadline is None:
            return self._queue.get()
        try:
            wait = min(max(self.deadline - time.monotonic(), 0), LONGEST_SLEEP_SECONDS)
            return self._queue.get(timeout=wait)
        except queue.Empty:
            return Envelope(DeadlineElapsed())

    def empty(self) -> bool:
        """Return whether no message waits."""
        return not self._queue
