"""The due times of a cron expression in a time zone.

A wall time is what a clock on a wall of the zone shows, in seconds since 1970-01-01 00:00 on that clock.
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from stretto.definitions.schedules.days import Days
from stretto.definitions.schedules.zones import DAY, periods

MAX_YEARS_AHEAD: Final = 50
"""A next time is searched this far ahead. 29 February falls on a given weekday every 28 years, or 40 around 2100."""
_EPOCH: Final = date(1970, 1, 1).toordinal()
_ALL_HOURS: Final = tuple(range(24))


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression.

    If it names hours, each of its wall times is due once a day, also when the clocks change: one that is skipped is
    due at the first moment after the gap, one that is repeated is due the first time. If it is due in all hours, it
    follows the passing of time, as the clocks show it.

    Attributes:
        seconds: Sorted.
        minutes: Sorted.
        hours: Sorted.
        days: The days.
        zone: The time zone.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    zone: ZoneInfo

    def next(self, after: int) -> int | None:
        """Return the first due time after an instant, or None if there is none within `MAX_YEARS_AHEAD`."""
        names_hours = self.hours != _ALL_HOURS
        shown: int | None = None
        # A change of the clocks within the last day decides which wall times are repeated now.
        for period in periods(self.zone, after + 1 - DAY, after + MAX_YEARS_AHEAD * 366 * DAY):
            first, last = period.begin + period.offset, period.end + period.offset
            begin = max(first, after + 1 + period.offset)
            if names_hours and shown is not None:
                if period.begin > after and self._first_within(shown, first) is not None:
                    return period.begin
                begin = max(begin, shown)
            shown = last if shown is None else max(shown, last)
            wall = self._first_within(begin, last)
            if wall is not None:
                return wall - period.offset
        return None

    def _first_within(self, begin: int, end: int) -> int | None:
        """Return the first wall time of the expression from `begin` to before `end`."""
        while begin < end:
            day, second = divmod(begin, DAY)
            if date.fromordinal(_EPOCH + day) in self.days:
                found = self._second_of_day(second)
                if found is not None:
                    wall = day * DAY + found
                    return wall if wall < end else None
            begin = (day + 1) * DAY
        return None

    def _second_of_day(self, least: int) -> int | None:
        """Return the first second of a day that matches, of those from `least`."""
        hour, rest = divmod(least, 3600)
        minute, second = divmod(rest, 60)
        at = bisect_left(self.hours, hour)
        if at < len(self.hours) and self.hours[at] == hour:
            found = self._second_of_hour(minute, second)
            if found is not None:
                return hour * 3600 + found
            at += 1
        return None if at == len(self.hours) else self.hours[at] * 3600 + self.minutes[0] * 60 + self.seconds[0]

    def _second_of_hour(self, minute: int, second: int) -> int | None:
        at = bisect_left(self.minutes, minute)
        if at < len(self.minutes) and self.minutes[at] == minute:
            exact = bisect_left(self.seconds, second)
            if exact < len(self.seconds):
                return minute * 60 + self.seconds[exact]
            at += 1
        return None if at == len(self.minutes) else self.minutes[at] * 60 + self.seconds[0]
