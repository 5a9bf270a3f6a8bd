"""The requests about schedules."""

from typing import Annotated, Any

import msgspec

from stretto.actors.operations.base import NotedRequest, Request
from stretto.actors.schedules import MAX_TIMES, SHOWN_TIMES

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
"""The ref of a schedule."""
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_TIMES)]


class Schedules(Request, frozen=True, tag="schedules"):
    """Return all schedules, by ref, each with its state and its next due times."""


class Schedule(Request, frozen=True, tag="schedule"):
    """Return a schedule with its state and its next due times."""

    schedule: Ref


class ScheduleTimes(Request, frozen=True, tag="schedule_times"):
    """Return the next `count` due times of a schedule, after `since` or from now on."""

    schedule: Ref
    since: float | None = None
    count: Count = SHOWN_TIMES


class PauseSchedule(NotedRequest, frozen=True, tag="pause_schedule"):
    """Start no runs of a schedule until it is resumed. Due times until then are not missed."""

    schedule: Ref


class ResumeSchedule(NotedRequest, frozen=True, tag="resume_schedule"):
    """Start runs of a paused schedule again, from the next due time on."""

    schedule: Ref


class TriggerSchedule(NotedRequest, frozen=True, tag="trigger_schedule"):
    """Start a run of a schedule now, also while it is paused or another run is in progress."""

    schedule: Ref


class SchedulesAnswer(msgspec.Struct, frozen=True, tag="schedules"):
    """The schedules, as `Engine.schedules` returns them."""

    schedules: list[dict[str, Any]]


class ScheduleAnswer(msgspec.Struct, frozen=True, tag="schedule"):
    """A schedule, as `Engine.schedule` returns it."""

    schedule: dict[str, Any]


class ScheduleTimesAnswer(msgspec.Struct, frozen=True, tag="schedule_times"):
    """Due times, as `Engine.schedule_times` returns them."""

    times: list[dict[str, Any]]


class ScheduleTriggered(msgspec.Struct, frozen=True, tag="schedule_triggered"):
    """The run that was started, or why there is none."""

    schedule: str
    run: str | None
    error: str | None
