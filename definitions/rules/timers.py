"""Reads the timers of StackStorm's and Attune's rules: triggers whose events come by themselves."""

import re
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.rules.schedule_file import MAX_INTERVAL_SECONDS, read_zone, report_time
from stretto.definitions.schedules import (
    CRON_FIELDS,
    Interval,
    InvalidTime,
    Once,
    Schedule,
    Timing,
    instant_of,
    read_cron,
    read_stackstorm_cron,
)
from stretto.definitions.source import Node, to_data

_SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}
_ATTUNE_UNITS: Final = ("seconds", "minutes", "hours", "days")

_Found = tuple[Timing | None, str]


def read_timer(reader: Reader, trigger: str, node: Node) -> Schedule | None:
    """Return the schedule of a timer. The reader collects the findings.

    Args:
        reader: Collects the findings.
        trigger: One of `TIMERS`.
        node: The parameters of the trigger.
    """
    parameters = reader.mapping(node, f"the parameters of {trigger}")
    if parameters is None:
        return None
    fields = Fields(reader, parameters, f"the timer {trigger}")
    zone_name, zone = read_zone(reader, fields, "timezone")
    timing, text = TIMERS[trigger](reader, fields, zone)
    fields.finish(lambda _name: None)
    return None if timing is None else Schedule(timing, text, zone_name)


def _stackstorm_interval(reader: Reader, fields: Fields, _zone: ZoneInfo) -> _Found:
    return _interval(reader, fields, "delta", tuple(_SECONDS))


def _attune_interval(reader: Reader, fields: Fields, _zone: ZoneInfo) -> _Found:
    _skip_annotations(fields)
    return _interval(reader, fields, "interval", _ATTUNE_UNITS)


def _interval(reader: Reader, fields: Fields, name: str, units: tuple[str, ...]) -> _Found:
    unit_node, number_node = fields.require("unit"), fields.require(name)
    if unit_node is None or number_node is None:
        return None, ""
    unit = reader.choice(unit_node, f"'unit' of {fields.what}", units)
    number = reader.integer(number_node, f"{name!r} of {fields.what}", 1)
    if unit is None or number is None:
        return None, ""
    seconds = number * _SECONDS[unit]
    if seconds > MAX_INTERVAL_SECONDS:
        reader.error(
            "bad_schedule", "the interval is too long", number_node.place, found=f"{number:,} {unit}",
            expected=f"at most {MAX_INTERVAL_SECONDS:,} seconds",
        )  # fmt: skip
        return None, ""
    return Interval(seconds), f"every {seconds} s"


def _stackstorm_date(reader: Reader, fields: Fields, zone: ZoneInfo) -> _Found:
    return _date(reader, fields, "date", zone)


def _attune_date(reader: Reader, fields: Fields, zone: ZoneInfo) -> _Found:
    _skip_annotations(fields)
    return _date(reader, fields, "fire_at", zone)


def _date(reader: Reader, fields: Fields, name: str, zone: ZoneInfo) -> _Found:
    node = fields.require(name)
    text = None if node is None else reader.text(node, f"{name!r} of {fields.what}")
    if node is None or text is None:
        return None, ""
    try:
        at = instant_of(text, zone)
    except InvalidTime as error:
        report_time(reader, error, node)
        return None, ""
    return Once(at), f"at {at}"


def _stackstorm_cron(reader: Reader, fields: Fields, zone: ZoneInfo) -> _Found:
    given = {name: to_data(node) for name in CRON_FIELDS if (node := fields.take(name)) is not None}
    try:
        timing = read_stackstorm_cron(given, zone)
    except InvalidTime as error:
        report_time(reader, error, fields.node)
        return None, ""
    return timing, " ".join(["cron", *(f"{name}={value}" for name, value in given.items())])


def _attune_cron(reader: Reader, fields: Fields, zone: ZoneInfo) -> _Found:
    _skip_annotations(fields)
    node = fields.require("expression")
    text = None if node is None else reader.text(node, f"'expression' of {fields.what}")
    if node is None or text is None:
        return None, ""
    try:
        return read_cron(text, zone), f"cron {text}"
    except InvalidTime as error:
        report_time(reader, error, node)
        return None, ""


def _skip_annotations(fields: Fields) -> None:
    """Take the fields that Attune adds for its own timers, or for people."""
    for name in ("type", "description"):
        fields.take(name)


TIMERS: Final[dict[str, Callable[[Reader, Fields, ZoneInfo], _Found]]] = {
    "core.st2.CronTimer": _stackstorm_cron,
    "core.st2.IntervalTimer": _stackstorm_interval,
    "core.st2.DateTimer": _stackstorm_date,
    "core.crontimer": _attune_cron,
    "core.intervaltimer": _attune_interval,
    "core.datetimetimer": _attune_date,
}
"""The triggers that are timers, with the readers of their parameters."""

_RRULE: Final = "core.rruletimer"
_RRULE_HINT: Final = "write its times as a cron expression, for core.crontimer"
_NAMED_AS_TIMER: Final = re.compile(r"core\.(st2\.)?\w*timer", re.IGNORECASE)


def is_unknown_timer(trigger: str) -> bool:
    """Return whether a trigger is named as a timer of the core pack and is not one that this reads.

    As an ordinary event it would never come.
    """
    return trigger not in TIMERS and _NAMED_AS_TIMER.fullmatch(trigger) is not None


def report_unknown_timer(reader: Reader, trigger: str, place: Place) -> None:
    """Report a timer that cannot be read, such as Attune's `core.rruletimer`."""
    reader.error(
        "unsupported_field", f"the timer {trigger!r} is not supported", place, expected=", ".join(TIMERS),
        hint=_RRULE_HINT if trigger == _RRULE else reader.nearest(trigger, TIMERS),
    )  # fmt: skip
