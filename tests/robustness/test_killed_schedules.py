"""Schedules of every second whose engine is killed at any instant."""

from pathlib import Path

from tests.support.killed_schedules import SCHEDULES, campaign

KILLS = 4


def test_each_due_time_leads_to_one_run_through_kills(tmp_path: Path) -> None:
    """`python -m tests.support.killed_schedules --kills 300` does so for longer."""
    report = campaign(tmp_path, KILLS)
    assert report.kills == KILLS
    assert report.due.keys() == SCHEDULES.keys()
    for name, due in report.due.items():
        assert due == list(range(due[0], due[-1] + 1))
        assert report.runs[name] == {1: len(due)}
    assert report.statuses.keys() <= {"succeeded", "cancelled"}
