"""The records of schedules: how far each one is, who looks after it, and the protocols that read and claim them.

The commit that accepts the event of a due time also moves its schedule behind that time. So a due time leads to one
event, through any crash.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from stretto.actors.journal.audit import AuditEntries
from stretto.actors.journal.events import EventAccepted


class ScheduleState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a schedule is. Due times are seconds since the epoch."""

    ref: str
    timing: str
    """The identity of the timing that it is about."""
    after: int
    """The due times up to this one are dealt with."""
    paused: bool = False
    queued: int | None = None
    """The due time whose run starts when an earlier run has ended."""
    last_due: int | None = None
    """The due time of the last run, or when it was triggered by hand."""
    last_run: str | None = None
    last_at: float | None = None
    """When the last run was started."""
    started: int = 0
    """The number of runs."""
    missed: int = 0
    """The due times that were missed and for which no run was started."""
    skipped: int = 0
    """The due times for which no run was started because an earlier one was in progress."""


class ScheduleRow(msgspec.Struct, frozen=True):
    """A schedule's state as it is stored, and the process that looks after it, or None."""

    state: ScheduleState
    owner: str | None
    engine: int | None = None
    """The number of its engine, or None."""


class ScheduleMoved(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule has got a new state, perhaps together with the event of a due time."""

    state: ScheduleState
    accepted: EventAccepted | None = None
    audit: AuditEntries = ()


class ScheduleReader(Protocol):
    """Reads schedules. Thread-safe. Every method may raise StoreUnavailable."""

    def all(self) -> list[ScheduleRow]:
        """Return all schedules, by ref."""

    def owner(self, ref: str) -> int | None:
        """Return the number of the engine that looks after a schedule, or None."""

    def in_progress(self, ref: str) -> list[str]:
        """Return the runs of a schedule that have not ended, also those that are still to be started."""


class ScheduleClaims(Protocol):
    """Claims schedules, on the writer's thread."""

    def claim(self, timings: Mapping[str, str], at: int) -> list[ScheduleState]:
        """Claim the schedules that no engine looks after, in one transaction.

        Args:
            timings: The identities of the timings, by ref. A schedule that is not stored yet is added.
            at: The due times of a new schedule are dealt with up to this one.

        Returns:
            The states of all schedules among them that are this engine's.

        Raises:
            StoreUnavailable: The store cannot be written now; the call can be repeated.
            StoreLost: Another process has taken over the store.
        """


def new_state(ref: str, timing: str, at: int) -> ScheduleState:
    """Return the state of a schedule that is seen for the first time."""
    return ScheduleState(ref=ref, timing=timing, after=at)
