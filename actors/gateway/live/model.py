"""A run as a client puts it together: the whole state, and the difference that a report makes to it."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import structs

from stretto.actors.gateway.live.frames import Members
from stretto.actors.runs import (
    MAX_CHANGES,
    ErrorGroup,
    ItemChanges,
    Ranges,
    RunChanges,
    apply_ranges,
    changed_between,
    not_waiting,
    ranges_of,
)

MAX_RANGES_BYTES: Final = 16 * 1024
"""Bytes of the ranges of one task in a frame. Longer ones are sent as "many"."""
MANY: Final = "many"
"""Sent in place of the items of a task if too many have changed: fetch the states of all."""


class Items(msgspec.Struct):
    """The states of a task's items in its last visit. None if they are not known here."""

    visit: int
    states: bytes | None
    by_entries: bool


class Delta(msgspec.Struct, frozen=True):
    """The changes that a report makes."""

    status: bool
    tasks: tuple[str, ...]
    items: dict[str, dict[str, Ranges] | None]
    errors: tuple[ErrorGroup, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing has changed."""
        return not (self.status or self.tasks or self.items or self.errors)


class RunModel:
    """The state of one run up to entry `number`."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.workflow = ""
        self.number = -1
        self.status = ""
        self.tasks: dict[str, dict[str, Any]] = {}
        self.items: dict[str, Items] = {}
        self._errors: dict[tuple[str, str, str, str], ErrorGroup] = {}

    def apply(self, changes: RunChanges) -> Delta:
        """Take a report, complete or not, and return what it changes here."""
        gap = changes.since is not None and changes.since != self.number
        status = changes.status != self.status
        self.number, self.status, self.workflow = changes.number, changes.status, changes.workflow
        tasks = tuple(name for name, report in changes.tasks.items() if report != self.tasks.get(name))
        self.tasks.update(changes.tasks)
        items: dict[str, dict[str, Ranges] | None] = {}
        for name, each in changes.items.items():
            found = self._apply_items(name, each, whole=changes.since is None)
            if found is None or found:
                items[name] = found
        if gap:  # an answer was lost
            items |= self.forget_items()
        errors = changes.errors if changes.since is not None else (*self._vanished(changes.errors), *changes.errors)
        return Delta(status, tasks, items, tuple(self._apply_errors(errors)))

    def forget_items(self) -> dict[str, dict[str, Ranges] | None]:
        """Forget the states of all items, which are not known any more. Return that as a change of them."""
        visits = {name: report["visits"] for name, report in self.tasks.items() if report["visits"]}
        self.items = {name: Items(visit, None, by_entries=False) for name, visit in visits.items()}
        return dict.fromkeys(self.items)

    def _apply_items(self, name: str, changes: ItemChanges, *, whole: bool) -> dict[str, Ranges] | None:
        known = self.items.get(name)
        same = known is not None and known.visit == changes.visit
        before = known.states if same and known is not None else b""
        after = changes.states
        if changes.ranges is not None:
            if before is None and not whole:
                return None
            states = bytearray(b"" if whole else before or b"")
            apply_ranges(states, changes.ranges)
            after = bytes(states)
        self.items[name] = Items(changes.visit, after, changes.by_entries)
        if after is None or before is None:
            return None
        changed = changed_between(before, after, MAX_CHANGES)
        return None if changed is None else ranges_of(after, changed)

    def _vanished(self, groups: tuple[ErrorGroup, ...]) -> Iterator[ErrorGroup]:
        """Yield the groups that a complete report does not have, as empty ones."""
        present = {each.key for each in groups}
        for key, group in self._errors.items():
            if key not in present:
                yield structs.replace(group, count=0)

    def _apply_errors(self, groups: Iterable[ErrorGroup]) -> Iterator[ErrorGroup]:
        for group in groups:
            if self._errors.get(group.key) != group:
                self._errors[group.key] = group
                yield group
            if not group.count:
                self._errors.pop(group.key, None)

    def errors(self) -> list[ErrorGroup]:
        """Return the groups of errors of each task's last visit."""
        return [each for each in self._errors.values() if self.tasks[each.task]["visits"] == each.visit]

    # ---- as members of frames

    def whole(self) -> Members:
        """Return the whole state."""
        known = {name: each.states for name, each in self.items.items()}
        items = {
            name: MANY if states is None else _bounded(ranges_of(states, not_waiting(states)))
            for name, states in known.items()
            if states is None or any(states)
        }
        return {"tasks": self.tasks, "items": items}

    def changed(self, delta: Delta) -> Members:
        """Return what has changed."""
        tasks = self.tasks
        items = {name: MANY if ranges is None else _bounded(ranges) for name, ranges in delta.items.items()}
        return {"tasks": {name: tasks[name] for name in delta.tasks}, "items": items}


def _bounded(ranges: dict[str, Ranges]) -> dict[str, Ranges] | str:
    count = sum(len(each) for each in ranges.values())
    if count > MAX_CHANGES:
        return MANY
    return MANY if count * 16 > MAX_RANGES_BYTES and _size(ranges) > MAX_RANGES_BYTES else ranges


def _size(ranges: dict[str, Ranges]) -> int:
    return len(msgspec.json.encode(ranges))
