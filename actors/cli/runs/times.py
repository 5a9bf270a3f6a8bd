"""Times and durations as people write and read them."""

import re
import time
from datetime import UTC, datetime
from typing import Final

import click

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])", re.ASCII)


def seconds_of(_context: click.Context, _parameter: click.Parameter, duration: str | None) -> float | None:
    """Return the seconds of a duration such as 30d: the callback of an option."""
    if duration is None:
        return None
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise click.BadParameter(
            f"a duration must be a number with a unit (s, m, h, d, w) such as 30d, got {duration!r}"
        )
    return float(found[1]) * _UNITS[found[2]]


def moment_of(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """Return the seconds since the epoch of a time, or of a duration before now: the callback of an option.

    A time is RFC 3339 or a date. Without an offset it is in the local time zone.
    """
    if text is None:
        return None
    if _DURATION.fullmatch(text):
        return time.time() - (seconds_of(context, parameter, text) or 0.0)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"a time must be like 2026-01-31, 2026-01-31T13:30 or 2026-01-31T13:30:00Z, or a duration before now such "
            f"as 2h, got {text!r}"
        ) from None


class Clock:
    """Formats RFC 3339 times in the local time zone or in UTC, always with the offset."""

    def __init__(self, *, utc: bool) -> None:
        self._zone = UTC if utc else None

    def format(self, moment: str | None) -> str:
        """Return a time to the second, or an empty text for None."""
        if moment is None:
            return ""
        local = datetime.fromisoformat(moment).astimezone(self._zone)
        offset = "Z" if self._zone is UTC else local.strftime("%z")
        return f"{local:%Y-%m-%d %H:%M:%S}{offset}"


def between(began: str | None, ended: str | None) -> str:
    """Return how long something took, or an empty text if it has not ended."""
    if began is None or ended is None:
        return ""
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return format_seconds(max(seconds, 0.0))


def format_seconds(seconds: float) -> str:
    """Return a duration, such as 0.42 s, 4.2 s, 1:02:03."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
