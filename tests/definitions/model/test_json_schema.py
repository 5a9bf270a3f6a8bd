"""Parameters as JSON Schema."""

from typing import Any

import jsonschema
import pytest

from stretto.definitions.data import freeze
from stretto.definitions.dialects import read_workflow
from stretto.definitions.model import Workflow, inputs_schema, problems_of

TEXT = """version: "1.0.0"
parameters:
  name: {type: string, required: true, minimum: 2, maximum: 5, pattern: "^a", description: who it is}
  colour: {type: string, enum: [red, green], default: red}
  count: {type: integer, minimum: 1, maximum: 9}
  share: {type: number, minimum: 0.5}
  anything: {}
  password: {type: string, secret: true, default: hunter2, enum: [hunter2, swordfish]}
  servers:
    type: array
    minimum: 1
    items: {type: object, properties: {host: {type: string, required: true}, port: {type: integer}}}
tasks: [{name: only, action: core.noop}]
"""


@pytest.fixture(scope="module")
def workflow() -> Workflow:
    return read_workflow(TEXT, "schema.yaml")


@pytest.fixture(scope="module")
def schema(workflow: Workflow) -> dict[str, Any]:
    found = inputs_schema(workflow)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "ab"), ("name", "abcdef"), ("name", "ba"), ("name", 3), ("name", None), ("colour", "red"),
        ("colour", "blue"), ("colour", None), ("count", 9), ("count", 10), ("count", True), ("share", 0.4),
        ("share", 1), ("anything", [1]), ("anything", None), ("servers", []), ("servers", [{"host": "a"}]),
        ("servers", [{"port": 1}]), ("servers", [{"host": "a", "port": "b"}]), ("servers", "a"),
    ],
)  # fmt: skip
def test_a_value_fits_the_schema_if_it_fits_the_parameter(
    workflow: Workflow, schema: dict[str, Any], name: str, value: Any
) -> None:
    """Both say the same of each."""
    problems = list(problems_of(workflow.parameters[name], freeze(value)))
    found = list(jsonschema.Draft202012Validator(schema["properties"][name]).iter_errors(value))
    assert bool(problems) == bool(found), (problems, found)


def test_the_whole_is_an_object_with_what_is_required(schema: dict[str, Any]) -> None:
    """Other inputs are refused."""
    assert (schema["type"], schema["required"], schema["additionalProperties"]) == ("object", ["name"], False)
    assert schema["properties"]["name"]["description"] == "who it is"
    assert schema["properties"]["colour"]["default"] == "red"


def test_a_secret_is_not_shown(schema: dict[str, Any]) -> None:
    """Neither its default nor the values that it may have."""
    assert schema["properties"]["password"] == {"type": ["string", "null"], "writeOnly": True}
