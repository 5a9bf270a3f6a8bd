"""Schedules in the native form."""

import pytest

from stretto.definitions.dialects import Reader
from stretto.definitions.errors import Finding
from stretto.definitions.rules import SCHEDULE_EVENT, Rule, due_parameters, read_trigger
from stretto.definitions.schedules import Interval, Missed, Once
from stretto.definitions.source import compose


def read(text: str) -> tuple[Rule | None, list[Finding]]:
    reader = Reader("nightly.yaml")
    rule = read_trigger(reader, compose(text, reader.file, reader.report))
    assert rule is None or isinstance(rule, Rule)
    return rule, reader.findings


def test_a_schedule_is_a_rule_that_answers_its_own_due_times() -> None:
    rule, findings = read(
        "ref: ops.nightly\nschedule: {cron: '0 3 * * *', timezone: Europe/Berlin, jitter: 30, missed: {all: 5}, "
        "overlap: skip}\nrun: ops.report\ninput: {day: '{{ payload.due }}', fixed: 1}\nenabled: false\n"
    )
    assert findings == []
    assert rule is not None
    assert (rule.ref, rule.target, rule.event, rule.enabled) == ("ops.nightly", "ops.report", SCHEDULE_EVENT, False)
    assert rule.parameters == due_parameters("ops.nightly")
    assert list(rule.inputs) == ["day", "fixed"]
    schedule = rule.schedule
    assert schedule is not None
    assert (schedule.zone, schedule.jitter, schedule.missed, schedule.overlap) == (
        "Europe/Berlin", 30, Missed("all", 5), "skip",
    )  # fmt: skip
    assert schedule.identity == "cron 0 3 * * * Europe/Berlin"


def test_the_ref_is_by_default_the_name_of_the_file() -> None:
    rule, _ = read("schedule: {every: 60}\nrun: ops.report\n")
    assert rule is not None
    assert rule.ref == "nightly"


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ("every: 300", Interval(300)),
        ("every: 300, start: '1970-01-01T00:00:10'", Interval(300, 10)),
        ("every: 300, start: '1970-01-01T01:00:10', timezone: Europe/Berlin", Interval(300, 10)),
        ("at: '1970-01-02'", Once(86_400)),
        ("at: '1970-01-02T00:00:00.5+01:00'", Once(82_801)),
    ],
)
def test_intervals_and_dates_are_timings(timing: str, expected: Interval | Once) -> None:
    rule, findings = read(f"schedule: {{{timing}}}\nrun: ops.report\n")
    assert findings == []
    assert rule is not None
    assert rule.schedule is not None
    assert rule.schedule.timing == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedule: {}\nrun: a.b\n", "a schedule must have exactly one timing"),
        ("schedule: {every: 5, at: '2030-01-01'}\nrun: a.b\n", "a schedule must have exactly one timing"),
        ("schedule: {every: 0}\nrun: a.b\n", "'every' of 'schedule' has the wrong type"),
        ("schedule: {at: '2030-01-01', start: '2029-01-01'}\nrun: a.b\n", "'start' belongs to 'every'"),
        ("schedule: {cron: '0 25 * * *'}\nrun: a.b\n", "the field 'hour' is invalid"),
        ("schedule: {every: 5, timezone: Europe/Berln}\nrun: a.b\n", "there is no such time zone"),
        ("schedule: {every: 5, missed: never}\nrun: a.b\n", "'missed' of 'schedule' has an invalid value"),
        ("schedule: {every: 5, missed: {all: 1001}}\nrun: a.b\n", "'all' of 'missed' of 'schedule' has the wrong type"),
        ("schedule: {every: 5, overlap: kill}\nrun: a.b\n", "'overlap' of 'schedule' has an invalid value"),
        ("schedule: {every: 5, jitter: -1}\nrun: a.b\n", "'jitter' of 'schedule' has the wrong type"),
        ("schedule: {every: 5, jiter: 1}\nrun: a.b\n", "'schedule' has no field 'jiter'"),
        ("schedule: {every: 5}\nrun: a.b\ninputs: {}\n", "the schedule has no field 'inputs'"),
        ("schedule: {every: 5}\nrun: a.b\ninput: {a: '{{ payloda }}'}\n", "a rule has no name 'payloda'"),
        ("schedule: {at: '9999-12-31'}\nrun: a.b\n", "the date is out of range"),
    ],
)
def test_a_wrong_schedule_is_refused(text: str, message: str) -> None:
    _, findings = read(text)
    assert message in [finding.message for finding in findings]
    assert all(finding.severity == "error" for finding in findings)
