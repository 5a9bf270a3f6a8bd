"""The limits that runs record."""

from stretto.definitions.expressions import DEFAULT_LIMITS, UNRECORDED_LIMITS, ExpressionLimits
from stretto.definitions.expressions.base.limits import MOST, UNLIMITED


def test_the_defaults_are_those_of_stored_runs() -> None:
    """Runs from before limits were recorded are replayed with these numbers: they never change."""
    assert (DEFAULT_LIMITS.max_cost, DEFAULT_LIMITS.max_bytes) == (5_000_000, 67_108_864)
    assert (UNRECORDED_LIMITS.max_cost, UNRECORDED_LIMITS.max_bytes) == (5_000_000, 67_108_864)


def test_an_event_has_a_multiple_of_the_limits() -> None:
    """Runs from before limits were recorded had no budget for an event."""
    assert ExpressionLimits().event_total(5_000_000) == 10_000_000
    assert UNRECORDED_LIMITS.event_total(5_000_000) == UNLIMITED


def test_the_highest_limit_fits_in_a_column() -> None:
    """Also its multiple."""
    assert ExpressionLimits(MOST, MOST).event_total(MOST) < 2**63
