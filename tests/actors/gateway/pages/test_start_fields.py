"""The fields of the form that starts a run."""

from typing import Any

import pytest

from stretto.actors.gateway.pages.start_fields import (
    MAX_PREFILLED,
    Choice,
    by_parameter,
    fields_as_sent,
    fields_of_schema,
    inputs_from,
)
from stretto.definitions.context import MASK

SCHEMA: dict[str, Any] = {
    "properties": {
        "names": {"type": "array", "items": {"type": ["string", "null"]}},
        "greeting": {"type": ["string", "null"], "default": "Hello"},
        "times": {"type": ["integer", "null"], "default": 2},
        "loud": {"type": ["boolean", "null"]},
        "sure": {"type": "boolean"},
        "tone": {"type": ["string", "null"], "enum": ["warm", "cold", None]},
        "size": {"type": "integer", "enum": [1, 2, 3, 4, 5, 6, 7, 8]},
        "token": {"type": ["string", "null"], "writeOnly": True},
        "text": {"type": ["string", "null"], "maxLength": 1000},
        "a.b": {},
    },
    "required": ["names", "size", "sure"],
}


def test_each_parameter_has_a_field_by_its_type() -> None:
    """With its default, and a secret without anything."""
    fields = {field.name: field for field in fields_of_schema(SCHEMA, {})}
    assert {name: field.kind for name, field in fields.items()} == {
        "names": "json", "greeting": "line", "times": "number", "loud": "checkbox", "sure": "checkbox",
        "tone": "radio", "size": "select", "token": "secret", "text": "lines", "a.b": "lines",
    }  # fmt: skip
    assert (fields["greeting"].text, fields["times"].text, fields["greeting"].default) == ("Hello", "2", "Hello")
    assert fields["names"].is_list
    assert fields["names"].required
    assert fields["tone"].choices == [Choice('"warm"', "warm", False), Choice('"cold"', "cold", False)]


def test_a_form_begins_with_the_inputs_of_an_earlier_run() -> None:
    """But secrets. A large value stays where it is, and masked ones are told."""
    large = ["x" * MAX_PREFILLED]
    given = {"names": large, "tone": "cold", "size": 8, "token": MASK, "times": None, "greeting": f"a {MASK}"}
    fields = {field.name: field for field in fields_of_schema(SCHEMA, given)}
    assert (fields["names"].text, fields["names"].kept) == ("", MAX_PREFILLED + 8)
    assert [choice.text for choice in fields["tone"].choices if choice.is_chosen] == ["cold"]
    assert [choice.text for choice in fields["size"].choices if choice.is_chosen] == ["8"]
    assert (fields["token"].text, fields["times"].text) == ("", "")
    assert "write it again" in fields["token"].notice
    assert MASK in fields["greeting"].notice


def test_what_was_typed_gives_inputs() -> None:
    """An empty field gives nothing, or null where a default would be taken."""
    sent = {
        "in.names": "a\r\nb", "as.names": "lines", "in.greeting": "", "in.times": "", "in.sure": "true",
        "in.tone": '"warm"', "in.size": "8", "in.token": "hush", "in.text": "one\r\ntwo", "in.a.b": "7",
    }  # fmt: skip
    inputs = inputs_from(SCHEMA, sent, {})
    assert inputs.errors == {}
    assert inputs.values == {
        "names": ["a", "b"], "greeting": "", "times": None, "sure": True, "tone": "warm", "size": 8, "token": "hush",
        "text": "one\ntwo", "a.b": "7",
    }  # fmt: skip
    assert inputs_from(SCHEMA, {}, {}).values == {"greeting": "", "times": None, "sure": False}


def test_what_cannot_be_read_is_an_error_of_its_field() -> None:
    """All of them at once, and what was typed is kept but for secrets."""
    sent = {"in.names": '["a"\n"b"]', "in.times": "two", "in.tone": '"hot"', "in.token": "hush", "as.names": "json"}
    inputs = inputs_from(SCHEMA, sent, {})
    assert inputs.errors == {
        "names": "line 2: expected ',' or ']'",
        "times": "'times' must be a number, got other text",
        "tone": '\'tone\' must be one of "warm", "cold"',
        "size": "the parameter 'size' is required",
    }
    fields = {field.name: field for field in fields_as_sent(SCHEMA, sent, inputs.errors)}
    assert (fields["names"].text, fields["times"].text, fields["token"].text) == ('["a"\n"b"]', "two", "")
    assert "write it again" in fields["token"].notice


@pytest.mark.parametrize("kept", [{}, {"names": ["a"]}])
def test_a_large_value_is_taken_over(kept: dict[str, Any]) -> None:
    """From the earlier run, or from the definition, whose default is taken if nothing is given."""
    sent = {"keep.names": "70000", "in.names": "", "in.sure": "true", "in.size": "1"}
    inputs = inputs_from(SCHEMA, sent, kept)
    assert (inputs.errors, inputs.values.get("names")) == ({}, kept.get("names"))
    assert next(field.kept for field in fields_as_sent(SCHEMA, sent, {})) == 70_000


def test_problems_are_found_at_their_fields() -> None:
    """Also those of a value in a parameter, and of a parameter whose name has a dot."""
    of_fields, others = by_parameter(
        SCHEMA,
        [
            "'names[0]' must be of type string, got integer", "the parameter 'size' is required",
            "'a.b.c' must be of type string, got integer", "'names' must have a length of at most 3",
            "there is no parameter 'nmaes'; did you mean 'names'?",
        ],
    )  # fmt: skip
    assert of_fields == {
        "names": "'names[0]' must be of type string, got integer; 'names' must have a length of at most 3",
        "size": "the parameter 'size' is required",
        "a.b": "'a.b.c' must be of type string, got integer",
    }
    assert others == ["there is no parameter 'nmaes'; did you mean 'names'?"]
