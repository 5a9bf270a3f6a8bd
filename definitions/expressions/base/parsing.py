"""Bounded parsing of JSON texts, for each dialect's functions."""

import json
from typing import Any

from stretto.definitions.data import Data
from stretto.definitions.expressions.base.bounds import (
    FIELD_BYTES,
    LIST_BYTES,
    MEMBER_BYTES,
    OBJECT_BYTES,
    TEXT_BYTES,
    Fuel,
)

PARSED = 8
"""The characters of JSON that are parsed for a unit."""


def parse_json(fuel: Fuel, text: str) -> Any:
    """Parse JSON, and pay for the text's lists, objects and members before they are created.

    Args:
        fuel: The budget of the evaluation.
        text: The JSON text.

    Raises:
        ValueError: The text is not JSON. `NaN` and `Infinity` are not, either.
        LimitExceeded: The evaluation is out of fuel.
    """
    lists, objects, members = text.count("["), text.count("{"), text.count(",")
    fuel.burn(len(text) // PARSED + 2 * members + 8 * (lists + objects))
    fuel.make_text(len(text), text)
    fuel.make((LIST_BYTES + 2 * MEMBER_BYTES) * lists + (OBJECT_BYTES + 2 * FIELD_BYTES) * objects)
    fuel.make(TEXT_BYTES * members)
    return json.loads(text, parse_constant=_refused_constant)


def _refused_constant(name: str) -> Data:
    raise ValueError(f"{name} is not a JSON number")
