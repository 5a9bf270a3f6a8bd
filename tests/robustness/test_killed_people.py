"""The daemon is killed under people who answer. `python -m tests.support.killed_people` kills it 300 times."""

from pathlib import Path

from tests.support.killed_people import campaign


def test_no_answered_inquiry_is_asked_again(tmp_path: Path) -> None:
    """Each task has asked once, each acknowledged answer is the stored one, and the runs have gone on with it."""
    report = campaign(tmp_path, people=3, runs=8, kills=4)
    assert (report.kills, report.asked_again, report.lost, report.wrong) == (4, [], [], [])
    assert len(report.asked) == 24
    assert {row["status"] for rows in report.asked.values() for row in rows} == {"answered"}
