"""Messages to the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stretto.actors.journal import ScheduleState
    from stretto.definitions.rules import Rule


class BeginSchedules(msgspec.Struct, frozen=True):
    """Look after the schedules among the definitions from now on. Sent to the engine."""


class UseSchedules(msgspec.Struct, frozen=True):
    """Look after the schedules of these rules, by ref, and after no others."""

    rules: Mapping[str, Rule]


class SchedulesClaimed(msgspec.Struct, frozen=True):
    """These schedules are this engine's."""

    states: tuple[ScheduleState, ...]


class ClaimFailed(msgspec.Struct, frozen=True):
    """The schedules could not be claimed."""

    reason: str


class ClaimAgain(msgspec.Struct, frozen=True):
    """Claim the schedules that other engines have left."""


class ScheduleDue(msgspec.Struct, frozen=True):
    """A schedule may be due. `number` is of the reminder: an older one is ignored."""

    ref: str
    number: int


class CompareClocks(msgspec.Struct, frozen=True):
    """Find out whether the clock was set."""


class ScheduleRecorded(msgspec.Struct, frozen=True):
    """The last state of a schedule is durable."""

    ref: str


class ScheduleUnrecordable(msgspec.Struct, frozen=True):
    """The last state of a schedule, and the event with it, can never be recorded. `run` is not started."""

    ref: str
    run: str | None


class RunsRead(msgspec.Struct, frozen=True):
    """The runs of a schedule that are in progress. None if they could not be read."""

    ref: str
    runs: frozenset[str] | None


class RunOfScheduleEnded(msgspec.Struct, frozen=True):
    """A run has ended, or is not started at all. Most are of no schedule."""

    run_id: str
