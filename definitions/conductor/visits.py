"""The visits of a run's tasks: the active ones in the order of their start, and the last one of each task."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from stretto.definitions.conductor.visit import Visit

ItemId: TypeAlias = tuple[str, int, int]
"""An item: its task, the visit, and its index."""

_NO_ITEMS: Final[frozenset[ItemId]] = frozenset()
"""Shared: an empty set of its own would take 216 bytes of each run."""


class Visits:
    """Numbers and stores visits. `active` are those that have not ended, by task and visit.

    `refilling` are those whose windows have room for more than a portion of items. None is left at the end of an event.
    """

    __slots__ = ("_begun", "_counts", "_skipped", "active", "last", "refilling")

    def __init__(self) -> None:
        self.active: dict[tuple[str, int], Visit] = {}
        self.last: dict[str, Visit] = {}
        self.refilling: tuple[Visit, ...] = ()
        self._counts: dict[str, int] = {}
        self._begun = 0
        self._skipped = _NO_ITEMS

    def begin(self, visit: Visit) -> None:
        """Number a visit that begins, and store it."""
        visit.visit, visit.number = self.number(visit.name)
        self.active[visit.name, visit.visit] = self.last[visit.name] = visit

    def end(self, visit: Visit) -> None:
        """Remove a visit that has ended. Its skipped items stay known."""
        del self.active[visit.name, visit.visit]
        if visit.skipped:
            self._skipped |= _skipped_of(visit)

    def number(self, name: str) -> tuple[int, int]:
        """Count one more visit of a task or an engine command; return its number in that task, and among all."""
        self._counts[name] = self._counts.get(name, 0) + 1
        self._begun += 1
        return self._counts[name], self._begun

    def of(self, task: str) -> Iterator[Visit]:
        """Yield the visits of a task that have not ended."""
        return (visit for visit in self.active.values() if visit.name == task)

    def skipped(self) -> frozenset[ItemId]:
        """Return the items of all visits that were skipped by request."""
        return self._skipped.union(*map(_skipped_of, self.active.values()))


def _skipped_of(visit: Visit) -> set[ItemId]:
    return {(visit.name, visit.visit, index) for index in visit.skipped}
