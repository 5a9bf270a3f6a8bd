"""A schedule: when it is due, and what becomes of due times that were missed or that overlap."""

from dataclasses import dataclass
from typing import Final

from stretto.definitions.schedules.policies import Missed, OverlapPolicy
from stretto.definitions.schedules.timing import Timing, delay_of

START_AT_ONCE: Final = Missed()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule.

    Attributes:
        timing: When it is due.
        text: The timing as the file has it, such as `cron 0 3 * * *`.
        zone: The name of the time zone.
        jitter: The seconds by which a start is delayed at most.
        missed: The policy of due times that were missed.
        overlap: The policy of due times that come while an earlier run is in progress.
    """

    timing: Timing
    text: str
    zone: str = "UTC"
    jitter: int = 0
    missed: Missed = START_AT_ONCE
    overlap: OverlapPolicy = "allow"

    @property
    def identity(self) -> str:
        """A text of the timing, to compare it with another version of the file."""
        return f"{self.text} {self.zone}"

    def starts_at(self, ref: str, due: int) -> float:
        """Return when the run of a due time starts."""
        return due + delay_of(ref, self.timing, due, self.jitter)
