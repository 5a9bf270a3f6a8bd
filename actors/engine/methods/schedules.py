"""The schedules."""

from typing import Any

from stretto.actors.engine.actor import EngineActor
from stretto.actors.journal import Requester


class ScheduleMethods(EngineActor):
    """The schedules."""

    def schedules(self) -> Any:
        """Return the schedules among the definitions.

        Returns:
            [{schedule, status, daemon, timing, timezone, jitter, missed_policy, overlap_policy, target, description,
            file, last_due, last_run, last_at, started, missed, skipped, queued, in_progress, next}], by ref. The status
            is "active", "paused", "disabled", or "elsewhere" if no engine looks after the schedule yet. `daemon` names
            the other daemon that does, or is None. `next` has the next due times.
        """
        return self._core.schedules.list()

    def schedule(self, schedule: str) -> Any:
        """Return a schedule.

        Args:
            schedule: Its ref.

        Returns:
            It as `schedules` does.

        Raises:
            UnknownSchedule: There is no such schedule.
        """
        return self._core.schedules.show(schedule)

    def schedule_times(self, schedule: str, since: float | None = None, count: int = 5) -> Any:
        """Return the next due times of a schedule.

        Args:
            schedule: Its ref.
            since: The time after which they are, in seconds since the epoch. None is now.
            count: The most times to return.

        Returns:
            [{due, starts_at}], as the clocks of its time zone show them. Jitter makes the difference.

        Raises:
            UnknownSchedule: There is no such schedule.
        """
        return self._core.schedules.times(schedule, since, count)

    def pause_schedule(self, schedule: str, *, by: Requester | None = None) -> Any:
        """Start no runs of a schedule until it is resumed. Due times until then are not missed.

        Args:
            schedule: Its ref.
            by: As of `submit`.

        Returns:
            The schedule as `schedules` does, once that is durable.

        Raises:
            UnknownSchedule: There is no such schedule.
            ScheduleElsewhere: No engine looks after it, or another one does from now on.
        """
        return self._core.schedules.pause(schedule, by)

    def resume_schedule(self, schedule: str, *, by: Requester | None = None) -> Any:
        """Start runs of a paused schedule again, from the next due time on.

        Takes, returns and raises what `pause_schedule` does.
        """
        return self._core.schedules.resume(schedule, by)

    def trigger_schedule(self, schedule: str, *, by: Requester | None = None) -> Any:
        """Start a run of a schedule now, also while it is paused or another run is in progress.

        Args:
            schedule: Its ref.
            by: As of `submit`.

        Returns:
            {schedule, run, error}, once that is durable. If the inputs cannot be rendered, `run` is None and `error`
            says why.

        Raises:
            UnknownSchedule: There is no such schedule.
            ScheduleDisabled: Its definition disables it.
            ScheduleElsewhere: As of `pause_schedule`.
        """
        return self._core.schedules.trigger(schedule, by)
