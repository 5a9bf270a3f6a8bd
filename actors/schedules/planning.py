"""The plan of a schedule at a time: the due times that start runs now, those left out, and the next one."""

from typing import Final, NamedTuple

from stretto.actors.journal import ScheduleState
from stretto.definitions.schedules import Schedule, latest_times

ON_TIME_SECONDS: Final = 60.0
"""A due time that is handled later than this was missed: the policy of the schedule decides what becomes of it."""


class Plan(NamedTuple):
    """The plan of a schedule now.

    Attributes:
        start: The due times to handle, in order.
        left_out: The number of due times that were missed and that the policy leaves out.
        after: The due times up to this one are dealt with, once those to handle are.
        wake_at: When the next one starts, in seconds since the epoch, or None if there is none.
    """

    start: tuple[int, ...]
    left_out: int
    after: int
    wake_at: float | None


def plan(schedule: Schedule, state: ScheduleState, now: float) -> Plan:
    """Return the plan of a schedule at a time, in seconds since the epoch.

    Due times are handled once and in order, also if the clock is set back: none comes again.
    """
    ref, after = state.ref, state.after
    ready: list[int] = []
    waiting: int | None = None
    for due in latest_times(schedule.timing, after, int(now)):
        if schedule.starts_at(ref, due) > now:
            waiting = due
            break
        ready.append(due)
    late = [due for due in ready if now - schedule.starts_at(ref, due) > ON_TIME_SECONDS]
    on_time = ready[len(late) :]
    # One run makes up for all that was missed: the next one in time does, too.
    made_up = [] if schedule.missed.policy == "one" and on_time else schedule.missed.to_start(late)
    if ready:
        after = ready[-1]
    following = schedule.timing.next(after) if waiting is None else waiting
    return Plan(
        (*made_up, *on_time), len(late) - len(made_up), after,
        None if following is None else schedule.starts_at(ref, following),
    )  # fmt: skip
