"""The daemon is killed under people who answer. `python -m tests.support.killed_people` kills it 300 times."""

from pathlib import Path

from tests.support.killed_people import campaign


def test_no_answered_inquiry_is_asked_again(tmp_path: Path) -> None:
    """Each task has asked once, each acknowledged answer is the stored one, and the runs have gone on with it."""
    report = campaign(tmp_path, people=3, runs=8, kills=4)
    assert (report.kills, report.asked_again, report.lost, report.wrong) == (4, [], [], [])
    assert len(report.asked) == 24
    assert all(len(rows) == 1 for rows in report.asked.values())
    assert {row["status"] for rows in report.asked.values() for row in rows} == {"answered"}


def test_no_inquiry_of_an_action_is_made_twice(tmp_path: Path, durable_url: str) -> None:
    """An action that runs again gets the same one, and the tasks that wait go on with the answers."""
    report = campaign(tmp_path, people=2, runs=6, kills=4, store=durable_url, made=True)
    assert (report.kills, report.asked_again, report.lost, report.wrong) == (4, [], [], [])
    assert len(report.asked) == 12
    assert all(len(rows) == 1 for rows in report.asked.values())
    assert {row["status"] for rows in report.asked.values() for row in rows} == {"answered"}
