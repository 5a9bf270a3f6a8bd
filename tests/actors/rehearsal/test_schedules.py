"""Rehearsed spans of schedules."""

from pathlib import Path
from typing import Any

import pytest

from stretto.actors.catalogue import UnknownRule
from stretto.actors.rehearsal import (
    InvalidSpan,
    RehearsedSchedule,
    Rehearser,
    Rule,
    ScheduleRehearsal,
    load_scripted,
    rehearse_schedule,
    schedule_lines,
    schedule_object,
)
from tests.support.schedules import instant

REPORT = """
ref: ops.report
version: "1"
parameters: {day: {}}
cancellation_policy: cancel_running
tasks: [{name: make, action: x.make, input: {day: "{{ parameters.day }}"}}]
"""


def rehearsed(
    folder: Path, schedule: str, since: str, until: str, *rules: Rule, value: str = "{{ payload.due }}"
) -> tuple[ScheduleRehearsal, RehearsedSchedule]:
    """Rehearse a schedule beside another one, which starts nothing."""
    (folder / "report.yaml").write_text(REPORT)
    (folder / "nightly.yaml").write_text(f"schedule: {schedule}\nrun: ops.report\ninput: {{day: '{value}'}}\n")
    (folder / "other.yaml").write_text("schedule: {every: 1}\nrun: ops.report\ninput: {day: x}\n")
    rehearser = Rehearser(load_scripted([folder], ()).catalogue)
    span = ScheduleRehearsal(schedule="nightly", since=instant(since), until=instant(until), rules=rules)
    return span, rehearse_schedule(span, rehearser)


def shown(found: tuple[ScheduleRehearsal, RehearsedSchedule]) -> dict[str, Any]:
    return schedule_object(*found)


def test_a_span_over_a_change_of_the_clocks_has_one_run_a_day(tmp_path: Path) -> None:
    """Where 02:30 does not exist, the run starts at 03:00."""
    schedule = "{cron: '30 2 * * *', timezone: Europe/Berlin}"
    found = rehearsed(tmp_path, schedule, "2026-03-28T00:00Z", "2026-03-30T12:00Z", Rule(duration=90))
    assert list(schedule_lines(*found)) == [
        "rehearsal of nightly (cron 30 2 * * *) from 2026-03-28T01:00:00+01:00 to 2026-03-30T14:00:00+02:00",
        "",
        "  2026-03-28T02:30:00+01:00  succeeded after 90 s",
        "  2026-03-29T03:00:00+02:00  succeeded after 90 s",
        "  2026-03-30T02:30:00+02:00  succeeded after 90 s",
        "3 started, 0 missed, 0 skipped",
    ]


@pytest.mark.parametrize(
    ("overlap", "runs"),
    [
        ("allow", [("00:10", "succeeded", 1500), ("00:20", "succeeded", 1500), ("00:30", "succeeded", 1500)]),
        ("skip", [("00:10", "succeeded", 1500)]),
        ("queue_one", [("00:10", "succeeded", 1500)]),
        ("cancel_older", [("00:10", "cancelled", 600), ("00:20", "cancelled", 600), ("00:30", "succeeded", 1500)]),
    ],
)
def test_runs_that_overlap_follow_the_policy(tmp_path: Path, overlap: str, runs: list[tuple[str, str, float]]) -> None:
    """Each run takes 25 minutes. Those in progress at the end of the span go on."""
    schedule = f"{{cron: '*/10 * * * *', overlap: {overlap}}}"
    found = shown(
        rehearsed(tmp_path, schedule, "2026-06-01T00:05Z", "2026-06-01T00:34Z", Rule(task="make", duration=1500))
    )
    assert [(each["due"][11:16], each["status"], each["seconds"]) for each in found["runs"]] == runs
    assert found["skipped"] == {"skip": 2, "queue_one": 1}.get(overlap, 0)
    assert (found["queued"] is not None) == (overlap == "queue_one")


def test_a_run_whose_inputs_fail_says_why(tmp_path: Path) -> None:
    found = shown(
        rehearsed(tmp_path, "{every: 3600}", "2026-06-01T00:30Z", "2026-06-01T01:30Z", value="{{ payload.none.x }}")
    )
    (run,) = found["runs"]
    assert (run["due"], run["status"], run["seconds"]) == ("2026-06-01T01:00:00+00:00", "not started", None)
    assert "none" in run["error"]


def test_rules_that_match_no_run_are_named(tmp_path: Path) -> None:
    found = shown(rehearsed(tmp_path, "{every: 3600}", "2026-06-01T00:30Z", "2026-06-01T01:30Z", Rule(task="mak")))
    assert found["unused_rules"] == [1]


@pytest.mark.parametrize(
    ("ref", "hint"), [("nightli", "did you mean 'nightly'"), ("rule", "there is no schedule 'rule'")]
)
def test_a_schedule_that_is_not_there_is_refused(tmp_path: Path, ref: str, hint: str) -> None:
    (tmp_path / "rule.yaml").write_text("on: x\nrun: core.noop\n")
    (tmp_path / "nightly.yaml").write_text("schedule: {every: 60}\nrun: core.noop\n")
    rehearser = Rehearser(load_scripted([tmp_path], ()).catalogue)
    with pytest.raises(UnknownRule, match=hint):
        rehearse_schedule(ScheduleRehearsal(schedule=ref, since=0.0, until=1.0), rehearser)


def test_a_span_begins_before_its_end(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpan, match="must begin before its end"):
        rehearsed(tmp_path, "{every: 60}", "2026-06-01T00:30Z", "2026-06-01T00:30Z")
