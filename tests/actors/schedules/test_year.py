"""A year of schedules on virtual time, compared with the clocks of their zones as `zoneinfo` has them.

The scheduler, the intake of events and the rules are those of an engine. Only the time is not real.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stretto.definitions.rules import Rule
from tests.support.schedules import Day, rule_of
from tests.support.wall_clocks import MINUTE, Daily, changes, table

YEAR = 2028
"""A leap year."""
ZONES = ("Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe")
"""The clocks of all change twice: at midnight in Santiago and Beirut, by half an hour on Lord Howe."""
CHANGING = {3, 4, 9, 10, 11}
"""The months in which the clocks of some of these zones change."""
HOUR = 60


def last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).month != day.month


NASTY: dict[str, Daily] = {
    "0 0 * * *": Daily(lambda _day: True, (0,)),
    "30 0 * * *": Daily(lambda _day: True, (30,)),
    "30 2 * * *": Daily(lambda _day: True, (2 * HOUR + 30,)),
    "59 23 * * *": Daily(lambda _day: True, (23 * HOUR + 59,)),
    "0 0 29 2 *": Daily(lambda day: (day.month, day.day) == (2, 29), (0,)),
    "0 0 31 * *": Daily(lambda day: day.day == 31, (0,)),
    "15 1 L * *": Daily(last_of_month, (HOUR + 15,)),
    "0 2 * * sun": Daily(lambda day: day.isoweekday() == 7, (2 * HOUR,)),
    "30 1 13 * fri": Daily(lambda day: day.day == 13 or day.isoweekday() == 5, (HOUR + 30,)),
    "*/20 0-3 * 3,4,9-11 *": Daily(lambda day: day.month in CHANGING, tuple(range(0, 4 * HOUR, 20))),
    "0 * * 3,4,9-11 *": Daily(lambda day: day.month in CHANGING, tuple(range(0, 24 * HOUR, HOUR)), names_hours=False),
}
EVERY_MINUTE = tuple(range(24 * HOUR))


@pytest.fixture
def days() -> Iterator[list[Day]]:
    """Close the days of a test."""
    opened: list[Day] = []
    yield opened
    for each in opened:
        each.close()


def cron_rules(zone: str, expressions: list[str], more: str = "") -> list[Rule]:
    """Return a rule of each expression, whose runs get their schedule and due time."""
    return [
        rule_of(
            f"{{cron: '{text}', timezone: {zone}{more}}}",
            f"r{number}",
            value="{{ payload.schedule }} {{ payload.due }}",
        )
        for number, text in enumerate(expressions)
    ]


def text_of(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat()


def due_by_schedule(started: list[str]) -> dict[str, list[int]]:
    """Return the due times of the runs of each schedule, in the order of their start."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for each in started:
        ref, due = each.split()
        found[ref].append(int(datetime.fromisoformat(due).timestamp()))
    return found


@pytest.mark.parametrize("name", ZONES)
def test_a_year_of_nasty_schedules_starts_a_run_for_each_due_time(days: list[Day], name: str) -> None:
    zone = ZoneInfo(name)
    begin = datetime(YEAR, 1, 1, tzinfo=zone).timestamp() - 1
    end = datetime(YEAR + 1, 1, 1, tzinfo=zone).timestamp() - 1
    day = Day(text_of(begin), *cron_rules(name, list(NASTY)))
    days.append(day)
    day.compares_clocks = False
    found = due_by_schedule(day.run_until(text_of(end)))
    for number, (text, daily) in enumerate(NASTY.items()):
        assert found[f"r{number}"] == table(zone, YEAR, daily), text


@pytest.mark.parametrize("name", ZONES)
def test_every_minute_is_due_once_around_both_changes_of_the_clocks(days: list[Day], name: str) -> None:
    """All minutes of a year are compared in `tests/definitions/schedules/test_cron.py`."""
    zone = ZoneInfo(name)
    found_changes = changes(zone, YEAR)
    assert len(found_changes) == 2
    for change in found_changes:
        begin, end = change - 3 * HOUR * MINUTE, change + 3 * HOUR * MINUTE
        day = Day(text_of(begin), *cron_rules(name, ["* * * * *"]))
        days.append(day)
        found = due_by_schedule(day.run_until(text_of(end)))["r0"]
        assert found == list(range(begin + MINUTE, end + MINUTE, MINUTE))
        near = {datetime.fromtimestamp(each, zone).date() for each in (begin, change, end)}
        minutes = table(zone, YEAR, Daily(near.__contains__, EVERY_MINUTE, names_hours=False))
        assert found == [each for each in minutes if begin < each <= end]


JUMPED = ["*/10 * * * *", "0 0 * * *", "30 2 * * *"]
JUMPED_TABLE = [
    Daily(lambda _day: True, tuple(range(0, 24 * HOUR, 10)), names_hours=False),
    NASTY["0 0 * * *"],
    NASTY["30 2 * * *"],
]


@pytest.mark.parametrize("seconds", [3600, -3600])
@pytest.mark.parametrize("name", ZONES)
def test_a_clock_that_jumps_an_hour_either_way_loses_and_repeats_nothing(
    days: list[Day], name: str, seconds: int
) -> None:
    """It jumps a few minutes before the clocks of the zone change, and one of the schedules skips missed times."""
    zone = ZoneInfo(name)
    for change in changes(zone, YEAR):
        begin, jump, end = change - 2 * 3600, change - 325, change + 26 * 3600
        rules = cron_rules(name, JUMPED, ", missed: {all: 1000}")
        skipping = rule_of(
            f"{{cron: '*/10 * * * *', timezone: {name}, missed: skip}}", "skips",
            value="{{ payload.schedule }} {{ payload.due }}",
        )  # fmt: skip
        day = Day(text_of(begin), *rules, skipping)
        days.append(day)
        started = day.run_until(text_of(jump))
        day.wall += seconds
        started += day.run_until(text_of(end))
        found = due_by_schedule(started)
        for number, daily in enumerate(JUMPED_TABLE):
            expected = [each for each in table(zone, YEAR, daily) if begin < each <= end]
            assert found[f"r{number}"] == expected, JUMPED[number]
        left_out = {each for each in found["r0"] if jump < each <= jump + seconds}
        assert len(left_out) == (6 if seconds > 0 else 0)
        assert found["skips"] == [each for each in found["r0"] if each not in left_out]
        assert day.ask("schedule", "skips")["missed"] == len(left_out)
