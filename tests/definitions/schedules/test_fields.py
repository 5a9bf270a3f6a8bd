"""Fields of cron expressions."""

import pytest

from stretto.definitions.schedules import InvalidTime
from stretto.definitions.schedules.fields import MAX_EXPRESSION, MONTHS, Field

HOUR = Field("hour", 0, 23)
MONTH = Field("month", 1, 12, MONTHS, 1)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("*", set(range(24))),
        ("*/6", {0, 6, 12, 18}),
        ("5", {5}),
        ("5/6", {5, 11, 17, 23}),
        ("1-3,20-22/2", {1, 2, 3, 20, 22}),
        ("7,7,7", {7}),
    ],
)
def test_a_field_is_a_list_of_terms(text: str, numbers: set[int]) -> None:
    assert HOUR.numbers(text) == numbers


def test_names_stand_for_numbers() -> None:
    assert MONTH.numbers("JAN-mar,dec") == {1, 2, 3, 12}


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("24", "'24'", "0 to 23"),
        ("-1", "'-1'", "0 to 23"),
        ("1,,2", "''", "0 to 23"),
        ("1.5", "'1.5'", "0 to 23"),
        ("*/0", "'*/0'", "a step of 1 or more behind the slash"),
        ("*/x", "'*/x'", "a step of 1 or more behind the slash"),
        ("9" * 60, repr("9" * 50), "0 to 23"),
        ("22-2", "'22-2'", "a range from a lower to a higher value"),
    ],
)
def test_a_wrong_term_is_named_with_what_is_expected(text: str, found: str, expected: str) -> None:
    with pytest.raises(InvalidTime, match="the field 'hour' is invalid") as caught:
        HOUR.numbers(text)
    assert (caught.value.found, caught.value.expected) == (found, expected)


def test_the_nearest_name_and_a_range_over_the_end_are_hints() -> None:
    with pytest.raises(InvalidTime) as caught:
        MONTH.numbers("janu")
    assert caught.value.hint == "did you mean 'jan'?"
    with pytest.raises(InvalidTime) as caught:
        HOUR.numbers("22-2")
    assert caught.value.hint == "write 22-23,0-2"


def test_the_length_of_a_field_is_bounded() -> None:
    with pytest.raises(InvalidTime, match="at most 1,000 characters"):
        HOUR.numbers("1," * MAX_EXPRESSION)
