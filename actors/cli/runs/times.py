"""Times and durations as people write and read them."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])", re.ASCII)


class Duration(click.ParamType):
    """A number with a unit, as 30d; its value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration: expected a number with a unit (s, m, h, d, w), such as 30d", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


class Clock:
    """Tells times that came as RFC 3339: of this machine's time zone, or in UTC, always with the offset."""

    def __init__(self, *, utc: bool) -> None:
        self._zone = UTC if utc else None

    def told(self, time: str | None) -> str:
        """Return a time to the second; nothing for None."""
        if time is None:
            return ""
        local = datetime.fromisoformat(time).astimezone(self._zone)
        offset = "Z" if self._zone is UTC else local.strftime("%z")
        return f"{local:%Y-%m-%d %H:%M:%S}{offset}"


def between(began: str | None, ended: str | None) -> str:
    """Return how long something took; nothing, if it has not ended."""
    if began is None or ended is None:
        return ""
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return told_seconds(max(seconds, 0.0))


def told_seconds(seconds: float) -> str:
    """Return a duration, as 0.42 s, 4.2 s, 1:02:03."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
