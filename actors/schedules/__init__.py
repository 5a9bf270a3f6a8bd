"""Schedules as an engine looks after them: when each is due, and what a due time leads to.

    clock --ScheduleDue--> Scheduler --state and event in one commit--> journal --MatchesDue--> engine

`definitions.schedules` says when something is due, `journal.schedules` records how far each schedule is.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.schedules.claiming import Surroundings
    from stretto.actors.schedules.held import HeldSchedules, UnknownSchedule, unknown_schedule_error
    from stretto.actors.schedules.messages import BeginSchedules, CompareClocks, RunOfScheduleEnded, UseSchedules
    from stretto.actors.schedules.payloads import shown_time
    from stretto.actors.schedules.reports import MAX_TIMES, SHOWN_TIMES, ScheduleDisabled, ScheduleElsewhere, figures_of
    from stretto.actors.schedules.scheduler import Scheduler
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "claiming": "Surroundings",
            "held": "HeldSchedules UnknownSchedule unknown_schedule_error",
            "messages": "BeginSchedules CompareClocks RunOfScheduleEnded UseSchedules",
            "payloads": "shown_time",
            "reports": "MAX_TIMES SHOWN_TIMES ScheduleDisabled ScheduleElsewhere figures_of",
            "scheduler": "Scheduler",
        },
    )

__all__ = [
    "MAX_TIMES",
    "SHOWN_TIMES",
    "BeginSchedules",
    "CompareClocks",
    "HeldSchedules",
    "RunOfScheduleEnded",
    "ScheduleDisabled",
    "ScheduleElsewhere",
    "Scheduler",
    "Surroundings",
    "UnknownSchedule",
    "UseSchedules",
    "figures_of",
    "shown_time",
    "unknown_schedule_error",
]
