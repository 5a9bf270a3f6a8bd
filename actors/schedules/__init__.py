"""Schedules as an engine looks after them: when each is due, and what a due time leads to.

    clock --ScheduleDue--> Scheduler --state and event in one commit--> journal --MatchesDue--> engine

`definitions.schedules` says when something is due, `journal.schedules` records how far each schedule is.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.schedules.held import UnknownSchedule, unknown_schedule_error
    from stretto.actors.schedules.messages import RunOfScheduleEnded, UseSchedules
    from stretto.actors.schedules.reports import MAX_TIMES, SHOWN_TIMES, ScheduleDisabled, ScheduleElsewhere
    from stretto.actors.schedules.scheduler import Scheduler, Surroundings
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "held": "UnknownSchedule unknown_schedule_error",
            "messages": "RunOfScheduleEnded UseSchedules",
            "reports": "MAX_TIMES SHOWN_TIMES ScheduleDisabled ScheduleElsewhere",
            "scheduler": "Scheduler Surroundings",
        },
    )

__all__ = [
    "MAX_TIMES",
    "SHOWN_TIMES",
    "RunOfScheduleEnded",
    "ScheduleDisabled",
    "ScheduleElsewhere",
    "Scheduler",
    "Surroundings",
    "UnknownSchedule",
    "UseSchedules",
    "unknown_schedule_error",
]
