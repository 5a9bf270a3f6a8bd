"""The schemas of answers: the supported keywords mean what JSON Schema says."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.data import freeze
from stretto.definitions.model import (
    InvalidAnswerSchema,
    as_object_schema,
    problems_of,
    read_answer_schema,
    secret_values,
)
from stretto.definitions.model.answer_schema import MAX_SCHEMAS

SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.5]), st.sampled_from(["", "a", "abc"]))
VALUES = st.recursive(
    SCALARS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from("abc"), values, max_size=3),
    max_leaves=6,
)
LEAVES = st.one_of(
    st.just({"type": "boolean"}),
    st.builds(lambda low: {"type": "integer", "minimum": low}, st.integers(-2, 2)),
    st.builds(lambda high: {"type": "number", "maximum": high}, st.integers(-2, 2)),
    st.builds(lambda length: {"type": "string", "minLength": length}, st.integers(0, 2)),
    st.just({"type": "string", "pattern": "^a"}),
    st.builds(lambda options: {"enum": options}, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, SCALARS),
    st.just({}),
)


def objects(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda properties, required, closed: {
            "type": "object", "properties": properties, "required": [each for each in required if each in properties],
            "additionalProperties": not closed,
        },
        st.dictionaries(st.sampled_from("abc"), schemas, max_size=3), st.sets(st.sampled_from("abc")), st.booleans(),
    )  # fmt: skip


SCHEMAS = st.recursive(
    LEAVES,
    lambda schemas: (
        objects(schemas)
        | st.builds(lambda items, most: {"type": "array", "items": items, "maxItems": most}, schemas, st.integers(0, 3))
    ),
    max_leaves=5,
)


def is_integral(value: Any) -> bool:
    """Return whether a value has a whole number with a point, which JSON Schema counts among the integers."""
    if isinstance(value, list):
        return any(map(is_integral, value))
    if isinstance(value, dict):
        return any(map(is_integral, value.values()))
    return isinstance(value, float) and value.is_integer()


@given(SCHEMAS, VALUES)
def test_an_answer_fits_if_it_fits_the_json_schema(schema: Any, value: Any) -> None:
    """A library for JSON Schema finds the same. Null is left out: a member that is not required may be null."""
    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    found = list(problems_of(read_answer_schema(schema), freeze(value), "answer"))
    assert (not found) == expected, found


@pytest.mark.parametrize("member", [{}, {"type": ["string", "null"]}])
def test_a_required_member_that_may_be_null_must_be_there(member: Any) -> None:
    """As null, if it has no other value."""
    schema = read_answer_schema({"type": "object", "properties": {"c": member}, "required": ["c"]})
    assert list(problems_of(schema, freeze({}), "answer")) == ["'answer' needs the field 'c'"]
    assert list(problems_of(schema, freeze({"c": None}), "answer")) == []


def test_a_member_may_say_itself_that_it_is_required() -> None:
    """As in StackStorm's schemas."""
    schema = read_answer_schema({"type": "object", "properties": {"go": {"type": "boolean", "required": True}}})
    assert list(problems_of(schema, freeze({}), "answer")) == ["'answer' needs the field 'go'"]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"anyOf": [{}]}, "the schema has the keyword 'anyOf', which is not supported"),
        ({"type": "object", "propertes": {}}, "did you mean 'properties'?"),
        ({"type": "strin"}, "boolean, array, object, got 'strin'; did you mean 'string'?"),
        ({"type": ["string", "integer"]}, "`type` of the schema must be one of string"),
        ({"type": "string", "minimum": 1}, "'minimum' of the schema does not apply to values of type string"),
        ({"type": "string", "maxLength": "9"}, "'maxLength' of the schema must be a number, got '9'"),
        ({"type": "string", "pattern": "("}, "is not a valid regular expression of RE2"),
        ({"type": "object", "properties": []}, "`properties` of the schema must be an object"),
        ({"type": "object", "required": ["a"]}, "`required` of the schema names 'a', which is not under `properties`"),
        ({"type": "object", "required": [["a"]], "properties": {"a": {}}}, "`required` of the schema names"),
        ({"type": "object", "properties": {"a": 1}}, "'a' of the schema must be an object, got 1"),
        ({"enum": 1}, "`enum` of the schema must be a list"),
        (
            {"type": "object", "properties": {str(n): {} for n in range(MAX_SCHEMAS)}},
            r"at most 1,000 schemas \(MAX_SCHEMAS\)",
        ),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_by_name(schema: Any, message: str) -> None:
    """The message says which keyword, and where."""
    with pytest.raises(InvalidAnswerSchema, match=message):
        read_answer_schema(schema)


def test_secret_members_are_found_at_any_depth() -> None:
    """Both spellings count."""
    schema = read_answer_schema(
        {
            "type": "object",
            "properties": {
                "code": {"type": "string", "secret": True},
                "keys": {"type": "array", "items": {"type": "string", "writeOnly": True}},
                "name": {"type": "string"},
            },
        }
    )
    answer = {"code": "1234", "keys": ["a", "b"], "name": "mira", "more": 1}
    assert list(secret_values(schema, freeze(answer))) == ["1234", "a", "b"]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"items": {"type": "string"}, "additionalProperties": {"type": "string"}},
        {"propertys": {"a": {"type": "string"}}},
        {"propertys": {"type": {"type": "string"}}},
        {"a": {"type": "string"}, "b": 1},
    ],
)
def test_a_schema_that_is_not_flat_is_left_as_it_is(schema: dict[str, Any]) -> None:
    """A JSON Schema whose keywords have schemas, and a schema with an unknown keyword, which is refused."""
    assert as_object_schema(schema) is schema


def test_the_members_of_a_flat_schema_are_those_of_an_object() -> None:
    """Also those with the name of a keyword."""
    read = read_answer_schema(
        as_object_schema({"ok": {"type": "boolean", "required": True}, "items": {"type": "array"}})
    )
    assert (read.type, read.closed) == ("object", False)
    assert {name: (each.type, each.required) for name, each in read.properties.items()} == {
        "ok": ("boolean", True), "items": ("array", False),
    }  # fmt: skip
