"""Reads cron expressions: five fields, or six with the seconds in front, or a name such as `@daily`."""

from typing import Final
from zoneinfo import ZoneInfo

from stretto.definitions.errors import nearest
from stretto.definitions.schedules.cron import Cron
from stretto.definitions.schedules.days import LAST, Days, DaySet
from stretto.definitions.schedules.fields import MAX_EXPRESSION, MONTHS, WEEKDAYS, Field
from stretto.definitions.schedules.zones import InvalidTime

SECOND: Final = Field("second", 0, 59)
MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
DAY: Final = Field("day of month", 1, 31)
MONTH: Final = Field("month", 1, 12, MONTHS, 1)
WEEKDAY: Final = Field("day of week", 0, 7, WEEKDAYS)

NAMED: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FORM: Final = "minute, hour, day of month, month and day of week, with or without the second in front"


def read_cron(text: str, zone: ZoneInfo) -> Cron:
    """Return a cron expression.

    The fields are those of Vixie's cron. If both the day of the month and that of the week are restricted, a day need
    match only one of them. `L` is the last day of the month, `LW` its last day from Monday to Friday, `MON#2` its
    second Monday, and `FRIL` its last Friday.

    Raises:
        InvalidTime: The text is no such expression, or is never due.
    """
    if len(text) > MAX_EXPRESSION:
        raise InvalidTime(f"a cron expression must have at most {MAX_EXPRESSION:,} characters, got {len(text):,}")
    name = text.strip().lower()
    if name.startswith("@") and name not in NAMED:
        raise InvalidTime(
            "there is no such name of a cron expression", repr(name[:50]), ", ".join(NAMED), nearest(name, NAMED)
        )
    fields = NAMED.get(name, text).split()
    if len(fields) not in {5, 6}:
        raise InvalidTime("a cron expression must have five or six fields", f"{len(fields)} in {text[:50]!r}", _FORM)
    second, minute, hour, day, month, weekday = fields if len(fields) == 6 else ["0", *fields]
    cron = Cron(
        seconds=tuple(sorted(SECOND.numbers(second))),
        minutes=tuple(sorted(MINUTE.numbers(minute))),
        hours=tuple(sorted(HOUR.numbers(hour))),
        days=Days(
            by_number=_month_days(day),
            by_weekday=_weekdays(weekday),
            either=not day.startswith("*") and not weekday.startswith("*"),
            months=MONTH.numbers(month),
        ),
        zone=zone,
    )
    if cron.next(0) is None:
        raise InvalidTime("the cron expression is never due", repr(text[:50]), "a day that some month has")
    return cron


def _month_days(text: str) -> DaySet:
    terms = DAY.terms(text)
    plain = [term for term in terms if term not in {"l", "lw"}]
    numbers = frozenset(number for term in plain for number in DAY.term(term))
    return DaySet(numbers, last="l" in terms, last_workday="lw" in terms)


def _weekdays(text: str) -> DaySet:
    weekdays: set[int] = set()
    counted: set[tuple[int, int]] = set()
    for term in WEEKDAY.terms(text):
        day, hash_sign, number = term.partition("#")
        if hash_sign:
            if number not in {"1", "2", "3", "4", "5"}:
                raise WEEKDAY.error(term, "1 to 5 behind the #")
            counted.add((WEEKDAY.number(day, term) % 7, int(number)))
        elif len(term) > 1 and term.endswith("l"):
            counted.add((WEEKDAY.number(term[:-1], term) % 7, LAST))
        else:
            weekdays |= {number % 7 for number in WEEKDAY.term(term)}
    return DaySet(weekdays=frozenset(weekdays), counted=frozenset(counted))
