"""When something is due by itself: cron expressions in a time zone, intervals, dates. No clock is read here.

text --read_cron, read_stackstorm_cron--> Timing --next(after)--> due time, in seconds since the epoch
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.schedules.cron import Cron
    from stretto.definitions.schedules.cron_text import read_cron
    from stretto.definitions.schedules.policies import (
        MAX_CAUGHT_UP,
        Decision,
        Missed,
        MissedPolicy,
        OverlapPolicy,
        decide,
    )
    from stretto.definitions.schedules.schedule import Schedule
    from stretto.definitions.schedules.stackstorm_cron import CRON_FIELDS, read_stackstorm_cron
    from stretto.definitions.schedules.timing import (
        MAX_LOOKED_BACK,
        Interval,
        Once,
        Timing,
        delay_of,
        due_times,
        latest_times,
    )
    from stretto.definitions.schedules.zones import InvalidTime, find_zone, instant_of
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "cron": "Cron",
            "cron_text": "read_cron",
            "policies": "Decision MAX_CAUGHT_UP Missed MissedPolicy OverlapPolicy decide",
            "schedule": "Schedule",
            "stackstorm_cron": "CRON_FIELDS read_stackstorm_cron",
            "timing": "Interval MAX_LOOKED_BACK Once Timing delay_of due_times latest_times",
            "zones": "InvalidTime find_zone instant_of",
        },
    )

__all__ = [
    "CRON_FIELDS",
    "MAX_CAUGHT_UP",
    "MAX_LOOKED_BACK",
    "Cron",
    "Decision",
    "Interval",
    "InvalidTime",
    "Missed",
    "MissedPolicy",
    "Once",
    "OverlapPolicy",
    "Schedule",
    "Timing",
    "decide",
    "delay_of",
    "due_times",
    "find_zone",
    "instant_of",
    "latest_times",
    "read_cron",
    "read_stackstorm_cron",
]
