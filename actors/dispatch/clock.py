"""Timers as messages: "remind me at T". One heap, one thread, which sleeps until the next deadline."""

import contextlib
import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pykka
from pykka._envelope import Envelope


class RemindAt(msgspec.Struct, frozen=True):
    """Tell `message` to `to` at `at` on the monotonic clock; `key` is for `ForgetReminder`."""

    key: int
    at: float
    to: pykka.ActorRef[Any]
    message: Any


class ForgetReminder(msgspec.Struct, frozen=True):
    """Do not send the reminder any more."""

    key: int


LONGEST_SLEEP_SECONDS = 86_400.0
"""The clock looks at its heap at least once a day: no lock of the platform can wait for ever and a day."""
_SWEEP_AT = 1024
"""Forgotten reminders to gather before the heap is looked through for them."""


class _DeadlineElapsed:
    """What the inbox gives when no message has come before the deadline."""


class _TimedInbox:
    """An inbox whose `get` waits no longer than until `deadline`, on the monotonic clock; None: for a message."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        self._queue: queue.SimpleQueue[Envelope[Any]] = queue.SimpleQueue()

    def put(self, envelope: Envelope[Any], /) -> None:
        self._queue.put(envelope)

    def get(self) -> Envelope[Any]:
        if self.deadline is None:
            return self._queue.get()
        try:
            wait = min(max(self.deadline - time.monotonic(), 0), LONGEST_SLEEP_SECONDS)
            return self._queue.get(timeout=wait)
        except queue.Empty:
            return Envelope(_DeadlineElapsed())

    def empty(self) -> bool:
        return self._queue.empty()


class Clock(pykka.ThreadingActor):
    """Sends each reminder's message when its time has come; what is told to a dead actor is dropped."""

    use_daemon_thread = True

    actor_inbox: _TimedInbox

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, RemindAt]] = []
        self._numbers = itertools.count()
        self._pending: set[int] = set()
        self._forgotten = 0

    @staticmethod
    def _create_actor_inbox() -> _TimedInbox:
        return _TimedInbox()

    def thread(self) -> threading.Thread:
        """Return the clock's thread, to be joined when it has been stopped."""
        return threading.current_thread()

    def pending(self) -> int:
        """Return how many reminders are outstanding."""
        return len(self._pending)

    def heap_size(self) -> int:
        """Return how many entries the heap has, forgotten ones included until they are swept."""
        return len(self._heap)

    def on_receive(self, message: Any) -> None:
        """Take a reminder, forget one, or send those whose time has come."""
        if isinstance(message, RemindAt):
            self._pending.add(message.key)
            heapq.heappush(self._heap, (message.at, next(self._numbers), message))
        elif isinstance(message, ForgetReminder) and message.key in self._pending:
            self._pending.discard(message.key)
            self._forgotten += 1
            if self._forgotten > _SWEEP_AT and self._forgotten > len(self._pending):
                self._sweep()
        self._ring()

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].key in self._pending]
        heapq.heapify(self._heap)
        self._forgotten = 0

    def _ring(self) -> None:
        now = time.monotonic()
        while self._heap and (self._heap[0][0] <= now or self._heap[0][2].key not in self._pending):
            reminder = heapq.heappop(self._heap)[2]
            if reminder.key in self._pending:
                self._pending.discard(reminder.key)
                self._remind(reminder)
            else:
                self._forgotten -= 1
        self.actor_inbox.deadline = self._heap[0][0] if self._heap else None

    @staticmethod
    def _remind(reminder: RemindAt) -> None:
        try:
            reminder.to.tell(reminder.message)
        except pykka.ActorDeadError:
            return  # who is gone wants no reminder


class Timers:
    """The clock as those see it who want to be reminded."""

    __slots__ = ("_keys", "clock", "monotonic")

    def __init__(self, clock: pykka.ActorRef[Any], monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` gives the seconds that `clock` counts by."""
        self.clock = clock
        self.monotonic = monotonic
        self._keys = itertools.count()

    def remind(self, at: float, to: pykka.ActorRef[Any], message: Any) -> int:
        """Send `message` to `to` at `at` on the monotonic clock; return the key for `forget`."""
        key = next(self._keys)
        with contextlib.suppress(pykka.ActorDeadError):  # the clock has stopped: so does everything else
            self.clock.tell(RemindAt(key, at, to, message))
        return key

    def remind_after(self, seconds: float, to: pykka.ActorRef[Any], message: Any) -> int:
        """Send `message` to `to` in `seconds` seconds; return the key for `forget`."""
        return self.remind(self.monotonic() + seconds, to, message)

    def forget(self, key: int) -> None:
        """Drop a reminder that is not due yet."""
        with contextlib.suppress(pykka.ActorDeadError):  # as above
            self.clock.tell(ForgetReminder(key))
