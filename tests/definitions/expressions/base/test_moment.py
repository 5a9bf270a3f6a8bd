"""Time and randomness in expressions: fixed by the event at hand."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import ExpressionError
from stretto.definitions.expressions import ExpressionLimits, Moment
from tests.support.evaluating import SOME, compiled, evaluate, snapshot_of


def test_now_is_the_moments_time_in_utc() -> None:
    """now() is RFC 3339 with microseconds and Z, and the same throughout an evaluation."""
    assert Moment(0.0, "s").now() == "1970-01-01T00:00:00.000000Z"
    assert evaluate("{{ [now(), now()] }}", at=1.5) == ["1970-01-01T00:00:01.500000Z"] * 2


@given(st.text(max_size=10), st.integers(1, 20))
@SOME
def test_uuids_differ_within_a_moment_and_agree_between_replays(seed: str, calls: int) -> None:
    """Each call gives another version 4 UUID; the same seed gives the same row of them."""
    first, again, other = Moment(0.0, seed), Moment(9.0, seed), Moment(0.0, seed + "x")
    row = [first.uuid() for _ in range(calls)]
    assert row == [again.uuid() for _ in range(calls)]
    assert len({*row, *(other.uuid() for _ in range(calls))}) == 2 * calls
    assert all(uuid.UUID(each).version == 4 for each in row)


@given(st.text(max_size=10), st.integers(1, 20))
@SOME
def test_random_numbers_differ_within_a_moment_and_agree_between_replays(seed: str, calls: int) -> None:
    """Each is at least 0 and less than 1."""
    first, again = Moment(0.0, seed), Moment(9.0, seed)
    row = [first.random() for _ in range(calls)]
    assert row == [again.random() for _ in range(calls)]
    assert len(set(row)) == calls
    assert all(0 <= each < 1 for each in row)


def test_the_calls_are_counted_over_all_expressions_of_a_moment() -> None:
    """Two expressions evaluated at one moment get different ids."""
    moment, template = Moment(0.0, "s"), compiled("{{ uuid() }}")
    assert template.evaluate(snapshot_of(), moment) != template.evaluate(snapshot_of(), moment)


@pytest.mark.parametrize("at", [1e300, -1e300, 1e12])
def test_a_time_beyond_the_calendar_is_an_expressions_error(at: float) -> None:
    """A time that no calendar has fails the expression, not the engine."""
    with pytest.raises(ExpressionError):
        evaluate("{{ now() }}", at=at)


def test_what_is_paid_without_a_fuel_counts_for_the_event() -> None:
    """Before the first fuel, and after it."""
    moment = Moment(0.0, "s", limits=ExpressionLimits(max_cost=100, max_bytes=50))
    assert moment.pays(60, 10)
    assert moment.spent() == 60
    moment.fuel().burn(100)
    assert moment.pays(40, 0)
    assert moment.spent() == 200
    assert not moment.pays(1, 0)
    assert moment.spent() == 200


@pytest.mark.parametrize(("units", "size"), [(101, 0), (1, 51)])
def test_an_evaluation_does_not_pay_more_than_its_limit(units: int, size: int) -> None:
    """Even if the event has it."""
    moment = Moment(0.0, "s", limits=ExpressionLimits(max_cost=100, max_bytes=50))
    assert not moment.pays(units, size)
    assert moment.spent() == 0
    assert moment.pays(100, 50)
    assert moment.pays(100, 50)
    assert not moment.pays(1, 0)
    assert not moment.pays(0, 1)
