"""The timers of one run."""

from collections.abc import Callable
from math import inf
from typing import TypeAlias

import msgspec

from stretto.actors.dispatch import Recipient, Timers
from stretto.definitions.conductor import DelayElapsed, RetryDue, RunTimedOut


class DeadlinePassed(msgspec.Struct, frozen=True):
    """A run, or a visit of its `task`, is late. With `warns` it is not, but it should have ended."""

    task: str | None
    visit: int
    warns: bool


Timer: TypeAlias = RetryDue | DelayElapsed | RunTimedOut
"""The events that the clock sends at their time."""


class RunReminders:
    """Reminds a supervisor of the waits of its run, and forgets the outstanding ones at the end."""

    __slots__ = ("_keys", "_now", "_supervisor", "_timers")

    def __init__(self, timers: Timers, now: Callable[[], float], supervisor: Recipient) -> None:
        self._timers = timers
        self._now = now
        self._supervisor = supervisor
        self._keys: dict[Timer | DeadlinePassed, int] = {}

    def add(self, event: Timer, at_most: float = inf) -> None:
        """Send an event to the supervisor when it is due.

        Args:
            event: The event, with its time.
            at_most: The longest wait in seconds, whatever the clock shows.
        """
        wait = min(max(event.at - self._now(), 0.0), at_most)
        self._keys[event] = self._timers.remind_after(wait, self._supervisor, event)

    def add_after(self, seconds: float, message: DeadlinePassed) -> None:
        """Send a message to the supervisor in so many seconds."""
        self._keys[message] = self._timers.remind_after(seconds, self._supervisor, message)

    def forget(self, message: DeadlinePassed) -> None:
        """Drop a reminder, if it is outstanding."""
        key = self._keys.pop(message, None)
        if key is not None:
            self._timers.forget(key)

    def came(self, event: Timer | DeadlinePassed) -> None:
        """Remove a reminder that has come."""
        self._keys.pop(event, None)

    def forget_all(self) -> None:
        """Drop the outstanding reminders."""
        for key in self._keys.values():
            self._timers.forget(key)
        self._keys.clear()
