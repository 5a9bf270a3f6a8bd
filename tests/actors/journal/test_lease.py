"""A lease is counted from when its last answered renewal was sent."""

import pytest

from stretto.actors.journal.lease import Lease


class Time:
    """A clock that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_lease_is_over_until_it_is_renewed() -> None:
    """Nothing starts before the store has answered once."""
    time = Time()
    lease = Lease(15.0, time)
    found = [lease.is_over]
    lease.renewed(sent=95.0)
    for now in (100.0, 109.9, 110.0):
        time.now = now
        found.append(lease.is_over)
    assert found == [True, False, False, True]


def test_an_answer_that_comes_late_shortens_no_lease() -> None:
    """Answers may overtake each other."""
    time = Time()
    lease = Lease(15.0, time)
    lease.renewed(sent=99.0)
    lease.renewed(sent=90.0)
    time.now = 113.0
    assert not lease.is_over


def test_a_lease_can_be_ended() -> None:
    """An engine that was fenced starts nothing."""
    lease = Lease(15.0, Time())
    lease.renewed(sent=100.0)
    lease.end()
    assert lease.is_over


@pytest.mark.parametrize("seconds", [0.5, 3601.0, float("nan")])
def test_a_lease_is_bounded(seconds: float) -> None:
    """A lease of less than a second would be lost by a busy machine, one of hours would be of no use."""
    with pytest.raises(ValueError, match="a lease must be from 1 to 3,600 seconds, got "):
        Lease(seconds)
