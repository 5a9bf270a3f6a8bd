"""The days on which a cron expression is due."""

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Final

LAST: Final = -1
"""The last one of a weekday in a month, where others are counted from 1."""
ALL_DAYS: Final = frozenset(range(1, 32))
ALL_MONTHS: Final = frozenset(range(1, 13))
ALL_WEEKDAYS: Final = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class DaySet:
    """Days of any month. A day belongs to it if one of the attributes has it.

    Attributes:
        numbers: Days of the month.
        weekdays: Weekdays, 0 for Sunday.
        counted: Pairs (weekday, n), each for the n-th of a weekday in the month, or for its `LAST`.
        last: Whether the last day of the month belongs to it.
        last_workday: Whether the last day from Monday to Friday of the month does.
    """

    numbers: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    counted: frozenset[tuple[int, int]] = frozenset()
    last: bool = False
    last_workday: bool = False

    def __contains__(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        if day.day in self.numbers or weekday in self.weekdays:
            return True
        if not (self.counted or self.last or self.last_workday):
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        return (
            (weekday, (day.day + 6) // 7) in self.counted
            or ((weekday, LAST) in self.counted and day.day + 7 > length)
            or (self.last and day.day == length)
            or (self.last_workday and day.day == _last_workday(day, length))
        )


def _last_workday(day: date, length: int) -> int:
    weekend = max(day.replace(day=length).isoweekday() - 5, 0)
    return length - weekend


EVERY_DAY: Final = DaySet(ALL_DAYS)


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a cron expression.

    Attributes:
        by_number: Its days of the month.
        by_weekday: Its days of the week.
        either: Whether a day need be in only one of them, as cron has it if both are restricted.
        months: Its months.
        weeks: Its weeks of the ISO year, or None for all.
        years: Its years, or None for all.
    """

    by_number: DaySet = EVERY_DAY
    by_weekday: DaySet = EVERY_DAY
    either: bool = False
    months: frozenset[int] = ALL_MONTHS
    weeks: frozenset[int] | None = None
    years: frozenset[int] | None = None

    def __contains__(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        if self.years is not None and day.year not in self.years:
            return False
        if self.weeks is not None and day.isocalendar().week not in self.weeks:
            return False
        if self.either:
            return day in self.by_number or day in self.by_weekday
        return day in self.by_number and day in self.by_weekday
