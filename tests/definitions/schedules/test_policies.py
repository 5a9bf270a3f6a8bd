"""Missed due times, and overlapping runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.schedules import Decision, Missed, OverlapPolicy, decide


@given(st.lists(st.integers(), unique=True).map(sorted), st.integers(1, 10))
def test_missed_times_are_skipped_or_the_last_ones_are_made_up_for(times: list[int], most: int) -> None:
    assert Missed("skip").to_start(times) == []
    assert Missed("one").to_start(times) == times[-1:]
    assert Missed("all", most).to_start(times) == times[-most:]


@pytest.mark.parametrize(
    ("policy", "decision"),
    [("allow", "start"), ("skip", "skip"), ("queue_one", "queue"), ("cancel_older", "replace")],
)
def test_a_run_in_progress_matters_by_the_policy(policy: OverlapPolicy, decision: Decision) -> None:
    assert decide(policy, 0) == "start"
    assert decide(policy, 1) == decide(policy, 3) == decision
