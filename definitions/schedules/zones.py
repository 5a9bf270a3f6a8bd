"""Time zones as periods of a constant offset from UTC. Instants are seconds since the epoch."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from stretto.definitions.errors import nearest

DAY: Final = 86_400
LAST_INSTANT: Final = int(datetime(9999, 12, 1, tzinfo=UTC).timestamp())
"""No zone has an offset that leads out of the years that `datetime` knows."""
MAX_ZONE_NAME: Final = 64


class InvalidTime(ValueError):
    """A cron expression, a zone or a date is wrong.

    Attributes:
        found: The wrong part of it, or "".
        expected: The values that are valid there, or "".
        hint: The fix, or "".
    """

    def __init__(self, message: str, found: str = "", expected: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.found = found
        self.expected = expected
        self.hint = hint


def find_zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA database by its name. Raises `InvalidTime`."""
    # ZoneInfo opens a file with the name, which the system's rules of names and paths may refuse.
    if len(name) <= MAX_ZONE_NAME:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise InvalidTime(
        "there is no such time zone", found=repr(name[:MAX_ZONE_NAME]),
        expected="a name of the IANA database, such as Europe/Berlin or UTC", hint=nearest(name, _zone_names()),
    )  # fmt: skip


def instant_of(text: str, zone: ZoneInfo) -> int:
    """Return the instant of a date in ISO 8601, rounded up to a second. Raises `InvalidTime`.

    Args:
        text: The date. Without an offset from UTC, it is what the clocks of `zone` show.
        zone: The time zone.
    """
    try:
        date = datetime.fromisoformat(text)
        instant = (date if date.tzinfo is not None else date.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidTime(
            "the date cannot be read", found=repr(text[:50]), expected="a date such as 2026-12-31T23:59:59"
        ) from None
    if not 0 <= instant <= LAST_INSTANT:
        raise InvalidTime("the date is out of range", found=repr(text[:50]), expected="a year from 1970 to 9998")
    return math.ceil(instant)


@lru_cache(maxsize=1)
def _zone_names() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


class Period(NamedTuple):
    """The instants from `begin` to before `end`, at which a zone has one offset from UTC, in seconds."""

    begin: int
    end: int
    offset: int


def offset_at(zone: ZoneInfo, instant: int) -> int:
    """Return a zone's offset from UTC at an instant, in seconds."""
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    assert offset is not None  # noqa: S101 - a zone of the database has one at any time
    return int(offset.total_seconds())


def periods(zone: ZoneInfo, begin: int, end: int) -> Iterator[Period]:
    """Yield the periods between two instants in order, each a day long at most.

    No zone of the database changes twice within a day.
    """
    end = min(end, LAST_INSTANT)
    offset = offset_at(zone, begin) if begin < end else 0
    while begin < end:
        until = min(begin + DAY, end)
        later = offset_at(zone, until)
        if later == offset:
            yield Period(begin, until, offset)
        else:
            change = _change(zone, begin, until, offset)
            yield Period(begin, change, offset)
            if change < until:
                yield Period(change, until, later)
        begin, offset = until, later


def _change(zone: ZoneInfo, low: int, high: int, offset: int) -> int:
    """Return the first instant at which a zone no longer has an offset. At `low` it has it, at `high` it has not."""
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high
