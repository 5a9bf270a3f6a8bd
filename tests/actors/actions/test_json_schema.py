"""Inputs and outputs of actions as JSON Schema."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import jsonschema
import pytest

from stretto.actors.actions import Action, input_schema, output_schema
from stretto.actors.actions.registry import describe


def resize(path: str, size: Literal["s", "m"] | None = None, factor: float = 1.0) -> dict[str, int]:
    """Resize a picture.

    Args:
        path: Where it is.
        size: How large it becomes.
        factor: By how much.
    """
    return {path: int(factor), str(size): 1}


def take(**_anything: Any) -> None:
    """Take anything."""


def give(items: Mapping[str, Any]) -> Any:
    """Return anything."""
    return items


def action_of(function: Any) -> Action:
    return describe("test.it", function, "thread")


def test_an_input_has_types_defaults_and_texts() -> None:
    """As the signature and the docstring say."""
    schema = input_schema(action_of(resize))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where it is."},
            "size": {
                "type": ["string", "null"], "description": "How large it becomes.", "default": None,
                "enum": ["s", "m", None],
            },
            "factor": {"type": "number", "description": "By how much.", "default": 1.0},
        },
        "required": ["path"],
        "additionalProperties": False,
    }  # fmt: skip


def test_a_function_with_any_keywords_takes_anything() -> None:
    """The schema is open."""
    assert input_schema(action_of(take)) == {"type": "object", "properties": {}}


def test_a_secret_input_has_no_default() -> None:
    """It is write-only."""
    secret = replace(action_of(resize), secret=frozenset({("size",), ("factor", "part")}))
    properties = input_schema(secret)["properties"]
    assert properties["size"] == {
        "type": ["string", "null"], "description": "How large it becomes.", "writeOnly": True,
    }  # fmt: skip
    assert properties["factor"]["default"] == 1.0


@pytest.mark.parametrize(("function", "expected"), [(resize, {"type": "object"}), (take, {"type": "null"}), (give, {})])
def test_an_output_is_of_the_annotated_type(function: Any, expected: dict[str, Any]) -> None:
    """One without a JSON type may be anything."""
    assert output_schema(action_of(function)) == expected
