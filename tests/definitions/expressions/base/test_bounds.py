"""Fuel, sizes and the results of expressions."""

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from stretto.definitions import LimitExceeded, NotData
from stretto.definitions.data.frozen import freeze
from stretto.definitions.expressions.base.bounds import (
    MAX_FORMAT_WIDTH,
    Fuel,
    OutOfFuel,
    check_bits,
    check_format,
)
from stretto.definitions.expressions.base.limits import FIRST_MAX_BYTES, FIRST_MAX_COST, ExpressionLimits
from stretto.definitions.expressions.base.values import settle, text_of

if TYPE_CHECKING:
    from collections.abc import Callable


def test_fuel_is_burned_by_the_step_and_runs_out() -> None:
    """A sized value is paid for in advance, an iterator step by step."""
    fuel = Fuel()
    assert list(fuel.walk([1, 2])) == [1, 2]
    assert fuel.left == FIRST_MAX_COST - 2
    assert sum(1 for _ in fuel.walk(iter(range(10)))) == 10
    assert fuel.left == FIRST_MAX_COST - 12
    with pytest.raises(LimitExceeded, match=r"limit of 5,000,000 units of work \(the setting expressions.max_cost\)"):
        fuel.walk(range(FIRST_MAX_COST))


def test_the_error_names_the_limit_the_setting_and_the_need() -> None:
    """A limit of the evaluation, or what is left of the event's budget. The need can be left out."""
    limits = ExpressionLimits(20_000, 70_000)
    with pytest.raises(OutOfFuel) as of_cost:
        Fuel(limits).burn(25_000)
    assert "needs at least 25,000 units of work, more than its limit of 20,000 units" in str(of_cost.value)
    assert "the setting expressions.max_cost" in of_cost.value.without_need
    assert "25,000" not in of_cost.value.without_need
    with pytest.raises(
        OutOfFuel, match=r"at least 70,001 bytes, .* of 70,000 bytes \(the setting expressions\.max_bytes"
    ):
        Fuel(limits).make(70_001)
    with pytest.raises(OutOfFuel) as of_event:
        Fuel(limits, cost_left=1_000).burn(1_001)
    assert "at least 1,001 units" in str(of_event.value)
    assert "the event's budget of 2 times 20,000 units of work (expressions.max_cost)" in str(of_event.value)
    assert "1,000 were left" in str(of_event.value)
    assert "1,000" not in of_event.value.without_need


def test_an_evaluation_has_spent_at_most_what_it_had() -> None:
    """Work that was refused was not done."""
    fuel = Fuel(ExpressionLimits(20_000, 70_000))
    fuel.burn(5)
    fuel.make(7)
    assert fuel.spent() == (5, 7)
    with pytest.raises(LimitExceeded):
        fuel.burn(10**9)
    assert fuel.spent() == (20_000, 7)


def test_the_error_survives_pickling() -> None:
    """Errors may cross processes."""
    error = pickle.loads(pickle.dumps(OutOfFuel("a", "b")))  # noqa: S301 - the test's own bytes
    assert (str(error), error.without_need) == ("a", "b")


def test_a_walk_that_is_not_finished_costs_what_was_walked() -> None:
    """Only the steps taken are paid."""
    fuel = Fuel()
    walk = iter(fuel.walk(iter(range(10**9))))
    assert [next(walk) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert fuel.left == FIRST_MAX_COST - 5


def test_sizes_are_checked_at_the_bound() -> None:
    """The bound itself passes, one more does not, and the error names both."""
    Fuel().make_text(FIRST_MAX_BYTES)
    check_bits(1024)
    check_format(f"%{MAX_FORMAT_WIDTH}d %s %05.2f 100%%")
    checks: tuple[tuple[Callable[[Any], None], Any], ...] = (
        (Fuel().make, FIRST_MAX_BYTES + 1),
        (lambda length: Fuel().make_text(length, "é"), FIRST_MAX_BYTES // 4 + 1),
        (check_bits, 1025),
    )
    for check, value in checks:
        with pytest.raises(LimitExceeded, match=r"1,024|67,108,864 bytes"):
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
