"""The timers of StackStorm's and Attune's rules, also those of their own tests and documents."""

from datetime import datetime

import pytest

from stretto.definitions.dialects import Reader
from stretto.definitions.errors import Finding
from stretto.definitions.rules import SCHEDULE_EVENT, TIMERS, Rule, due_parameters, read_timer, read_trigger
from stretto.definitions.schedules import Schedule
from stretto.definitions.source import compose

START = int(datetime.fromisoformat("2026-06-01T00:00:30Z").timestamp())


def read(trigger: str, parameters: str) -> tuple[Schedule | None, list[Finding]]:
    reader = Reader("rule.yaml")
    node = compose(parameters, "rule.yaml", reader.report)
    assert node is not None
    return read_timer(reader, trigger, node), reader.findings


@pytest.mark.parametrize(
    ("trigger", "parameters", "first"),
    [
        ("core.st2.CronTimer", "{minute: 0, second: 0}", "2026-06-01T01:00:00+00:00"),
        ("core.st2.CronTimer", "{minute: 0, second: 1}", "2026-06-01T01:00:01+00:00"),
        (
            "core.st2.CronTimer",
            "{timezone: Europe/Berlin, hour: '9-17', day_of_week: mon-fri}",
            "2026-06-01T07:00:00+00:00",
        ),
        ("core.st2.IntervalTimer", "{unit: seconds, delta: 5}", "2026-06-01T00:00:35+00:00"),
        ("core.st2.IntervalTimer", "{unit: weeks, delta: 1}", "2026-06-04T00:00:00+00:00"),
        ("core.st2.DateTimer", "{timezone: UTC, date: '2026-12-31 23:59:59'}", "2026-12-31T23:59:59+00:00"),
        ("core.crontimer", "{expression: '0 0 9 * * 1-5', timezone: UTC}", "2026-06-01T09:00:00+00:00"),
        ("core.crontimer", "{expression: '0 */15 * * * *'}", "2026-06-01T00:15:00+00:00"),
        ("core.intervaltimer", "{unit: minutes, interval: 5}", "2026-06-01T00:05:00+00:00"),
        ("core.intervaltimer", "{type: interval, unit: hours, interval: 2}", "2026-06-01T02:00:00+00:00"),
        ("core.datetimetimer", "{fire_at: '2026-12-31T23:59:59Z'}", "2026-12-31T23:59:59+00:00"),
    ],
)
def test_a_timer_is_a_schedule(trigger: str, parameters: str, first: str) -> None:
    schedule, findings = read(trigger, parameters)
    assert findings == []
    assert schedule is not None
    due = schedule.timing.next(START)
    assert due == datetime.fromisoformat(first).timestamp()


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("trigger_ref: core.rruletimer\naction_ref: core.noop\n", 1, "a cron expression, for core.crontimer"),
        ("name: r\ntrigger: {type: core.st2.Crontimer}\naction: {ref: core.noop}\n", 2, "'core.st2.CronTimer'"),
    ],
)
def test_a_timer_that_is_not_known_is_no_ordinary_event(text: str, line: int, hint: str) -> None:
    """Nothing would ever send that event."""
    reader = Reader("rule.yaml")
    assert read_trigger(reader, compose(text, "rule.yaml", reader.report)) is None
    (finding,) = reader.findings
    assert (finding.code, finding.place.line) == ("unsupported_field", line)
    assert "is not supported" in finding.message
    assert hint in finding.hint


@pytest.mark.parametrize(
    ("trigger", "parameters", "message"),
    [
        ("core.st2.CronTimer", "{day_of_week: 1000}", "the field 'day_of_week' is invalid"),
        ("core.st2.CronTimer", "{day_of_week: abcdef}", "the field 'day_of_week' is invalid"),
        ("core.st2.CronTimer", "{day_of_week: a-1}", "the field 'day_of_week' is invalid"),
        ("core.st2.CronTimer", "{minutes: 1}", "the timer core.st2.CronTimer has no field 'minutes'"),
        ("core.st2.CronTimer", "{minute: 0, timezone: pdt}", "there is no such time zone"),
        ("core.st2.DateTimer", "{}", "the timer core.st2.DateTimer needs the field 'date'"),
        ("core.st2.DateTimer", "{date: tomorrow}", "the date cannot be read"),
        ("core.st2.IntervalTimer", "{unit: fortnights, delta: 1}",
         "'unit' of the timer core.st2.IntervalTimer has an invalid value"),
        ("core.st2.IntervalTimer", "{unit: weeks, delta: 1000000}", "the interval is too long"),
        ("core.intervaltimer", "{unit: weeks, interval: 1}",
         "'unit' of the timer core.intervaltimer has an invalid value"),
        ("core.intervaltimer", "{unit: days}", "the timer core.intervaltimer needs the field 'interval'"),
        ("core.crontimer", "{expression: '* *'}", "a cron expression must have five or six fields"),
        ("core.crontimer", "[]", "the parameters of core.crontimer has the wrong type"),
    ],
)  # fmt: skip
def test_a_wrong_timer_is_refused_with_its_place(trigger: str, parameters: str, message: str) -> None:
    """The first three are those that StackStorm's own tests refuse."""
    _, findings = read(trigger, parameters)
    assert findings[0].message == message
    assert findings[0].place.line == 1


STACKSTORM = """
name: hourly
pack: ops
enabled: true
trigger: {type: core.st2.CronTimer, parameters: {minute: 0, second: 0}}
criteria: {}
action: {ref: core.local, parameters: {cmd: "echo {{ trigger.executed_at }}"}}
"""
ATTUNE = """
ref: ops.hourly
trigger_ref: core.crontimer
trigger_params: {expression: "0 0 * * * *"}
action_ref: core.echo
action_params: {message: "{{ event.payload.fired_at }}"}
"""


@pytest.mark.parametrize("text", [STACKSTORM, ATTUNE])
def test_a_rule_with_a_timer_answers_its_own_due_times(text: str) -> None:
    reader = Reader("hourly.yaml")
    rule = read_trigger(reader, compose(text, "hourly.yaml", reader.report))
    assert [finding.message for finding in reader.findings if finding.severity == "error"] == []
    assert isinstance(rule, Rule)
    assert (rule.ref, rule.event, rule.parameters) == ("ops.hourly", SCHEDULE_EVENT, due_parameters("ops.hourly"))
    assert rule.schedule is not None
    assert rule.schedule.timing.next(START) == START - 30 + 3600


@pytest.mark.parametrize(
    "text", [STACKSTORM.replace(", parameters: {minute: 0, second: 0}", ""), ATTUNE.replace("trigger_params", "label")]
)
def test_a_timer_without_parameters_is_refused(text: str) -> None:
    reader = Reader("hourly.yaml")
    rule = read_trigger(reader, compose(text, "hourly.yaml", reader.report))
    assert rule is None
    assert any("needs the field" in finding.message for finding in reader.findings)


def test_there_are_three_timers_of_each_dialect() -> None:
    assert len([name for name in TIMERS if name.startswith("core.st2.")]) == len(TIMERS) / 2 == 3
