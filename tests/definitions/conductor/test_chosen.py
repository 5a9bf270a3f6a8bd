"""The items that a rerun chooses, as ranges."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.conductor import MAX_RANGES, InvalidItems, chosen_items, ranges_of
from stretto.definitions.conductor.chosen import check_within, indexes_of


@given(st.frozensets(st.integers(0, 40)))
def test_ranges_have_the_indexes_that_they_are_made_of(indexes: frozenset[int]) -> None:
    """In their order, and as few of them as can be."""
    ranges = ranges_of(indexes)
    assert indexes_of(ranges) == indexes
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))


def test_ranges_are_joined_whatever_their_order() -> None:
    """Indexes and pairs of one task; a task without any is left out."""
    assert chosen_items({"a": [7, (0, 3), [2, 5], 6], "b": [], "c": [1]}) == {"a": ((0, 7),), "c": ((1, 1),)}


@pytest.mark.parametrize("bad", [[-1], [[3, 2]], [[1]], [[1, 2, 3]], [[True, 2]], [["0", 1]]])
def test_what_is_no_range_is_refused(bad: list[list[int]]) -> None:
    """With the task, and what was found."""
    with pytest.raises(InvalidItems, match=r"the items of the task 'a' must be indexes or pairs \[first, last\], got"):
        chosen_items({"a": bad})


def test_the_number_of_ranges_is_bounded() -> None:
    """Over all tasks; the message names the bound."""
    half = MAX_RANGES // 2
    chosen_items({"a": [0] * half, "b": [0] * half})
    with pytest.raises(InvalidItems, match=r"at most 10,000 ranges of items \(MAX_RANGES\), got 10,001"):
        chosen_items({"a": [0] * half, "b": [0] * (half + 1)})


@pytest.mark.parametrize(
    ("count", "had"), [(12, "it had 12 items, numbered from 0"), (1, "its only item is 0"), (0, "it had none")]
)
def test_an_item_that_was_not_there_is_refused(count: int, had: str) -> None:
    """With the number there was; a huge range costs nothing."""
    with pytest.raises(InvalidItems, match=f"there is no item 1000000000000 of the task 'a': {had}"):
        check_within("a", ((0, 10**12),), count)
    check_within("a", ((3, 11),), 12)
