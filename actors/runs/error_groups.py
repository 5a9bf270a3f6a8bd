"""The failed items of a run in groups: the same task, kind of error, message without its digits, and place."""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from stretto.actors.runs.change_messages import ErrorGroup
from stretto.definitions.conductor import ItemFailure, Visit
from stretto.definitions.context import Mask
from stretto.definitions.errors import Place

MAX_ERROR_GROUPS: Final = 100
"""Groups of errors of one task. Further errors are counted in a group of their own, of the kind "other"."""
MAX_ERROR_TEXT: Final = 500
"""Characters of a group's message."""
_DIGITS: Final = re.compile(r"\d+")
_READ: Final = 2 * MAX_ERROR_TEXT
_Key: TypeAlias = tuple[str, str, str]
_OTHER: Final[_Key] = ("other", "", "")


class ErrorGroups:
    """Groups the failures of one task's last visit. Each failure is read once, unless failed items are retried."""

    __slots__ = ("_counts", "_known", "_last", "_reported", "_samples", "_visit")

    def __init__(self) -> None:
        self._visit = 0
        self._known = 0
        self._last: ItemFailure | None = None
        self._counts: dict[_Key, int] = {}
        self._samples: dict[_Key, tuple[int, str, dict[str, Any] | None]] = {}
        """The first item of each group, its message before it is masked, and its place."""
        self._reported: dict[_Key, int] = {}

    def changed(self, visit: Visit, mask: Mask) -> Iterator[ErrorGroup]:
        """Yield the groups whose count has changed since the last call, with the failures of a task's last visit."""
        failures = visit.failures
        if visit.visit != self._visit:
            self._visit, self._reported = visit.visit, {}
            self._read_again()
        elif self._known and not (len(failures) >= self._known and failures[self._known - 1] is self._last):
            self._read_again()  # failed items are retried, and so fewer
        for each in failures[self._known :]:
            self.add(each.index, each.failure.kind, each.failure.message, each.failure.where)
        self._known = len(failures)
        self._last = failures[-1] if failures else None
        yield from self.groups(visit.name, visit.visit, mask)

    def groups(self, task: str, visit: int, mask: Mask) -> Iterator[ErrorGroup]:
        """Yield the groups whose count has changed since the last call."""
        for key in {**self._reported, **self._counts}:
            count = self._counts.get(key, 0)
            if count != self._reported.get(key, 0):
                first, message, where = self._samples[key]
                # Masked now: a text may have become a secret since.
                masked = (mask.text if len(message) < _READ else mask.beginning)(message)[:MAX_ERROR_TEXT]
                yield ErrorGroup(task, visit, key[0], masked, where, count, first)
        self._reported = dict(self._counts)

    def _read_again(self) -> None:
        self._known, self._counts = 0, {}

    def add(self, index: int, kind: str, message: str, where: Place | None) -> None:
        """Count the failure of an item."""
        text = message[:_READ]
        key = kind, _DIGITS.sub("#", text), "" if where is None else str(where)
        if key not in self._samples:
            if len(self._samples) < MAX_ERROR_GROUPS:
                self._samples[key] = index, text, None if where is None else where.as_json()
            else:
                key = _OTHER
                self._samples.setdefault(key, (index, "other errors", None))
        self._counts[key] = self._counts.get(key, 0) + 1
