"""Fuel, sizes and the results of expressions."""

from typing import TYPE_CHECKING, Any

import pytest

from stretto.definitions import LimitExceeded, NotData
from stretto.definitions.data.frozen import freeze
from stretto.definitions.expressions.base.bounds import (
    MAX_BYTES,
    MAX_COST,
    MAX_FORMAT_WIDTH,
    Fuel,
    check_bits,
    check_format,
    check_texts,
)
from stretto.definitions.expressions.base.values import settle, text_of

if TYPE_CHECKING:
    from collections.abc import Callable


def test_fuel_is_burned_by_the_step_and_runs_out() -> None:
    """A sized value is paid for in advance, an iterator step by step."""
    fuel = Fuel()
    assert list(fuel.walk([1, 2])) == [1, 2]
    assert fuel.left == MAX_COST - 2
    assert sum(1 for _ in fuel.walk(iter(range(10)))) == 10
    assert fuel.left == MAX_COST - 12
    with pytest.raises(LimitExceeded, match="max_cost of 5,000,000 units"):
        fuel.walk(range(MAX_COST))


def test_a_walk_that_is_not_finished_costs_what_was_walked() -> None:
    """Only the steps taken are paid."""
    fuel = Fuel()
    walk = iter(fuel.walk(iter(range(10**9))))
    assert [next(walk) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert fuel.left == MAX_COST - 5


def test_sizes_are_checked_at_the_bound() -> None:
    """The bound itself passes, one more does not, and the error names both."""
    check_texts(["x" * MAX_BYTES])
    check_bits(1024)
    check_format(f"%{MAX_FORMAT_WIDTH}d %s %05.2f 100%%")
    checks: tuple[tuple[Callable[[Any], None], Any], ...] = (
        (check_texts, ["x" * MAX_BYTES, "x"]),
        (check_texts, ["é" * (MAX_BYTES // 4 + 1)]),
        (check_bits, 1025),
    )
    for check, value in checks:
        with pytest.raises(LimitExceeded, match=r"1,024|max_bytes of 67,108,864"):
            check(value)
    for pattern in (f"%{MAX_FORMAT_WIDTH + 1}d", "%*d", "%.*f", "%-5.*f", "%(a)99999d"):
        with pytest.raises(LimitExceeded, match="width"):
            check_format(pattern)


def test_settling_lists_what_iterates_and_shares_what_is_frozen() -> None:
    """Iterators, ranges, views and tuples become lists; frozen data stays itself."""
    frozen = freeze({"a": [1]})
    assert settle(frozen, Fuel()) is frozen
    settled = settle([iter([1]), range(2), {"k": 1}.items(), (frozen,)], Fuel())
    assert settled == [[1], [0, 1], [["k", 1]], [frozen]]
    for value in (object(), len, 1j, b"x"):
        with pytest.raises(NotData):
            settle(value, Fuel())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.5, "1.5"),
        (1e100, "1e+100"),
        ("é", "é"),
        ([], "[]"),
        ({"a": None, "é": "\n"}, '{"a":null,"é":"\\n"}'),
        ([1.0, "x"], '[1.0,"x"]'),
    ],
)
def test_the_text_of_a_value(value: object, text: str) -> None:
    """The text of a value between other text."""
    assert text_of(value, Fuel()) == text
