"""The daemon is killed under senders of a webhook. `tests.support.killed_posters` has a longer campaign."""

from pathlib import Path

from tests.support.killed_posters import campaign


def test_each_acknowledged_event_has_one_run_of_each_rule(tmp_path: Path) -> None:
    """None is lost, and none is doubled."""
    report = campaign(tmp_path, senders=4, events=10, kills=2)
    assert (report.kills, len(report.acknowledged), report.other_ids) == (2, 40, [])
    assert report.runs == report.expected
    assert report.statuses == {"succeeded": 60}
