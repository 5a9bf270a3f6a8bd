"""The failures of a run's items, in groups: by task, kind, message without numbers and ids, and place.

One pass over the failed items; the memory is that of the groups, whatever the number of items.
"""

import hashlib
import re
from typing import Any, Final

import msgspec

from stretto.actors.history.masks import SEALED, mask_of, unless_sealed
from stretto.actors.journal import ItemError, Reader, RunAccepted, time_as_json
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import check_task, ranges_of
from stretto.definitions.context import Mask
from stretto.definitions.errors import StrettoError, names_there, nearest

MAX_GROUPS: Final = 100
"""Groups in an answer."""
MAX_COUNTED: Final = 10_000
"""Groups that are counted. Failures beyond them are only a number."""
MAX_SAMPLE: Final = 4096
"""The longest message of a group, in characters."""
_MEMO: Final = 10_000
"""Different failures whose groups are remembered."""

_NUMBER: Final = "#"
_ID: Final = "<id>"
_VARYING: Final = re.compile(
    r"(?P<id>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{6,}\b)"
    r"|[0-9]+(?:[.,][0-9]+)*",
    re.IGNORECASE | re.ASCII,
)


class UnknownGroup(StrettoError):
    """No failures of the run are in such a group."""

    code = "unknown_group"


class _Group(msgspec.Struct):
    """A group of failures. `first` is the one that ended first."""

    id: str
    message: str
    sample: str
    where: dict[str, str | int] | None
    first: ItemError
    count: int = 0

    def as_json(self) -> dict[str, Any]:
        first = {name: getattr(self.first, name) for name in ("visit", "index", "attempt")}
        return {
            "id": self.id,
            "task": self.first.task,
            "kind": SEALED if self.first.kind is None else self.first.kind,
            "message": self.message,
            "where": self.where,
            "count": self.count,
            "first": {**first, "at": time_as_json(self.first.at)},
            "sample": self.sample,
        }


class _Grouping:
    """Finds the group of a failure. Equal failures are looked at once."""

    def __init__(self, accepted: RunAccepted | None, mask: Mask | None) -> None:
        self._accepted = accepted
        self._mask = mask
        self._memo: dict[Any, _Group] = {}

    def group_of(self, error: ItemError) -> _Group:
        """Return the group that a failure is in, with this failure as its first one unless it is known."""
        cause = error.task, error.kind, error.message, error.where
        group = self._memo.get(cause)
        if group is None:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            group = self._memo[cause] = self._new_group(error)
        return group

    def _new_group(self, error: ItemError) -> _Group:
        sample, where = SEALED, None
        if error.kind is not None and self._mask is not None:
            sample = self._mask.text(error.message)[:MAX_SAMPLE]
        place = error.where
        if place is None and self._accepted is not None and error.task in self._accepted.workflow.tasks:
            place = self._accepted.workflow.tasks[error.task].action_place
        if place is not None:
            where = place.as_json()
        message = without_numbers(sample)
        key = msgspec.json.encode([error.task, error.kind, message, where])
        return _Group(hashlib.sha256(key).hexdigest()[:16], message, sample, where, error)


def without_numbers(message: str) -> str:
    """Return a message with `#` in place of numbers, and `<id>` in place of ids in hexadecimal digits."""
    return _VARYING.sub(lambda found: _ID if found["id"] else _NUMBER, message)


def group_errors(reader: Reader, run_id: str, task: str | None = None) -> dict[str, Any]:
    """Return why items of a run, or of one of its tasks, have not succeeded: {groups, others}.

    A group is {id, task, kind, message, where, count, first, sample}, the most frequent first: `message` is without
    numbers and ids, `where` the place in the definition, `first` the item that ended first, `sample` its message.
    `others` is the number of failed items in no group that is shown. Retried items count if their last attempt failed.
    Raises `UnknownRun`, `UnknownTask`, `StoreUnavailable`.
    """
    groups: dict[str, _Group] = {}
    others = 0
    grouping = _grouping(reader, run_id, task)
    for error in reader.item_errors(run_id, task):
        found = grouping.group_of(error)
        group = groups.get(found.id)
        if group is None:
            if len(groups) >= MAX_COUNTED:
                others += 1
                continue
            group = groups[found.id] = found
        group.count += 1
    ordered = sorted(groups.values(), key=lambda each: (-each.count, each.first.number))
    others += sum(each.count for each in ordered[MAX_GROUPS:])
    return {"groups": [each.as_json() for each in ordered[:MAX_GROUPS]], "others": others}


def list_error_items(reader: Reader, run_id: str, group: str) -> dict[str, list[list[int]]]:
    """Return the failed items of a group of failures by task, as ranges [first, last], of each task's last visit.

    Raises `UnknownRun`, `UnknownGroup`, `StoreUnavailable`.
    """
    found = items_of_group(reader, run_id, group)
    return {task: [list(each) for each in ranges_of(indexes)] for task, indexes in found.items()}


def items_of_group(reader: Reader, run_id: str, group_id: str) -> dict[str, list[int]]:
    """Return the indexes of the failed items of a group by task, each of its task's last visit.

    Raises `UnknownRun`, `UnknownGroup`, `StoreUnavailable`.
    """
    groups: set[str] = set()  # at most MAX_COUNTED and the one that is asked for
    last: dict[str, int] = {}
    for row in reader.tasks(run_id):
        last[row.task] = max(row.visit, last.get(row.task, 0))
    found: dict[str, list[int]] = {}
    grouping = _grouping(reader, run_id, None)
    for error in reader.item_errors(run_id):
        group = grouping.group_of(error).id
        if group == group_id or len(groups) < MAX_COUNTED:
            groups.add(group)
        if group == group_id and error.visit == last.get(error.task, error.visit):
            found.setdefault(error.task, []).append(error.index)
    if group_id not in groups:
        hint = nearest(group_id, groups) or names_there(groups) or "`stretto runs errors` lists the groups"
        raise UnknownGroup(f"there is no group {group_id[:100]!r} of failures in the run {run_id}; {hint}")
    return found


def _grouping(reader: Reader, run_id: str, task: str | None) -> _Grouping:
    if reader.run(run_id) is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    accepted = unless_sealed(lambda: reader.accepted(run_id))
    if accepted is None:
        return _Grouping(None, None)
    if task is not None:
        check_task(accepted.workflow, task)
    return _Grouping(accepted, mask_of(reader, accepted))
