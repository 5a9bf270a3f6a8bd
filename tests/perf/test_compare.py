"""Stretto beside other engines: what is made of their figures."""

import peer_runs
import pytest
from compare import DURABLE_ECHO, ECHO, PEERS, Found, compared, fan_out_table
from peer import SCRIPTS, Peer
from targets import TARGETS

OURS, DURABLE = (next(peer for peer in PEERS if peer.name == name) for name in (ECHO, DURABLE_ECHO))
FAST, SLOW = Peer("Fast", "in memory", "fast"), Peer("Slow", "in memory", "slow")
RECORDED = Peer("Recorded", "durable", "recorded")
BATCH = Peer("Batch", "no engine", "batch")


@pytest.fixture
def found() -> Found:
    found = Found()
    for number in range(3):
        found.add(OURS, number, "1", {"0 MB, 100 items": 0.001, "0 MB, 1000 items": 0.002, "chain": 0.001})
        found.add(DURABLE, number, "1", {"0 MB, 100 items": 0.002, "0 MB, 1000 items": 0.002})
        found.add(FAST, number, "2", {"0 MB, 100 items": 0.5, "0 MB, 1000 items": 0.02})
        found.add(SLOW, number, "3", {"0 MB, 100 items": 0.05})
        found.add(RECORDED, number, "4", {"0 MB, 100 items": 0.3})
        found.add(BATCH, number, "5", {"0 MB, 1000 items": 0.001})
    return found


def test_each_is_compared_by_the_largest_fan_out_that_it_did(found: Found) -> None:
    """The fastest of a kind counts; what is no engine does not."""
    measured = compared([OURS, DURABLE, FAST, SLOW, RECORDED, BATCH], found)
    assert measured["peers"].value == pytest.approx(10)
    assert measured["peers"].remark == "Fast, 1000 items"
    assert measured["peers, SQLite"].value == pytest.approx(150)


def test_without_figures_there_is_no_ratio(found: Found) -> None:
    """Ours as a plain function were not part of this run."""
    assert compared([OURS, FAST], found)["peers, a function"].value is None


def test_a_peer_is_compared_in_the_rounds_that_both_did(found: Found) -> None:
    """Values of the same round belong together."""
    found.add(OURS, 3, "1", {"0 MB, 1000 items": 1.0})
    found.add(FAST, 4, "2", {"0 MB, 1000 items": 9.0})
    assert found.ratio("Fast", ECHO, "0 MB, 1000 items") == pytest.approx(10)


def test_a_failure_is_in_the_table(found: Found) -> None:
    """Beside the version, in one line, without what would end a cell."""
    found.failures["Fast"] = "a | b"
    found.failures["Absent"] = "not installed: no such package"
    rows = fan_out_table([FAST, Peer("Absent", "durable", "absent")], found, 0).rows
    assert [row[1] for row in rows] == ["2: a / b", "not installed: no such package"]


def test_every_peer_has_a_script() -> None:
    """And every target of theirs is one."""
    for peer in (*PEERS, *(peer for peers in peer_runs.PEERS.values() for peer in peers)):
        assert (SCRIPTS / f"{peer.script}.py").exists()
    measured = {**compared([], Found()), **peer_runs.targets(peer_runs.Found())}
    assert set(measured) == {key for key in TARGETS if key.startswith("peers")}
