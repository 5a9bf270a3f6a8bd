"""Permits by weight, counted in turns: who has twice the weight gets twice as many, and nobody starves."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.runs.permits import Grant, PermitLedger, Reclaim
from stretto.actors.runs.weighted_shares import Turns


def turns_of(weights: dict[str, int], rounds: int, total: int = 1) -> Counter[str]:
    """Return how often each run gets a permit, if each returns one in turn and always wants more."""
    ledger = PermitLedger(total)
    ledger.use_weights(weights)
    runs = list(weights)
    for run_id in runs:
        ledger.request(run_id, 100)
    held: list[str] = []
    served: Counter[str] = Counter()
    for _ in range(rounds):
        for change in ledger.share_out():
            if isinstance(change, Grant):
                held += [change.run_id] * change.count
                served[change.run_id] += change.count
        ended = held.pop(0)  # the item that has run for the longest time
        ledger.release(ended, 1)
        ledger.request(ended, 100)
    return served


@pytest.mark.parametrize("total", [1, 3])
def test_turns_are_shared_by_weight(total: int) -> None:
    served = turns_of({"low": 1, "normal": 2, "high": 4, "urgent": 8}, 1_500, total)
    assert sum(served.values()) >= 1_500
    for run_id, weight in (("low", 1), ("normal", 2), ("high", 4), ("urgent", 8)):
        assert abs(served[run_id] - 100 * weight) <= 8, served


@given(st.lists(st.sampled_from([1, 2, 4, 8]), min_size=1, max_size=8))
def test_nobody_starves(weights: list[int]) -> None:
    """Each run gets a turn at the latest when the others have had as many as their weights say."""
    named = {f"run {number}": weight for number, weight in enumerate(weights)}
    rounds = sum(weights) // min(weights) + len(weights)
    assert set(turns_of(named, rounds)) == set(named)


def test_many_permits_are_shared_by_weight() -> None:
    """A run that has more than its share returns some as its items end."""
    ledger = PermitLedger(90)
    ledger.use_weights({"urgent": 8, "low": 1})
    assert ledger.take("low", 100) == 90
    ledger.request("urgent", 200)
    assert ledger.share_out() == [Reclaim("low", 80)]
    ledger.release("low", 80)
    assert ledger.share_out() == [Grant("urgent", 80)]


def test_permits_that_nobody_of_more_weight_wants_go_to_others() -> None:
    ledger = PermitLedger(9)
    ledger.use_weights({"urgent": 8, "low": 1})
    ledger.request("urgent", 2)
    ledger.request("low", 20)
    assert set(ledger.share_out()) == {Grant("urgent", 2), Grant("low", 7)}


def test_a_run_that_has_waited_for_nothing_does_not_make_up_for_it() -> None:
    """Else one that comes late would have all turns for as long as the others have had them."""
    turns = Turns({"a": 1})
    for _ in range(100):
        turns.served("a", 1)
    assert turns.start("b") == 99.0
    turns.served("b", 1)
    assert turns.start("b") == 99.5
    turns.forget("a")
    assert turns.start("a") == 99.0


def test_without_weights_the_order_of_waiting_counts() -> None:
    served = turns_of({}, 0)
    assert served == Counter()
    ledger = PermitLedger(1)
    for run_id in "ab":
        ledger.request(run_id, 5)
    assert ledger.share_out() == [Grant("a", 1), Reclaim("a", 1)]
