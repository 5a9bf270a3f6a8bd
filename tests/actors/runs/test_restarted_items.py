"""Restarted items in words."""

from typing import Any

import pytest

from stretto.actors.runs.restarted_items import describe_starts
from stretto.definitions.conductor import StartItem


def start(task: str, index: int) -> StartItem:
    nothing: Any = None
    return StartItem(task, 1, index, 1, nothing, None, 0.0)


@pytest.mark.parametrize(
    ("started", "described"),
    [
        ([("a", [0])], "item 0 of 'a'"),
        ([("a", [0, 3])], "items 0 and 3 of 'a'"),
        ([("a", [0, 3, 4])], "items 0, 3 and 4 of 'a'"),
        ([("a", range(10))], "items 0, 1, 2 and 7 more of 'a'"),
        ([("a", [0]), ("b", [1, 2])], "item 0 of 'a', items 1 and 2 of 'b'"),
        ([(task, [0]) for task in "abcde"], "item 0 of 'a', item 0 of 'b', item 0 of 'c' and 2 more tasks"),
    ],
)
def test_restarted_items_are_described(started: list[tuple[str, Any]], described: str) -> None:
    """A few of many."""
    assert describe_starts([start(task, index) for task, indexes in started for index in indexes]) == described
