"""The visits of a run's tasks: those that have not ended, in the order of their start, and each task's last."""

from collections.abc import Iterator
from typing import TypeAlias

from stretto.definitions.conductor.fan_out import FanOut

ItemId: TypeAlias = tuple[str, int, int]
"""An item: its task, the visit, and its index."""


class Visits:
    """Numbers visits and keeps them. `active` holds those that have not ended, by task and visit."""

    __slots__ = ("_begun", "_counts", "_skipped", "active", "last")

    def __init__(self) -> None:
        self.active: dict[tuple[str, int], FanOut] = {}
        self.last: dict[str, FanOut] = {}
        self._counts: dict[str, int] = {}
        self._begun = 0
        self._skipped: set[ItemId] = set()

    def begin(self, visit: FanOut) -> None:
        """Number a visit that begins, and keep it."""
        visit.visit, visit.number = self.number(visit.name)
        self.active[visit.name, visit.visit] = self.last[visit.name] = visit

    def end(self, visit: FanOut) -> None:
        """Forget a visit that has ended, but for what was skipped of it."""
        del self.active[visit.name, visit.visit]
        if visit.skipped:
            self._skipped |= _skipped_of(visit)

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

    def skipped(self) -> frozenset[ItemId]:
        """Return the items that were skipped by request, of all visits."""
        return frozenset(self._skipped).union(*map(_skipped_of, self.active.values()))


def _skipped_of(visit: FanOut) -> set[ItemId]:
    return {(visit.name, visit.visit, index) for index in visit.skipped}
