"""Reads the fields of StackStorm's `core.st2.CronTimer`, which are those of APScheduler."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from stretto.definitions.schedules.cron import Cron
from stretto.definitions.schedules.cron_text import DAY, HOUR, MINUTE, MONTH, SECOND
from stretto.definitions.schedules.days import LAST, Days, DaySet
from stretto.definitions.schedules.fields import WEEKDAYS, Field
from stretto.definitions.schedules.zones import DAY as DAY_SECONDS
from stretto.definitions.schedules.zones import InvalidTime

YEAR: Final = Field("year", 1970, 9998)
WEEK: Final = Field("week", 1, 53)
WEEKDAY: Final = Field("day_of_week", 0, 6, (*WEEKDAYS[1:], WEEKDAYS[0]))
"""Monday is 0."""
CRON_FIELDS: Final = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
"""From the greatest to the least."""
_DEFAULTS: Final = {"month": "1", "day": "1", "hour": "0", "minute": "0", "second": "0"}
_COUNTED: Final = re.compile(r"(1st|2nd|3rd|4th|5th|last) +([a-z]+)\Z")


def read_stackstorm_cron(given: Mapping[str, Any], zone: ZoneInfo) -> Cron:
    """Return what the fields of a CronTimer stand for.

    A field that is missing is `*` if a lower one is given, else its least value; a missing `week` or `day_of_week` is
    always `*`. A day must match all fields.

    Args:
        given: Texts and integers by the names of `CRON_FIELDS`. Others are ignored.
        zone: The time zone.

    Raises:
        InvalidTime: A value is invalid, or the timer never fires.
    """
    texts: dict[str, str] = {}
    pending = [name for name in CRON_FIELDS if given.get(name) is not None]
    for name in CRON_FIELDS:
        if name in pending:
            pending.remove(name)
            texts[name] = _text(name, given[name])
        else:
            texts[name] = "*" if pending else _DEFAULTS.get(name, "*")
    cron = Cron(
        seconds=tuple(sorted(SECOND.numbers(texts["second"]))),
        minutes=tuple(sorted(MINUTE.numbers(texts["minute"]))),
        hours=tuple(sorted(HOUR.numbers(texts["hour"]))),
        days=Days(
            by_number=_month_days(texts["day"]),
            by_weekday=DaySet(weekdays=frozenset((number + 1) % 7 for number in WEEKDAY.numbers(texts["day_of_week"]))),
            months=MONTH.numbers(texts["month"]),
            weeks=_unless_all(WEEK.numbers, texts["week"]),
            years=_unless_all(YEAR.numbers, texts["year"]),
        ),
        zone=zone,
    )
    first_year = min(cron.days.years or {1970})
    if cron.next(int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp()) - DAY_SECONDS) is None:
        raise InvalidTime("the timer is never due", expected="a day that some year has")
    return cron


def _text(name: str, value: object) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise InvalidTime(f"the field {name!r} is invalid", repr(value)[:50], "text or an integer")


def _unless_all(read: Callable[[str], frozenset[int]], text: str) -> frozenset[int] | None:
    return None if text.strip() == "*" else read(text)


def _month_days(text: str) -> DaySet:
    numbers: set[int] = set()
    counted: set[tuple[int, int]] = set()
    last = False
    for term in (each.strip() for each in DAY.terms(text)):
        found = _COUNTED.match(term)
        if term == "last":
            last = True
        elif found is not None:
            count = LAST if found[1] == "last" else int(found[1][0])
            counted.add(((WEEKDAY.number(found[2], term) + 1) % 7, count))
        else:
            numbers.update(DAY.term(term))
    return DaySet(frozenset(numbers), counted=frozenset(counted), last=last)
