"""The items that a rerun is to run again: ranges of indexes by task."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from stretto.definitions.errors import StrettoError

Range: TypeAlias = tuple[int, int]
"""The first and the last index."""
ChosenItems: TypeAlias = Mapping[str, tuple[Range, ...]]
"""The ranges of each task, in their order, without neighbours that touch."""

MAX_RANGES: Final = 10_000
"""Ranges of one request, over all its tasks."""


class InvalidItems(StrettoError):
    """The items of a rerun are no ranges of indexes, are too many, or do not exist."""

    code = "invalid_items"


def chosen_items(given: Mapping[str, Sequence[int | Sequence[int]]]) -> dict[str, tuple[Range, ...]]:
    """Return the items of a request.

    Args:
        given: Of each task, indexes and pairs [first, last], in any order. Tasks without any are left out.

    Raises:
        InvalidItems: An entry is neither, or there are more than `MAX_RANGES`.
    """
    count = sum(map(len, given.values()))
    if count > MAX_RANGES:
        raise InvalidItems(f"a rerun takes at most {MAX_RANGES:,} ranges of items (MAX_RANGES), got {count:,}")
    return {task: joined(_range(task, each) for each in ranges) for task, ranges in given.items() if ranges}


def ranges_of(indexes: Iterable[int]) -> tuple[Range, ...]:
    """Return indexes as ranges."""
    return joined((index, index) for index in indexes)


def joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return ranges in their order, with one in place of those that overlap or touch."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def indexes_of(ranges: Iterable[Range]) -> frozenset[int]:
    """Return all indexes of ranges. The caller bounds them first."""
    return frozenset(index for first, last in ranges for index in range(first, last + 1))


def check_within(task: str, ranges: Sequence[Range], count: int) -> None:
    """Check that a task has had the items of its ranges.

    Args:
        task: The task's name.
        ranges: Its ranges, at least one.
        count: The number of items that it had.

    Raises:
        InvalidItems: It had fewer.
    """
    last = ranges[-1][1]
    if last >= count:
        few = "its only item is 0" if count else "it had none"
        had = f"it had {count:,} items, numbered from 0" if count > 1 else few
        raise InvalidItems(f"there is no item {last} of the task {task!r}: {had}")


def _range(task: str, given: int | Sequence[int]) -> Range:
    ends = (given, given) if isinstance(given, int) else tuple(given)
    is_pair = len(ends) == 2 and all(type(each) is int for each in ends)
    if not is_pair or not 0 <= ends[0] <= ends[1]:
        raise InvalidItems(
            f"the items of the task {task!r} must be indexes or pairs [first, last], got {str(given)[:100]}"
        )
    return ends[0], ends[1]
