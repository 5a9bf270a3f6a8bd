"""The fields of `core.st2.CronTimer`."""

from datetime import datetime
from typing import Any

import pytest

from stretto.definitions.schedules import InvalidTime, find_zone, read_stackstorm_cron

UTC = find_zone("UTC")
START = int(datetime.fromisoformat("2028-01-01T00:00:30Z").timestamp())


def following(count: int = 3, **fields: Any) -> list[str]:
    cron = read_stackstorm_cron(fields, UTC)
    found: list[str] = []
    after = START
    while len(found) < count and (due := cron.next(after)) is not None:
        found.append(f"{datetime.fromtimestamp(due, UTC):%Y-%m-%d %H:%M:%S}")
        after = due
    return found


def test_a_missing_field_is_every_value_above_and_the_least_below_those_that_are_given() -> None:
    assert following(2, minute=0, second=0) == ["2028-01-01 01:00:00", "2028-01-01 02:00:00"]
    assert following(2, hour="3") == ["2028-01-01 03:00:00", "2028-01-02 03:00:00"]
    assert following(2, day_of_week="mon") == ["2028-01-03 00:00:00", "2028-01-10 00:00:00"]
    assert following(2, second="*/20") == ["2028-01-01 00:00:40", "2028-01-01 00:01:00"]
    assert following(1) == ["2029-01-01 00:00:00"]


def test_monday_is_the_first_day_of_the_week() -> None:
    assert following(1, day_of_week=0) == following(1, day_of_week="mon")
    assert following(1, day_of_week=6, hour=5) == ["2028-01-02 05:00:00"]


def test_a_day_must_match_all_fields() -> None:
    assert following(2, day=1, day_of_week="mon") == ["2028-05-01 00:00:00", "2029-01-01 00:00:00"]


def test_days_are_counted_in_words() -> None:
    assert following(2, day="2nd fri") == ["2028-01-14 00:00:00", "2028-02-11 00:00:00"]
    assert following(2, day="last sun, last") == ["2028-01-30 00:00:00", "2028-01-31 00:00:00"]


def test_weeks_and_years_are_fields() -> None:
    assert following(1, week=2, day_of_week="tue") == ["2028-01-11 00:00:00"]
    assert following(3, year=2030, month=2) == ["2030-02-01 00:00:00"]
    assert following(3, year=2027) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"day_of_week": 1000}, "the field 'day_of_week' is invalid"),
        ({"day_of_week": "abcdef"}, "the field 'day_of_week' is invalid"),
        ({"day_of_week": "a-1"}, "the field 'day_of_week' is invalid"),
        ({"hour": True}, "the field 'hour' is invalid"),
        ({"minute": [1]}, "the field 'minute' is invalid"),
        ({"day": "2nd foo"}, "the field 'day_of_week' is invalid"),
        ({"month": 2, "day": 30}, "the timer is never due"),
        ({"year": 2027, "month": 2, "day": 29}, "the timer is never due"),
    ],
)
def test_a_wrong_field_is_refused(fields: dict[str, Any], message: str) -> None:
    """The first three are those that StackStorm's own tests refuse."""
    with pytest.raises(InvalidTime) as caught:
        read_stackstorm_cron(fields, UTC)
    assert str(caught.value) == message
