"""The visits of a run's tasks: the active ones in the order of their start, and the last one of each task."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from stretto.definitions.conductor.visit import Visit

ItemId: TypeAlias = tuple[str, int, int]
"""An item: its task, the visit, and its index."""

_NO_ITEMS: Final[frozenset[ItemId]] = frozenset()
"""Shared: an empty set of its own would take 216 bytes of each run."""

_NO_COMMANDS: Final[Mapping[str, int]] = MappingProxyType({})
"""Shared, too."""


class Visits:
    """Numbers and stores visits. `active` are those that have not ended, by task and visit.

    `refilling` are those whose windows have room for more than a portion of items. None is left at the end of an event.
    """

    __slots__ = ("_begun", "_commands", "_skipped", "active", "last", "refilling")

    def __init__(self) -> None:
        self.active: dict[tuple[str, int], Visit] = {}
        self.last: dict[str, Visit] = {}
        self.refilling: tuple[Visit, ...] = ()
        self._commands = _NO_COMMANDS
        """The visits of engine commands, by command. Those of a task are in its last visit."""
        self._begun = 0
        self._skipped = _NO_ITEMS

    def begin(self, visit: Visit) -> None:
        """Number a visit that begins, and store it."""
        last = self.last.get(visit.name)
        visit.visit = max(0 if last is None else last.visit, self._commands.get(visit.name, 0)) + 1
        self._begun += 1
        visit.number = self._begun
        self.active[visit.name, visit.visit] = self.last[visit.name] = visit

    def end(self, visit: Visit) -> None:
        """Remove a visit that has ended. Its skipped items stay known."""
        del self.active[visit.name, visit.visit]
        if visit.skipped:
            self._skipped |= _skipped_of(visit)

    def number_command(self, name: str) -> tuple[int, int]:
        """Count one more visit of an engine command; return its number in that command, and among all visits."""
        number = self._commands.get(name, 0) + 1
        self._commands = {**self._commands, name: number}
        self._begun += 1
        return number, self._begun

    def of(self, task: str) -> Iterator[Visit]:
        """Yield the visits of a task that have not ended."""
        return (visit for visit in self.active.values() if visit.name == task)

    def skipped(self) -> frozenset[ItemId]:
        """Return the items of all visits that were skipped by request."""
        return self._skipped.union(*map(_skipped_of, self.active.values()))


def _skipped_of(visit: Visit) -> set[ItemId]:
    return {(visit.name, visit.visit, index) for index in visit.skipped}
