"""Due times by the clocks of a zone, from `zoneinfo` alone: the table that schedules are compared with."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = 60


class Daily(NamedTuple):
    """Minutes of some days, as a cron expression names them.

    Attributes:
        days: Whether a date is one of them.
        minutes: The minutes, counted from midnight on the wall.
        names_hours: Whether the expression names hours: then each wall time is due once a day.
    """

    days: Callable[[date], bool]
    minutes: tuple[int, ...]
    names_hours: bool = True


def dates(year: int) -> Iterator[date]:
    """Yield the days of a year."""
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += timedelta(days=1)


def table(zone: ZoneInfo, year: int, daily: Daily) -> list[int]:
    """Return the due times of a year on the clocks of a zone, as instants in order."""
    found: set[int] = set()
    for day in dates(year):
        if daily.days(day):
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - on the wall
            for minute in daily.minutes:
                found.update(_instants(midnight + timedelta(minutes=minute), zone, names_hours=daily.names_hours))
    return sorted(found)


def _instants(wall: datetime, zone: ZoneInfo, *, names_hours: bool) -> tuple[int, ...]:
    """Return when the clocks show a time. One that they skip is due at the end of the gap, if the hours are named."""
    first = int(wall.replace(tzinfo=zone).timestamp())
    second = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    if first == second:
        return (first,)
    if first < second:
        return (first,) if names_hours else (first, second)
    return (_end_of_gap(second, first, zone),) if names_hours else ()


def _end_of_gap(before: int, after: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(before, zone).utcoffset()
    instants = range(before, after + MINUTE, MINUTE)
    return next(each for each in instants if datetime.fromtimestamp(each, zone).utcoffset() != offset)


def changes(zone: ZoneInfo, year: int) -> list[int]:
    """Return the instants of a year at which the clocks of a zone change."""
    begin = int(datetime(year, 1, 1, tzinfo=zone).timestamp())
    end = int(datetime(year + 1, 1, 1, tzinfo=zone).timestamp())
    offsets = {each: datetime.fromtimestamp(each, zone).utcoffset() for each in range(begin, end, 30 * MINUTE)}
    return [each for each in offsets if offsets.get(each - 30 * MINUTE, offsets[each]) != offsets[each]]
