"""Virtual time. It stands still until the rehearsal advances to the next event.

There are two paces. `Seconds` takes a definition's times as they are: delays pass, and timeouts end longer actions.
`Ticks` is the executor that conformance cases assume: actions end in the order of their ticks, delays pass at once, and
nothing times out unless the script says so.
"""

import heapq
import itertools
from typing import Any, Protocol

from stretto.actors.dispatch import DispatchedActor, ForgetReminder, RemindAt
from stretto.actors.rehearsal.recording import InstantConductor, RecordedConductor
from stretto.actors.schedules import CompareClocks
from stretto.definitions.conductor import DelayElapsed, RetryDue

START = 1_767_225_600.0
"""When rehearsals begin: 2026-01-01T00:00:00Z, in seconds since the epoch."""
DEFAULT_DURATION = 1.0


class Timeline:
    """The present time, in seconds since the epoch, and the reminders to come.

    Args:
        start: When it begins.
    """

    def __init__(self, start: float = START) -> None:
        self.seconds = self.start = start
        self._heap: list[tuple[float, int, RemindAt]] = []
        self._pending: set[int] = set()
        self._numbers = itertools.count()

    def now(self) -> float:
        """Return the time."""
        return self.seconds

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self.since_start(self.seconds)

    def since_start(self, time: float) -> float:
        """Return the seconds from the start to a time."""
        return round(time - self.start, 6)

    def advance_to(self, time: float) -> None:
        """Let time pass, unless it has passed."""
        self.seconds = max(self.seconds, time)

    def add(self, reminder: RemindAt) -> None:
        """Add a reminder."""
        self._pending.add(reminder.key)
        heapq.heappush(self._heap, (reminder.at, next(self._numbers), reminder))

    def forget(self, key: int) -> None:
        """Forget a reminder."""
        self._pending.discard(key)

    def next_reminder(self) -> RemindAt | None:
        """Return the next reminder, or None."""
        while self._heap and self._heap[0][2].key not in self._pending:
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def ring(self, reminder: RemindAt) -> None:
        """Advance to a reminder's time, and send its message."""
        self.advance_to(reminder.at)
        self._pending.discard(reminder.key)
        reminder.to.tell(reminder.message)


class ReminderKeeper(DispatchedActor):
    """Replaces the clock: adds reminders to the timeline."""

    registered = False

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def on_receive(self, message: Any) -> None:
        """Add a reminder, or forget one."""
        if isinstance(message, RemindAt):
            self._timeline.add(message)
        elif isinstance(message, ForgetReminder):
            self._timeline.forget(message.key)


class Pace(Protocol):
    """A way for time to advance."""

    @property
    def conductor(self) -> type[RecordedConductor]:
        """The class of conductors at this pace."""

    def end_of(self, duration: float | None, timeout: float | None) -> float:
        """Return when an attempt ends that starts now. None stands for no scripted duration, or no timeout."""

    def due(self, first_end: float | None) -> RemindAt | None:
        """Return the reminder that is due before `first_end`, if there is one. With None, nothing runs."""

    def time_of(self, end: float) -> float:
        """Return the time of an end that `end_of` has returned."""

    def go_to(self, end: float) -> None:
        """Advance to the end of an action."""


class Seconds:
    """Every delay and duration takes its time."""

    conductor: type[RecordedConductor] = RecordedConductor

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def end_of(self, duration: float | None, timeout: float | None) -> float:
        """Return a time. An action without a scripted duration does not time out."""
        if duration is None:
            duration = DEFAULT_DURATION if timeout is None else min(DEFAULT_DURATION, timeout)
        return self._timeline.seconds + duration

    def due(self, first_end: float | None) -> RemindAt | None:
        """Return the next reminder, unless an action ends before it or at the same time."""
        reminder = self._timeline.next_reminder()
        while reminder is not None and isinstance(reminder.message, CompareClocks):  # it is never set
            self._timeline.forget(reminder.key)
            reminder = self._timeline.next_reminder()
        return None if reminder is None or (first_end is not None and first_end <= reminder.at) else reminder

    def time_of(self, end: float) -> float:
        """Return it: an end is a time."""
        return end

    def go_to(self, end: float) -> None:
        """Set the time."""
        self._timeline.advance_to(end)


class Ticks:
    """The simulated executor of conformance cases. Time advances, too, for expressions that read it."""

    conductor: type[RecordedConductor] = InstantConductor

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._tick = 0.0

    def end_of(self, duration: float | None, timeout: float | None) -> float:  # noqa: ARG002 - the protocol's
        """Return a tick."""
        return self._tick + (DEFAULT_DURATION if duration is None else duration)

    def due(self, first_end: float | None) -> RemindAt | None:  # noqa: ARG002 - as above
        """Return the next delay, which is due before any end. Timeouts are forgotten."""
        while (reminder := self._timeline.next_reminder()) is not None:
            if isinstance(reminder.message, RetryDue | DelayElapsed):
                return reminder
            self._timeline.forget(reminder.key)
        return None

    def time_of(self, end: float) -> float:
        """Return the time that a tick will have."""
        return self._timeline.seconds + end - self._tick

    def go_to(self, end: float) -> None:
        """Advance the ticks."""
        self._timeline.seconds += end - self._tick
        self._tick = end
