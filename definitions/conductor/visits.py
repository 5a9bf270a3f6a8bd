"""The visits of a run's tasks: those that have not ended, in the order of their start, and each task's last."""

from collections.abc import Iterator

from stretto.definitions.conductor.fan_out import FanOut


class Visits:
    """Numbers visits and keeps them. `active` holds those that have not ended, by task and visit."""

    __slots__ = ("_begun", "_counts", "active", "last")

    def __init__(self) -> None:
        self.active: dict[tuple[str, int], FanOut] = {}
        self.last: dict[str, FanOut] = {}
        self._counts: dict[str, int] = {}
        self._begun = 0

    def begin(self, visit: FanOut) -> None:
        """Number a visit that begins, and keep it."""
        visit.visit, visit.number = self.number(visit.name)
        self.active[visit.name, visit.visit] = self.last[visit.name] = visit

    def number(self, name: str) -> tuple[int, int]:
        """Count one more visit of a task, or one more time that an engine command is reached.

        Return its number among those of the same name, and among all.
        """
        self._counts[name] = self._counts.get(name, 0) + 1
        self._begun += 1
        return self._counts[name], self._begun

    def of(self, task: str) -> Iterator[FanOut]:
        """Yield the visits of a task that have not ended."""
        return (visit for visit in self.active.values() if visit.name == task)
