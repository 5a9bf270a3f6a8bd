"""Conversion of values to a parameter's type, as StackStorm does it."""

from typing import Any

import pytest

from stretto.definitions import freeze, thaw
from stretto.definitions.errors import Place
from stretto.definitions.model import Parameter, ParameterType, cast


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("integer", " 5 ", 5), ("integer", 5.0, 5), ("integer", 5.5, 5.5), ("integer", "5.5", "5.5"),
        ("integer", "9" * 19, "9" * 19), ("integer", 1e300, 1e300),
        ("number", "2.5", 2.5), ("number", "true", "true"), ("boolean", "Yes", True),
        ("boolean", "f", False), ("boolean", "maybe", "maybe"), ("array", "[1, {}]", [1, {}]), ("array", "{}", "{}"),
        ("object", '{"a": 1}', {"a": 1}), ("object", "[", "["), ("string", 5, "5"), ("string", [1], "[1]"),
        ("string", None, None), ("any", "5", "5"), ("any", None, None),
    ],
)  # fmt: skip
def test_a_value_is_cast_where_it_has_the_type_in_another_form(kind: ParameterType, value: Any, expected: Any) -> None:
    """Any other value stays, and is refused by its type."""
    found = thaw(cast(Parameter("p", kind, Place("x", 1, 1)), freeze(value)))
    assert (found, type(found)) == (expected, type(expected))
