"""Functions over points in time and durations.

A time is RFC 3339 text in UTC, as `now()` returns, or seconds since 1970. A duration is seconds, or text such as
`1h30m`. Nothing reads a clock or a locale, so a replay gives the same values.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from stretto.definitions.expressions.arguments import text_argument, type_name
from stretto.definitions.expressions.base.bounds import Fuel

MAX_TIME_LENGTH: Final = 64
MAX_FORMAT_LENGTH: Final = 200
"""Longer texts are refused. So each function takes the same time for all operands."""
TIME_UNITS = 100
"""The units of reading or writing a time with a format; the others take less."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

_WRITTEN: Final[Mapping[str, Callable[[datetime], str]]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "B": lambda time: _MONTHS[time.month - 1],
    "b": lambda time: _MONTHS[time.month - 1][:3],
    "d": lambda time: f"{time.day:02}",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "A": lambda time: _DAYS[time.weekday()],
    "a": lambda time: _DAYS[time.weekday()][:3],
    "u": lambda time: str(time.isoweekday()),
    "G": lambda time: f"{time.isocalendar().year:04}",
    "V": lambda time: f"{time.isocalendar().week:02}",
    "H": lambda time: f"{time.hour:02}",
    "I": lambda time: f"{time.hour % 12 or 12:02}",
    "p": lambda time: "AM" if time.hour < 12 else "PM",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "f": lambda time: f"{time.microsecond:06}",
    "s": lambda time: str((time - _EPOCH) // timedelta(seconds=1)),
    "z": lambda _time: "+0000",
    "Z": lambda _time: "UTC",
    "F": lambda time: f"{time.year:04}-{time.month:02}-{time.day:02}",
    "T": lambda time: f"{time.hour:02}:{time.minute:02}:{time.second:02}",
    "%": lambda _time: "%",
}
"""The directives of `strftime`. Python's own depend on the platform and the locale."""
_READ: Final = frozenset("YymBbdjAaHIpMSfz%")
"""The directives of a format that `to_datetime` reads."""
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)

_UNITS: Final[Mapping[str, Decimal]] = {
    "w": Decimal(604_800),
    "d": Decimal(86_400),
    "h": Decimal(3_600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_DURATION = re.compile(r"\s*(-?)((?:\s*\d+(?:\.\d+)?\s*(?:ms|[wdhms]))+)\s*", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[wdhms])", re.ASCII)
_ISO_DURATION = re.compile(
    r"(-?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_DURATION_FORM = "seconds, or text such as '90s', '1h30m' or 'PT1H30M'"


def _short_text(name: str, text: str, most: int) -> str:
    if len(text) > most:
        raise ValueError(f"{name}() takes text of at most {most} characters here, got {len(text):,}")
    return text


def _time(name: str, value: Any) -> datetime:
    kind = type_name(value)
    if kind == "number":
        try:
            return _EPOCH + timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise ValueError(f"{name}() takes a time from the years 1 to 9999, got {value} seconds") from None
    if kind != "string":
        raise TypeError(f"{name}() takes a time, as RFC 3339 text or as seconds since 1970, got a value of type {kind}")
    text = _short_text(name, value, MAX_TIME_LENGTH)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}() takes a time such as '2026-01-31T12:00:00Z', got {text!r}") from None
    return _in_utc(name, time)


def _in_utc(name: str, time: datetime) -> datetime:
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name}() takes a time from the years 1 to 9999 in UTC") from None


def _text(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _seconds(name: str, value: Any) -> Decimal:
    kind = type_name(value)
    if kind == "number":
        return Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    if kind != "string":
        raise TypeError(f"{name}() takes a duration, {_DURATION_FORM}, got a value of type {kind}")
    text = _short_text(name, value, MAX_TIME_LENGTH)
    if match := _DURATION.fullmatch(text):
        total = sum((Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(match[2])), Decimal(0))
    elif (match := _ISO_DURATION.fullmatch(text)) and any(match.groups()[1:]):
        amounts = zip(match.groups()[1:], "wdhms", strict=True)
        total = sum((Decimal(number or 0) * _UNITS[unit] for number, unit in amounts), Decimal(0))
    else:
        raise ValueError(f"{name}() takes a duration, {_DURATION_FORM}, got {text!r}")
    return -total if match[1] else total


def _number(seconds: Decimal) -> int | float:
    return int(seconds) if seconds == seconds.to_integral_value() else float(seconds)


def _duration(fuel: Fuel, value: Any) -> int | float:
    fuel.burn(TIME_UNITS)
    return _number(_seconds("duration", value))


def _to_datetime(fuel: Fuel, value: Any, format: Any = None) -> str:  # noqa: A002 - the name in Ansible
    fuel.burn(TIME_UNITS)
    if format is None:
        return _text(_time("to_datetime", value))
    text = _short_text("to_datetime", text_argument("to_datetime", value), MAX_TIME_LENGTH)
    form = _short_text("to_datetime", text_argument("to_datetime", format), MAX_FORMAT_LENGTH)
    _check_directives("to_datetime", form, _READ)
    try:
        time = datetime.strptime(text, form)  # noqa: DTZ007 - _in_utc sets the zone
    except (ValueError, re.error):
        raise ValueError(f"to_datetime() takes a time in the format {form!r}, got {text!r}") from None
    return _text(_in_utc("to_datetime", time))


def _check_directives(name: str, form: str, known: frozenset[str]) -> None:
    for directive in _DIRECTIVE.findall(form):
        if directive not in known:
            there = " ".join(f"%{each}" for each in sorted(known))
            raise ValueError(f"{name}() knows no directive {'%' + directive!r} in a format; there are: {there}")


def _strftime(fuel: Fuel, format: Any, time: Any) -> str:  # noqa: A002 - the name in Ansible
    fuel.burn(TIME_UNITS)
    form = _short_text("strftime", text_argument("strftime", format), MAX_FORMAT_LENGTH)
    at = _time("strftime", time)
    _check_directives("strftime", form, frozenset(_WRITTEN))
    return _DIRECTIVE.sub(lambda match: _WRITTEN[match[1]](at), form)


def _timestamp(fuel: Fuel, time: Any) -> int | float:
    fuel.burn(TIME_UNITS)
    return _between(_EPOCH, _time("timestamp", time))


def _between(start: datetime, end: datetime) -> int | float:
    microseconds = (end - start) // timedelta(microseconds=1)
    return microseconds // 1_000_000 if microseconds % 1_000_000 == 0 else microseconds / 1_000_000


def _date_add(fuel: Fuel, time: Any, duration: Any) -> str:
    fuel.burn(TIME_UNITS)
    start, seconds = _time("date_add", time), _seconds("date_add", duration)
    try:
        return _text(start + timedelta(microseconds=int(seconds * 1_000_000)))
    except (OverflowError, ValueError):
        raise ValueError(f"date_add() stays within the years 1 to 9999, got a duration of {duration!r}") from None


def _date_diff(fuel: Fuel, later: Any, earlier: Any) -> int | float:
    fuel.burn(TIME_UNITS)
    return _between(_time("date_diff", earlier), _time("date_diff", later))


TIME_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "date_add": _date_add,
    "date_diff": _date_diff,
    "duration": _duration,
    "strftime": _strftime,
    "timestamp": _timestamp,
    "to_datetime": _to_datetime,
}
