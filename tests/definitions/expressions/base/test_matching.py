"""The cost of regular expressions, which depends on how many positions of a pattern a match can be in."""

import pytest

from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.matching import (
    FAR_CHARACTERS,
    FEW_POSITIONS,
    MATCHED,
    pay_for_matching,
    pay_for_pattern,
    pay_for_scanning_on,
    positions_of,
)

TEXT = "ab" * 50_000


def units(pattern: str, text: str) -> int:
    """Return the units of a search."""
    fuel = Fuel()
    pay_for_matching(fuel, positions_of(pattern), text)
    return fuel.spent()[0]


@pytest.mark.parametrize(
    "pattern", ["x", "[a-z]+", r"\d{4}-\d{2}-\d{2}", "a long text with a dot\\. and no choice", "(a|aa)*b"]
)
def test_a_usual_pattern_costs_little(pattern: str) -> None:
    """Twenty characters a unit, whatever the length of a literal text."""
    assert units(pattern, TEXT) == len(TEXT) // MATCHED


@pytest.mark.parametrize("pattern", ["[ab]*a[ab]{18}c", ".*a.{18}c", "[^c]*a[^c]{20}c", "(a|b)*a(a|b){14}c"])
def test_a_pattern_whose_states_do_not_fit_costs_what_it_takes(pattern: str) -> None:
    """Measured 160 to 213 ns a character."""
    assert units(pattern, TEXT) >= 2 * len(TEXT)


def test_texts_that_are_not_ascii_cost_more() -> None:
    """RE2 reads bytes."""
    assert units("x", "ä" * 1_000) == 2 * units("x", "a" * 1_000)
    assert units(r"(?:\p{L}+\d?)*a.{9}c", "ä" * 1_000) > 20 * units(r"(?:\p{L}+\d?)*a.{9}c", "a" * 1_000)


def test_a_match_pays_for_the_rest_of_the_text_by_the_positions() -> None:
    """A search that goes on to the end of the text for each match must not be cheaper than the search itself."""
    few, many = Fuel(), Fuel()
    pay_for_scanning_on(few, FEW_POSITIONS, TEXT, 1_000)
    assert few.spent()[0] == (len(TEXT) - 1_000) // FAR_CHARACTERS
    pay_for_scanning_on(many, FEW_POSITIONS + 1, TEXT, 1_000)
    assert many.spent()[0] > len(TEXT)


def test_a_pattern_is_paid_for_once_in_an_evaluation() -> None:
    """It is compiled once."""
    fuel = Fuel()
    assert pay_for_pattern(fuel, "a+b") == positions_of("a+b")
    spent = fuel.spent()
    assert spent[0] > 500
    pay_for_pattern(fuel, "a+b")
    assert fuel.spent() == spent
    with pytest.raises(ValueError, match="at most 5,000 characters"):
        pay_for_pattern(fuel, "a" * 5_001)
