"""Daemons are killed under all that starts runs at once. `tests.support.killed_triggers` kills one 300 times."""

from pathlib import Path

from tests.support.killed_triggers import campaign

KILLS = 3


def test_each_event_and_due_time_leads_to_one_run_of_each_rule_through_kills(tmp_path: Path) -> None:
    """From a webhook, schedules of each second, two kinds of sensors, and with people who answer what runs ask."""
    report = campaign(tmp_path, f"sqlite:///{tmp_path}/store.db", KILLS)
    assert report.faults == {"kill": KILLS}
    assert report.broken == {}
    assert all(report.acknowledged.values()), "each source has sent something"
    assert report.orders
    assert report.people.acknowledged
