"""The items that a recovered run starts again, in words."""

from collections.abc import Sequence
from typing import Final

from stretto.definitions.conductor import StartItem

MOST_FOLLOWED: Final = 100
"""Restarted items of a run whose ends are waited for. The others start behind these."""
_MOST_TASKS: Final = 3
_MOST_INDEXES: Final = 3


def describe_starts(starts: Sequence[StartItem]) -> str:
    """Return which items start, for people: "items 0, 1, 2 and 7 more of 'fan', item 0 of 'check'"."""
    indexes: dict[str, list[int]] = {}
    for start in starts:
        indexes.setdefault(start.task, []).append(start.index)
    described = [_described(task, indexes[task]) for task in list(indexes)[:_MOST_TASKS]]
    more = len(indexes) - _MOST_TASKS
    return ", ".join(described) + (f" and {more} more tasks" if more > 0 else "")


def _described(task: str, indexes: list[int]) -> str:
    if len(indexes) == 1:
        return f"item {indexes[0]} of {task!r}"
    more = len(indexes) - _MOST_INDEXES
    if more <= 0:
        return f"items {', '.join(map(str, indexes[:-1]))} and {indexes[-1]} of {task!r}"
    return f"items {', '.join(map(str, indexes[:_MOST_INDEXES]))} and {more} more of {task!r}"
