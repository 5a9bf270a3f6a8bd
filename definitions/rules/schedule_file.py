"""Reads schedules in the native form. Each is a rule that answers the due times of its own.

schedule: {cron: "0 3 * * *", timezone: Europe/Berlin, overlap: skip}
run: ops.report
input: {day: "{{ payload.due }}"}
"""

from pathlib import PurePath
from typing import Any, Final, cast, get_args
from zoneinfo import ZoneInfo

from stretto.definitions.data import object_of
from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.rules.names import check_names
from stretto.definitions.rules.native import read_inputs, read_target
from stretto.definitions.rules.rule import Rule
from stretto.definitions.schedules import (
    MAX_CAUGHT_UP,
    Interval,
    InvalidTime,
    Missed,
    Once,
    OverlapPolicy,
    Schedule,
    Timing,
    find_zone,
    instant_of,
    read_cron,
)
from stretto.definitions.source import MapNode, Node, ScalarNode

SCHEDULE_EVENT: Final = "stretto.schedule"
"""The type of the events that are due times. They have the schedule's ref as the parameter `schedule`."""
UTC: Final = "UTC"
MAX_JITTER_SECONDS: Final = 86_400
MAX_INTERVAL_SECONDS: Final = 10 * 366 * 86_400
_TIMINGS: Final = ("cron", "every", "at")


def due_parameters(ref: str) -> Any:
    """Return the parameters of the events that are a schedule's due times."""
    return object_of({"schedule": ref})


def read_native_schedule(reader: Reader, node: MapNode) -> Rule | None:
    """Return the rule of a schedule's document, or None if it has no timing or target. The reader collects findings."""
    fields = Fields(reader, node, "the schedule")
    texts = dict.fromkeys(("ref", "label", "description", "version"), "")
    for name in texts:
        for member, what in fields.given(name):
            texts[name] = reader.text(member, what) or ""
    for member, what in fields.given("tags"):
        reader.sequence(member, what)
    schedule_node, target_node = fields.require("schedule"), fields.require("run")
    schedule = None if schedule_node is None else _read_schedule(reader, schedule_node)
    target = None if target_node is None else read_target(reader, target_node, "'run' of the schedule")
    inputs = {
        name: template for member, what in fields.given("input") for name, template in read_inputs(reader, member, what)
    }
    enabled = all(reader.boolean(member, what) for member, what in fields.given("enabled"))
    fields.finish(lambda _name: None)
    if schedule is None or target is None or target_node is None:
        return None
    ref = texts["ref"] or PurePath(reader.file).stem
    rule = Rule(
        ref=ref, event=SCHEDULE_EVENT, parameters=due_parameters(ref), criteria=(), target=target, inputs=inputs,
        place=node.place, target_place=target_node.place, enabled=enabled, description=texts["description"],
        schedule=schedule,
    )  # fmt: skip
    check_names(reader, rule)
    return rule


def _read_schedule(reader: Reader, node: Node) -> Schedule | None:
    mapping = reader.mapping(node, "'schedule'")
    if mapping is None:
        return None
    fields = Fields(reader, mapping, "'schedule'")
    zone_name, zone = read_zone(reader, fields, "timezone")
    given = [name for name in _TIMINGS if name in mapping.members]
    if len(given) != 1:
        reader.error(
            "bad_schedule", "a schedule must have exactly one timing", node.place,
            found=", ".join(given) or "none", expected="cron, every or at",
        )  # fmt: skip
    timing, text = _timing(reader, fields, zone)
    jitter = 0
    for member, what in fields.given("jitter"):
        jitter = _seconds(reader, member, what, 0, MAX_JITTER_SECONDS) or 0
    missed = Missed()
    for member, what in fields.given("missed"):
        missed = _missed(reader, member, what) or missed
    overlap: OverlapPolicy = "allow"
    for member, what in fields.given("overlap"):
        overlap = cast("OverlapPolicy", reader.choice(member, what, get_args(OverlapPolicy)) or overlap)
    fields.finish(lambda _name: None)
    if timing is None or len(given) != 1:
        return None
    return Schedule(timing, text, zone_name, jitter, missed, overlap)


def read_zone(reader: Reader, fields: Fields, name: str) -> tuple[str, ZoneInfo]:
    """Return the name of a time zone and the zone. It is UTC if the field is missing or wrong."""
    for member, what in fields.given(name):
        text = reader.text(member, what)
        if text is not None:
            try:
                return text, find_zone(text)
            except InvalidTime as error:
                report_time(reader, error, member)
    return UTC, find_zone(UTC)


def report_time(reader: Reader, error: InvalidTime, node: Node) -> None:
    """Report a wrong timing at its place."""
    reader.error("bad_schedule", str(error), node.place, found=error.found, expected=error.expected, hint=error.hint)


def _timing(reader: Reader, fields: Fields, zone: ZoneInfo) -> tuple[Timing | None, str]:
    timing: Timing | None = None
    written = ""
    start = 0
    for member, what in fields.given("start"):
        start = _instant(reader, member, what, zone) or 0
    for member, what in fields.given("cron"):
        text = reader.text(member, what)
        if text is not None:
            written = f"cron {text}"
            try:
                timing = read_cron(text, zone)
            except InvalidTime as error:
                report_time(reader, error, member)
    for member, what in fields.given("every"):
        seconds = _seconds(reader, member, what, 1, MAX_INTERVAL_SECONDS)
        if seconds is not None:
            timing, written = Interval(seconds, start), f"every {seconds} s" + (f" from {start}" if start else "")
    for member, what in fields.given("at"):
        at = _instant(reader, member, what, zone)
        if at is not None:
            timing, written = Once(at), f"at {at}"
    if start and not isinstance(timing, Interval):
        reader.error("bad_schedule", "'start' belongs to 'every'", fields.key_place("start"))
    return timing, written


def _instant(reader: Reader, node: Node, what: str, zone: ZoneInfo) -> int | None:
    text = reader.text(node, what)
    if text is None:
        return None
    try:
        return instant_of(text, zone)
    except InvalidTime as error:
        report_time(reader, error, node)
        return None


def _seconds(reader: Reader, node: Node, what: str, least: int, most: int) -> int | None:
    if isinstance(node, ScalarNode) and type(node.value) is int and least <= node.value <= most:
        return node.value
    reader.wrong_type(what, node, f"whole seconds from {least:,} to {most:,}")
    return None


def _missed(reader: Reader, node: Node, what: str) -> Missed | None:
    if not isinstance(node, MapNode):
        policy = reader.choice(node, what, ("skip", "one"))
        return None if policy is None else Missed("skip" if policy == "skip" else "one")
    fields = Fields(reader, node, what)
    most = None
    member = fields.require("all")
    if member is not None:
        most = _seconds(reader, member, f"'all' of {what}", 1, MAX_CAUGHT_UP)
    fields.finish(lambda _name: None)
    return None if most is None else Missed("all", most)
