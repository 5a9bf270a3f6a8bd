"""Timers as messages: one heap of reminders, and one thread that sleeps until the next deadline."""

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pykka

from stretto.actors.dispatch.mailbox import Recipient
from stretto.actors.dispatch.timed_inbox import TimedInbox

_SWEEP_AT: Final = 1024
"""The heap is swept when it has more forgotten reminders than this."""


class RemindAt(msgspec.Struct, frozen=True):
    """Send `message` to `to` at `at` on the monotonic clock. `key` is for `ForgetReminder`."""

    key: int
    at: float
    to: Recipient
    message: Any


class ForgetReminder(msgspec.Struct, frozen=True):
    """Drop a reminder that is not due yet."""

    key: int


class Clock(pykka.ThreadingActor):
    """Sends each reminder's message at its time. Reminders for dead actors are dropped."""

    use_daemon_thread = True

    actor_inbox: TimedInbox

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, RemindAt]] = []
        self._numbers = itertools.count()
        self._pending: set[int] = set()
        self._forgotten = 0

    @staticmethod
    def _create_actor_inbox() -> TimedInbox:
        return TimedInbox()

    def thread(self) -> threading.Thread:
        """Return the clock's thread, to be joined after its stop."""
        return threading.current_thread()

    def pending(self) -> int:
        """Return the number of outstanding reminders."""
        return len(self._pending)

    def on_receive(self, message: Any) -> None:
        """Add or forget a reminder, then send those that are due."""
        if isinstance(message, RemindAt):
            self._pending.add(message.key)
            heapq.heappush(self._heap, (message.at, next(self._numbers), message))
        elif isinstance(message, ForgetReminder) and message.key in self._pending:
            self._pending.discard(message.key)
            self._forgotten += 1
            if self._forgotten > _SWEEP_AT and self._forgotten > len(self._pending):
                self._sweep()
        self._send_due()

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].key in self._pending]
        heapq.heapify(self._heap)
        self._forgotten = 0

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._heap and (self._heap[0][0] <= now or self._heap[0][2].key not in self._pending):
            reminder = heapq.heappop(self._heap)[2]
            if reminder.key in self._pending:
                self._pending.discard(reminder.key)
                self._send(reminder)
            else:
                self._forgotten -= 1
        self.actor_inbox.deadline = self._heap[0][0] if self._heap else None

    @staticmethod
    def _send(reminder: RemindAt) -> None:
        with contextlib.suppress(pykka.ActorDeadError):
            reminder.to.tell(reminder.message)


class Timers:
    """The clock's client."""

    __slots__ = ("_keys", "clock", "monotonic")

    def __init__(self, clock: pykka.ActorRef[Any], monotonic: Callable[[], float] = time.monotonic) -> None:
        """Use a clock.

        Args:
            clock: The actor that takes `RemindAt` and `ForgetReminder`.
            monotonic: Returns the seconds that the clock counts in.
        """
        self.clock = clock
        self.monotonic = monotonic
        self._keys = itertools.count()

    def remind(self, at: float, to: Recipient, message: Any) -> int:
        """Send `message` to `to` at `at` on the monotonic clock. Return the key for `forget`."""
        key = next(self._keys)
        with contextlib.suppress(pykka.ActorDeadError):  # the clock stops after the engine, when no reminder matters
            self.clock.tell(RemindAt(key, at, to, message))
        return key

    def remind_after(self, seconds: float, to: Recipient, message: Any) -> int:
        """Send `message` to `to` in `seconds` seconds. Return the key for `forget`."""
        return self.remind(self.monotonic() + seconds, to, message)

    def forget(self, key: int) -> None:
        """Drop a reminder that is not due yet."""
        with contextlib.suppress(pykka.ActorDeadError):  # as above
            self.clock.tell(ForgetReminder(key))
