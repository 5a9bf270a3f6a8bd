"""A run's account of its permits."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.runs.permits import PermitUpdate, RunPermits


def test_what_is_missing_is_asked_for_once() -> None:
    """Asking again for the same would be a message for nothing."""
    permits = RunPermits()
    assert permits.reconcile(in_flight=0, waiting=3) == PermitUpdate(0, 3)
    assert permits.reconcile(in_flight=0, waiting=3) == PermitUpdate(0, None)
    permits.granted(2)
    assert permits.usable == 2
    assert permits.reconcile(in_flight=2, waiting=1) == PermitUpdate(0, None)


def test_what_is_not_needed_comes_back() -> None:
    """Permits of items that have ended go to other runs."""
    permits = RunPermits()
    permits.granted(5)
    assert permits.reconcile(in_flight=2, waiting=0) == PermitUpdate(3, None)
    assert permits.usable == 2


def test_what_is_asked_back_is_not_used_and_comes_back_as_items_end() -> None:
    """Items in flight keep theirs."""
    permits = RunPermits()
    permits.granted(4)
    permits.reclaimed(3)
    assert permits.usable == 1
    assert permits.reconcile(in_flight=4, waiting=5) == PermitUpdate(0, 5)
    assert permits.reconcile(in_flight=2, waiting=7) == PermitUpdate(2, 7)
    assert permits.reconcile(in_flight=1, waiting=8) == PermitUpdate(1, 8)
    assert permits.usable == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_no_permit_is_ever_lost_or_made(turns: list[tuple[int, int, int]]) -> None:
    """Granted permits are held or have come back, and the held ones cover the items in flight."""
    permits, granted, returned, in_flight = RunPermits(), 0, 0, 0
    for wanted, ended, reclaimed in turns:
        in_flight = max(in_flight - ended, 0)
        settled = permits.reconcile(in_flight, wanted)
        returned += settled.returned
        grant = permits.requested
        granted += grant
        permits.granted(grant)
        permits.reclaimed(min(reclaimed, granted - returned))
        in_flight += max(min(wanted, permits.usable - in_flight), 0)
        assert settled.returned >= 0
        assert granted - returned >= in_flight
    settled = permits.reconcile(0, 0)
    assert granted == returned + settled.returned
