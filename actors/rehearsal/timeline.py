"""Virtual time: it stands still until the rehearsal goes on to what comes next.

Two ways to go on. `Seconds` takes the times of a definition for what they are: delays are waited for, timeouts end
what takes longer. `Ticks` is the executor that conformance cases assume: what runs ends in the order of its tick,
delays are over at once, and nothing times out unless the script says so.
"""

import heapq
import itertools
from typing import Any, Protocol

from stretto.actors.dispatch import DispatchedActor, ForgetReminder, RemindAt
from stretto.actors.rehearsal.recording import InstantConductor, RecordedConductor
from stretto.definitions.conductor import DelayElapsed, RetryDue

START = 1_767_225_600.0
"""When rehearsals begin: 2026-01-01T00:00:00Z, in seconds since the epoch."""
DEFAULT_DURATION = 1.0


class Timeline:
    """The time it is, in seconds since the epoch, and who is to be reminded of what."""

    def __init__(self) -> None:
        self.seconds = START
        self._heap: list[tuple[float, int, RemindAt]] = []
        self._pending: set[int] = set()
        self._numbers = itertools.count()

    def now(self) -> float:
        """Return the time."""
        return self.seconds

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return round(self.seconds - START, 6)

    def add(self, reminder: RemindAt) -> None:
        """Take a reminder."""
        self._pending.add(reminder.key)
        heapq.heappush(self._heap, (reminder.at, next(self._numbers), reminder))

    def forget(self, key: int) -> None:
        """Forget a reminder."""
        self._pending.discard(key)

    def next_reminder(self) -> RemindAt | None:
        """Return the reminder that is due next."""
        while self._heap and self._heap[0][2].key not in self._pending:
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def ring(self, reminder: RemindAt) -> None:
        """Have the time come that a reminder is for."""
        self.seconds = max(self.seconds, reminder.at)
        self._pending.discard(reminder.key)
        reminder.to.tell(reminder.message)


class ReminderKeeper(DispatchedActor):
    """Stands in the clock's place: puts reminders into the timeline."""

    registered = False

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def on_receive(self, message: Any) -> None:
        """Take a reminder, or forget one."""
        if isinstance(message, RemindAt):
            self._timeline.add(message)
        elif isinstance(message, ForgetReminder):
            self._timeline.forget(message.key)


class Pace(Protocol):
    """How time goes on."""

    @property
    def conductor(self) -> type[RecordedConductor]:
        """What conducts runs at this pace."""

    def end_of(self, duration: float | None, timeout: float | None) -> float:
        """Return when a try ends that is launched now; None: the script says nothing of its duration, or no timeout."""

    def due(self, first_end: float | None) -> RemindAt | None:
        """Return the reminder that comes before the end of what ends next (None: nothing runs), if one does."""

    def go_to(self, end: float) -> None:
        """Go on to when something ends."""


class Seconds:
    """Everything takes the time that it says."""

    conductor: type[RecordedConductor] = RecordedConductor

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def end_of(self, duration: float | None, timeout: float | None) -> float:
        """Return a time; what the script says nothing of does not time out."""
        if duration is None:
            duration = DEFAULT_DURATION if timeout is None else min(DEFAULT_DURATION, timeout)
        return self._timeline.seconds + duration

    def due(self, first_end: float | None) -> RemindAt | None:
        """Return the next reminder, unless something ends before it or at that very time."""
        reminder = self._timeline.next_reminder()
        return None if reminder is None or (first_end is not None and first_end <= reminder.at) else reminder

    def go_to(self, end: float) -> None:
        """Set the time."""
        self._timeline.seconds = max(self._timeline.seconds, end)


class Ticks:
    """The simulated executor of conformance cases; time goes on all the same, for what reads it."""

    conductor: type[RecordedConductor] = InstantConductor

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._tick = 0.0

    def end_of(self, duration: float | None, timeout: float | None) -> float:  # noqa: ARG002 - the protocol's
        """Return a tick."""
        return self._tick + (DEFAULT_DURATION if duration is None else duration)

    def due(self, first_end: float | None) -> RemindAt | None:  # noqa: ARG002 - as above
        """Return the next delay, which comes before any end; what would time out is forgotten."""
        while (reminder := self._timeline.next_reminder()) is not None:
            if isinstance(reminder.message, RetryDue | DelayElapsed):
                return reminder
            self._timeline.forget(reminder.key)
        return None

    def go_to(self, end: float) -> None:
        """Let the ticks pass."""
        self._timeline.seconds += end - self._tick
        self._tick = end
