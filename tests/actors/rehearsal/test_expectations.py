"""Differences between what was expected and what was found."""

import json

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.rehearsal.expectations import Difference

DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_a_difference_is_shown_line_by_line() -> None:
    """As YAML, the form in which it was expected."""
    difference = Difference("output", {"a": [1, "x"], "b": None}, {"a": [1, "y"], "b": None})
    assert difference.diff() == [
        "--- expected",
        "+++ found",
        "@@ -1,4 +1,4 @@",
        " a:",
        " - 1",
        "-- x",
        "+- y",
        " b: null",
    ]


def test_a_type_is_a_difference_that_shows() -> None:
    """The number 2 is not the text 2, and 2.0 is not 2."""
    assert Difference("output", {"n": 2}, {"n": "2"}).diff()[3:] == ["-n: 2", "+n: '2'"]
    assert Difference("output", {"n": 2}, {"n": 2.0}).diff()[3:] == ["-n: 2", "+n: 2.0"]
    assert Difference("status", "failed", "succeeded").diff()[3:] == ['-"failed"', '+"succeeded"']


@given(DATA, DATA)
def test_every_difference_shows(expected: object, found: object) -> None:
    """A diff is empty only if both are the same."""
    same = json.dumps(expected, sort_keys=True) == json.dumps(found, sort_keys=True)
    assert bool(Difference("output", expected, found).diff()) is not same
