"""The daemon is killed under clients that submit with keys. `tests.support.killed_submitters` has 200 of them."""

from pathlib import Path

from tests.support.killed_submitters import campaign


def test_no_run_of_many_clients_is_lost_or_doubled(tmp_path: Path) -> None:
    """Each key has one run, which is the acknowledged one, and each client gets its outcome."""
    report = campaign(tmp_path, clients=20, runs=3, kills=2)
    assert (report.kills, report.lost, report.doubled) == (2, [], [])
    assert len(report.acknowledged) == len(report.stored) == len(report.ended) == 60
    assert report.statuses == {"succeeded": 60}
