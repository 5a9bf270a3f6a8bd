"""JSON texts are parsed within the budget."""

import pytest

from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.limits import ExpressionLimits
from stretto.definitions.expressions.base.parsing import parse_json


def test_json_is_parsed() -> None:
    """Of any kind."""
    assert parse_json(Fuel(), '{"a": [1, null]}') == {"a": [1, None]}


def test_numbers_that_are_not_finite_are_refused() -> None:
    """They are no JSON."""
    with pytest.raises(ValueError, match="Infinity is not a JSON number"):
        parse_json(Fuel(), "-Infinity")


def test_members_are_paid_before_they_are_made() -> None:
    """An empty object takes much more memory than its text."""
    with pytest.raises(LimitExceeded):
        parse_json(Fuel(ExpressionLimits(max_bytes=100_000)), "[" + "{}," * 1000 + "{}]")
