"""Cron expressions as text. What they mean is in test_cron.py."""

import pytest

from stretto.definitions.schedules import InvalidTime, find_zone, read_cron
from stretto.definitions.schedules.cron_text import NAMED

UTC = find_zone("UTC")


def test_names_are_expressions() -> None:
    assert all(read_cron(name.upper(), UTC) == read_cron(text, UTC) for name, text in NAMED.items())


def test_seconds_stand_in_front() -> None:
    assert read_cron("*/20 5 4 * * *", UTC).seconds == (0, 20, 40)
    assert read_cron("5 4 * * *", UTC).seconds == (0,)


def test_seven_is_sunday() -> None:
    assert read_cron("0 0 * * 5-7", UTC).days == read_cron("0 0 * * sun,fri,sat", UTC).days


@pytest.mark.parametrize(
    ("text", "message", "expected"),
    [
        ("", "a cron expression must have five or six fields", "minute, hour"),
        ("* * * *", "a cron expression must have five or six fields", "minute, hour"),
        ("0 0 1 1 * 2030 x", "a cron expression must have five or six fields", "minute, hour"),
        ("@reboot", "there is no such name of a cron expression", "@hourly"),
        ("0 0 30 2 *", "the cron expression is never due", "a day that some month has"),
        ("0 0 * * mon#6", "the field 'day of week' is invalid", "1 to 5 behind the #"),
        ("0 0 * * xl", "the field 'day of week' is invalid", "0 to 7, or sun to sat"),
        ("0 0 W * *", "the field 'day of month' is invalid", "1 to 31"),
    ],
)
def test_a_wrong_expression_says_what_is_expected(text: str, message: str, expected: str) -> None:
    with pytest.raises(InvalidTime) as caught:
        read_cron(text, UTC)
    assert str(caught.value) == message
    assert expected in caught.value.expected


def test_the_length_of_an_expression_is_bounded() -> None:
    with pytest.raises(InvalidTime, match="at most 1,000 characters, got 2,000"):
        read_cron("* " * 1_000, UTC)
