"""The schedules of an engine without a store: they begin anew when it starts."""

from collections.abc import Mapping

from stretto.actors.journal.schedules import ScheduleState, new_state


class MemorySchedules:
    """Keeps the states of schedules in memory. Its owner locks it. Implements `journal.schedules.ScheduleClaims`."""

    def __init__(self) -> None:
        self._states: dict[str, ScheduleState] = {}

    def claim(self, timings: Mapping[str, str], at: int) -> list[ScheduleState]:
        """Return the states; see `ScheduleClaims.claim`."""
        for ref, timing in timings.items():
            self._states.setdefault(ref, new_state(ref, timing, at))
        return [self._states[ref] for ref in timings]

    def move(self, state: ScheduleState) -> None:
        """Replace a state."""
        self._states[state.ref] = state
