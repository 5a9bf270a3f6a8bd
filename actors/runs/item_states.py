"""The states of a visit's items, a byte each, and the difference between two of them as ranges.

They are made from the visit when someone asks: nothing is kept, or counted, for a run without followers. The cost is
that of the failed, skipped and running items; those that have succeeded are a slice.
"""

import re
from collections.abc import Mapping
from typing import Final

from stretto.actors.runs.change_messages import Ranges
from stretto.definitions.conductor import Visit

ITEM_STATES: Final = (
    "waiting", "running", "retrying", "succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped",
)  # fmt: skip
"""The states of an item. A byte is an index here."""
MAX_TRACKED_ITEMS: Final = 1_000_000
"""Items of one visit whose states are reported. Of a larger visit only the counts are."""
_CODES: Final = {name: code for code, name in enumerate(ITEM_STATES)}
_WAITING, _RUNNING, _RETRYING, _SUCCEEDED = range(4)
_OF_ATTEMPT: Final = {"running": _RUNNING, "held": _WAITING}
_NOT_WAITING: Final = re.compile(rb"[^\0]+")


def states_of(visit: Visit) -> bytes | None:
    """Return the state of each item of a visit, up to the last that does not wait. None if they are not tracked.

    They are not if the visit is larger than MAX_TRACKED_ITEMS, or keeps only the first failures (a results file).
    """
    if visit.next_index > MAX_TRACKED_ITEMS or visit.failed != len(visit.failures):
        return None
    states = bytearray([_SUCCEEDED]) * visit.next_index
    if visit.skipped:
        states.extend(bytes(max(0, max(visit.skipped) + 1 - len(states))))
    size = len(states)
    for index in visit.withdrawn:
        states[index] = _WAITING
    for failure in visit.failures:
        if failure.index < size:
            states[failure.index] = _CODES.get(failure.outcome, _CODES["failed"])
    for index in visit.skipped:
        states[index] = _CODES["skipped"]
    for index in visit.requeued:
        states[index] = _RETRYING
    for index, item in visit.window.items():
        states[index] = _OF_ATTEMPT.get(item.state, _RETRYING)
    return bytes(states)


def changed_between(old: bytes, new: bytes, most: int) -> list[int] | None:
    """Return the indexes at which two lists of states differ, in order. The shorter one waits behind its end.

    Args:
        old: The states before.
        new: The states now.
        most: The most differences to return.

    Returns:
        The indexes, or None if there are more than `most`.
    """
    size = max(len(old), len(new))
    # Numbers are compared, and their bytes searched, outside Python: 100,000 items take less than a millisecond.
    differences = (_number(old) ^ _number(new)).to_bytes(size, "little")
    return None if size - differences.count(0) > most else not_waiting(differences)


def not_waiting(states: bytes) -> list[int]:
    """Return the indexes of the items that do not wait, in order."""
    return [index for found in _NOT_WAITING.finditer(states) for index in range(*found.span())]


def _number(states: bytes) -> int:
    return int.from_bytes(states, "little")


def ranges_of(states: bytes, indexes: list[int]) -> dict[str, Ranges]:
    """Return the given items by their state, as ranges of neighbours.

    Args:
        states: The states of all items.
        indexes: The items, in order. One behind the end of `states` waits.
    """
    found: dict[str, Ranges] = {}
    first = last = code = -1
    for index in indexes:
        here = states[index] if index < len(states) else _WAITING
        if index == last + 1 and here == code:
            last = index
            continue
        _add(found, first, last, code)
        first = last = index
        code = here
    _add(found, first, last, code)
    return found


def _add(found: dict[str, Ranges], first: int, last: int, code: int) -> None:
    if code >= 0:
        found.setdefault(ITEM_STATES[code], []).append(first if first == last else [first, last])


def apply_ranges(states: bytearray, ranges: Mapping[str, Ranges]) -> None:
    """Change states by ranges."""
    for name, members in ranges.items():
        code = _CODES[name]
        for each in members:
            first, last = (each, each) if isinstance(each, int) else each
            if len(states) <= last:
                states.extend(bytes(last + 1 - len(states)))
            states[first : last + 1] = bytes([code]) * (last + 1 - first)
