"""The bounds of a rehearsal."""

from math import inf

import pytest

from stretto.actors.rehearsal.bounds import UNBOUNDED, Bounds, Budget
from stretto.definitions.errors import LimitExceeded


def test_a_budget_within_its_bounds_is_silent() -> None:
    """Up to the bounds themselves."""
    budget = Budget(Bounds(launches=2, kept_bytes=10, context_bytes=5), lambda: 5)
    for _ in range(2):
        budget.add_launch(5)
        budget.check()


@pytest.mark.parametrize(
    ("bounds", "name"),
    [
        (Bounds(launches=0), "MAX_LAUNCHES"),
        (Bounds(kept_bytes=6), "MAX_KEPT_BYTES"),
        (Bounds(context_bytes=4), "MAX_CONTEXT_BYTES"),
        (Bounds(seconds=-1), "MAX_SECONDS"),
    ],
)
def test_what_exceeds_a_bound_names_it(bounds: Bounds, name: str) -> None:
    """With the number."""
    budget = Budget(bounds, lambda: 5)
    budget.add_launch(7)
    with pytest.raises(LimitExceeded, match=name):
        budget.check()


def test_on_ones_own_machine_only_an_endless_one_ends() -> None:
    """Time and memory are not bounded."""
    assert UNBOUNDED._replace(steps=0) == (0, inf, inf, inf, inf)
