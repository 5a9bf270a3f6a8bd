"""Due times in time zones, compared with a table that goes through each five minutes of a year."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.schedules import due_times, find_zone, read_cron

YEAR = 2028
"""A leap year."""
STEP = 300
ZONES = ("Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe", "UTC")
"""Both changes of the clocks, at midnight in Santiago and Beirut, by half an hour on Lord Howe."""


def last_day(time: datetime) -> bool:
    return (time + timedelta(days=1)).month != time.month


def is_at(time: datetime, hour: int, minute: int) -> bool:
    return (time.hour, time.minute) == (hour, minute)


NAMES_HOURS: dict[str, Callable[[datetime], bool]] = {
    "30 2 * * *": lambda time: is_at(time, 2, 30),
    "0 0 * * *": lambda time: is_at(time, 0, 0),
    "@daily": lambda time: is_at(time, 0, 0),
    "0 30 1 * * *": lambda time: is_at(time, 1, 30),
    "0 0 31 * *": lambda time: time.day == 31 and is_at(time, 0, 0),
    "30 23 L * *": lambda time: last_day(time) and is_at(time, 23, 30),
    "0 0 29 2 *": lambda time: (time.month, time.day) == (2, 29) and is_at(time, 0, 0),
    "0 0 * * sun": lambda time: time.weekday() == 6 and is_at(time, 0, 0),
    "15 0 * * 7": lambda time: time.weekday() == 6 and is_at(time, 0, 15),
    "30 1 1 * mon": lambda time: (time.day == 1 or time.weekday() == 0) and is_at(time, 1, 30),
    "0 2 8-14 3 *": lambda time: time.month == 3 and 8 <= time.day <= 14 and is_at(time, 2, 0),
    "0 3 * mar,oct sun#5": lambda time: (
        time.month in {3, 10} and time.weekday() == 6 and time.day >= 29 and is_at(time, 3, 0)
    ),
    "45 2 * * sunl": lambda time: (
        time.weekday() == 6 and (time + timedelta(days=7)).month != time.month and is_at(time, 2, 45)
    ),
    "*/20 0-3 * * *": lambda time: time.hour <= 3 and time.minute % 20 == 0,
    "0 */2 * * *": lambda time: time.hour % 2 == 0 and time.minute == 0,
    "5,35 1,2,3 * * *": lambda time: time.hour in {1, 2, 3} and time.minute in {5, 35},
}
FOLLOWS_TIME: dict[str, Callable[[datetime], bool]] = {
    "0 * * * *": lambda time: time.minute == 0,
    "*/15 * * * *": lambda time: time.minute % 15 == 0,
    "30 0-23 * * sun": lambda time: time.minute == 30 and time.weekday() == 6,
    "@hourly": lambda time: time.minute == 0,
}


@cache
def clock_of(name: str) -> list[tuple[int, datetime]]:
    """Return what the clocks of a zone show each five minutes of the year, by instants, as naive times."""
    zone = ZoneInfo(name)
    begin = int(datetime(YEAR, 1, 1, tzinfo=zone).timestamp())
    end = int(datetime(YEAR + 1, 1, 1, tzinfo=zone).timestamp())
    return [
        (instant, datetime.fromtimestamp(instant, zone).replace(tzinfo=None)) for instant in range(begin, end, STEP)
    ]


def table(name: str, matches: Callable[[datetime], bool], *, names_hours: bool) -> list[int]:
    """Return the due times of the year after its first instant."""
    found = []
    before: datetime | None = None
    step = timedelta(seconds=STEP)
    for instant, wall in clock_of(name):
        is_due = matches(wall)
        if names_hours:
            is_due = is_due and not wall.fold
            skipped = before + step if before is not None else wall
            while skipped < wall:
                is_due = is_due or matches(skipped)
                skipped += step
        if is_due and before is not None:
            found.append(instant)
        before = wall
    return found


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("expression", NAMES_HOURS | FOLLOWS_TIME)
def test_a_year_agrees_with_the_clocks_of_its_zone(expression: str, name: str) -> None:
    expected = table(name, (NAMES_HOURS | FOLLOWS_TIME)[expression], names_hours=expression in NAMES_HOURS)
    clock = clock_of(name)
    begin, end = clock[0][0], clock[-1][0] + STEP
    cron = read_cron(expression, find_zone(name))
    found = []
    for due in due_times(cron, begin):
        if due >= end:
            break
        found.append(due)
    assert found == expected


def test_the_clocks_of_five_zones_change_both_ways() -> None:
    """The table above would hold for less, too."""
    for name in ZONES[:5]:
        shown = [time for _, time in clock_of(name)]
        assert any(time.fold for time in shown), name
        assert any(later - time > timedelta(seconds=STEP) for time, later in itertools.pairwise(shown)), name
    midnights = {time.date() for _, time in clock_of("America/Santiago") if is_at(time, 0, 0)}
    assert len(midnights) == 365, "one midnight of 366 does not exist"


def test_a_wall_time_that_is_skipped_is_due_at_the_first_moment_after_it() -> None:
    cron = read_cron("30 2 * * *", find_zone("Europe/Berlin"))
    due = cron.next(int(datetime.fromisoformat("2026-03-29T00:00+01:00").timestamp()))
    assert due == int(datetime.fromisoformat("2026-03-29T03:00+02:00").timestamp())
    assert cron.next(due) == int(datetime.fromisoformat("2026-03-30T02:30+02:00").timestamp())


def test_a_wall_time_that_is_repeated_is_due_the_first_time() -> None:
    cron = read_cron("30 2 * * *", find_zone("Europe/Berlin"))
    due = cron.next(int(datetime.fromisoformat("2026-10-25T00:00+02:00").timestamp()))
    assert due == int(datetime.fromisoformat("2026-10-25T02:30+02:00").timestamp())
    assert cron.next(due) == int(datetime.fromisoformat("2026-10-26T02:30+01:00").timestamp())


def test_a_day_that_a_zone_has_left_out_is_made_up_for() -> None:
    """Samoa had no 30 December 2011."""
    cron = read_cron("0 9 * * *", find_zone("Pacific/Apia"))
    found = cron.next(int(datetime.fromisoformat("2011-12-29T09:00-10:00").timestamp()))
    assert found == int(datetime.fromisoformat("2011-12-31T00:00+14:00").timestamp())
    assert cron.next(found) == int(datetime.fromisoformat("2011-12-31T09:00+14:00").timestamp())


def test_29_february_is_found_over_a_century_without_one() -> None:
    cron = read_cron("0 0 29 2 */1", find_zone("UTC"))
    assert cron.next(int(datetime.fromisoformat("2096-03-01T00:00Z").timestamp())) == int(
        datetime.fromisoformat("2104-02-29T00:00Z").timestamp()
    )


INSTANTS = st.integers(1_700_000_000, 1_900_000_000)
FIELD = st.sampled_from(["*", "*/7", "0", "1-5", "3,9", "2/5"])
EXPRESSIONS = st.tuples(FIELD, FIELD, FIELD, st.sampled_from(["*", "1", "L", "31"]), st.sampled_from(["*", "2-4"]))


@given(EXPRESSIONS, st.sampled_from(ZONES), INSTANTS, st.integers(0, 10_000))
def test_no_due_time_is_left_out_between_an_instant_and_the_next(
    fields: tuple[str, ...], name: str, after: int, later: int
) -> None:
    cron = read_cron(" ".join((*fields, "*")) if len(fields) == 5 else " ".join(fields), find_zone(name))
    due = cron.next(after)
    assert due is not None
    assert due > after
    assert cron.next(min(after + later, due - 1)) == due


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_every_minute_of_a_year_is_due_once(name: str) -> None:
    """Also while the clocks of the zone change, by an hour or by half of one."""
    zone = find_zone(name)
    begin = int(datetime(YEAR, 1, 1, tzinfo=zone).timestamp())
    end = int(datetime(YEAR + 1, 1, 1, tzinfo=zone).timestamp())
    cron = read_cron("* * * * *", zone)
    found = list(itertools.takewhile(lambda due: due < end, due_times(cron, begin - 1)))
    assert found == list(range(begin, end, 60))
    assert len(found) == 366 * 24 * 60
