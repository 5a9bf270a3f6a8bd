"""StackStorm's operators decide as theirs do; the cases are those of its own unit tests, where it has any."""

from typing import Any

import pytest

from stretto.definitions.rules.criteria import NotComparable, compare
from stretto.definitions.rules.operators import OPERATORS

NOW = 1_700_000_000.0
"""2023-11-14T22:13:20Z"""


@pytest.mark.parametrize(
    ("operator", "value", "pattern", "expected"),
    [
        ("equals", 1, 1, True), ("equals", "1", "1", True), ("equals", 1, "1", False), ("equals", None, None, False),
        ("eq", "a", "a", True), ("nequals", "a", "b", True), ("neq", 1, 1, False), ("nequals", None, None, False),
        ("iequals", "ABC", "abc", True), ("ieq", "ABC", "abd", False),
        ("contains", "hasystack needle", "needle", True), ("contains", ["needle"], "needle", True),
        ("contains", "haystack", "needle", False), ("icontains", "a NEEDLE", "needle", True),
        ("ncontains", "haystack", "needle", True), ("incontains", "a NEEDLE", "needle", False),
        ("startswith", "hello", "he", True), ("istartswith", "HELLO", "he", True), ("startswith", "hello", "lo", False),
        ("endswith", "hello", "lo", True), ("iendswith", "HELLO", "lo", True), ("endswith", "hello", "he", False),
        ("lessthan", 1, 2, True), ("lt", 2, 1, False), ("greaterthan", 2, 1, True), ("gt", "b", "a", True),
        ("matchwildcard", "v1foo", "v1*", True), ("matchwildcard", "v1", "v[23]", False),
        ("matchregex", "v1_foo", "v1_.*", True), ("matchregex", "a v1", "v1", False),
        ("matchregex", "a\nb", "a.b", True),
        ("regex", "a v1_foo", "v1_.*", True), ("regex", "V1_foo", "v1", False), ("iregex", "V1_foo", "v1", True),
        ("exists", "x", None, True), ("exists", None, None, False), ("nexists", None, None, True),
        ("inside", "a", ["a", "b"], True), ("in", "a", "abc", True), ("nin", "z", ["a"], True),
        ("ninside", "a", ["a"], False),
        ("timediff_lt", "2023-11-14T22:13:10Z", 15, True), ("td_lt", "2023-11-14T22:13:00+00:00", 15, False),
        ("timediff_gt", "Tue, 14 Nov 2023 22:13:00 GMT", "15", True), ("td_gt", "2023-11-14T22:13:19", 15, False),
    ],
)  # fmt: skip
def test_an_operator_decides(operator: str, value: Any, pattern: Any, expected: bool) -> None:
    """The same under its short name."""
    assert compare(operator, value, pattern, NOW) is expected


@pytest.mark.parametrize("operator", sorted(OPERATORS.keys() - {"exists", "nexists", "nequals", "neq"}))
def test_no_value_meets_a_null_pattern(operator: str) -> None:
    """As in StackStorm."""
    assert compare(operator, "x", None, NOW) is False


@pytest.mark.parametrize(
    ("operator", "value", "pattern"),
    [
        ("lessthan", 1, "a"), ("greaterthan", True, 1), ("contains", 5, "a"), ("regex", 5, "a"),
        ("regex", "a", "(?=b)"),
        ("iequals", None, "a"), ("startswith", None, "a"), ("timediff_lt", "yesterday", 1), ("timediff_lt", 5, 1),
        ("timediff_gt", "2023-11-14T22:13:19", "soon"), ("in", 5, "abc"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_named(operator: str, value: Any, pattern: Any) -> None:
    """It is an error of this criterion."""
    with pytest.raises(NotComparable, match=operator):
        compare(operator, value, pattern, NOW)
