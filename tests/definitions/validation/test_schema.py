"""The JSON Schema: it knows the fields that the reader knows, takes what is right, refuses what is typically wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stretto.definitions.dialects.native_tasks import KEPT_FIELDS
from stretto.definitions.source.yaml_source import compose, to_data
from stretto.definitions.validation import examine, json_schema
from tests.support.evaluating import findings_of
from tests.support.paths import BAD, EXAMPLE_DEFINITIONS, ROOT

FILES = sorted(BAD.glob("*.yaml"))
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

START = 'version: "1"\n'
FIELDS: dict[str, list[str]] = {
    "": ["zzz: 1\ntasks: [{name: a, action: core.noop}]"],
    "parameter": ["parameters: {p: {zzz: 1}}\ntasks: [{name: a, action: core.noop}]"],
    "task": [
        "tasks: [{name: a, action: core.noop, zzz: 1}]",
        "tasks: [{name: a, type: parallel, tasks: [{name: b, action: core.noop}], zzz: 1}]",
    ],
    "deadline": ["deadline: {seconds: 1, zzz: 1}\ntasks: [{name: a, action: core.noop}]"],
    "event_wait": ["tasks: [{name: a, wait_for: {event: x, zzz: 1}}]"],
    "retry": ["tasks: [{name: a, action: core.noop, retry: {count: 1, zzz: 1}}]"],
    "transition": ["tasks: [{name: a, action: core.noop, next: [{zzz: 1}]}]"],
    "follower": ["tasks: [{name: a, action: core.noop, on_success: [{zzz: 1}]}]"],
    "branch": ["tasks: [{name: a, action: core.noop, decision: [{zzz: 1}]}]"],
}
"""For each object of the schema, definitions with an unknown field in it: the reader then tells which it knows."""


def data_of(text: str) -> Any:
    """Return the data of a YAML text."""
    node = compose(text, "test.yaml", lambda _finding: None)
    assert node is not None
    return to_data(node)


@pytest.mark.parametrize("name", FIELDS)
def test_the_schemas_fields_are_the_readers(name: str) -> None:
    """Neither knows a field that the other does not."""
    known = {
        field
        for text in FIELDS[name]
        for finding in findings_of(START + text)
        if finding.code == "unknown_field"
        for field in finding.expected.split(", ")
    }
    part = SCHEMA["$defs"][name] if name else SCHEMA
    assert part["properties"].keys() - KEPT_FIELDS == known - KEPT_FIELDS


def test_the_schema_is_one() -> None:
    """It is valid by the draft that it names."""
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_in_the_documents_is_the_one_that_is_generated() -> None:
    """docs/native.schema.json is what `stretto validate --schema` prints."""
    assert json.loads((ROOT / "docs/native.schema.json").read_text()) == SCHEMA


@pytest.mark.parametrize("path", EXAMPLE_DEFINITIONS, ids=lambda path: path.stem)
def test_the_examples_fit_the_schema(path: Path) -> None:
    """Valid definitions are accepted."""
    VALIDATOR.validate(data_of(path.read_text()))


FORMS = frozenset(
    {
        "bad_action",
        "bad_choice",
        "bad_field",
        "bad_name",
        "json_schema",
        "missing_field",
        "no_tasks",
        "two_actions",
        "unknown_field",
        "unsupported_field",
        "wrong_type",
    }
)
"""Mistakes that a schema can find."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_schema_agrees_with_the_reader_on_what_is_a_mistake_of_form(path: Path) -> None:
    """A field, a type or a choice that the reader refuses is refused; a mistake of meaning is not the schema's."""
    text = path.read_text()
    found = examine(text, path.name)
    if found.workflow is None or any(each.code.startswith("yaml") for each in found.errors):
        return
    of_form = any(each.code in FORMS for each in found.errors)
    assert VALIDATOR.is_valid(data_of(text)) is not of_form


LEGACY = """\
version: "1"
tags: [a]
parameters: {n: {type: array, items: {type: integer, min: 1}, min_length: 1}}
vars: [{a: 1}, {b: "{{ a }}"}]
on_cancel: d
timeout: 10.5
permission_set_refs: [x]
tasks:
  a:
    action: core.noop
    timeout: "{{ parameters.n }}"
    when: a == 1
    publish: [{x: 1}, whole]
    on_success: [b, {when: "{{ true }}", do: c}]
    on_failure: d
  b: {action: core.noop, with_items: [1], concurrency: "{{ 2 }}", batch_size: 2, max_failures: 5 %, results: {jsonl: x}}
  f: {action: core.noop, with_items: {lines: "in/{{ parameters.n }}"}, results: {jsonl: "{{ workflow.x }}"}}
  c: {type: parallel, join: all, tasks: [{name: e, action: core.noop}], decision: [{when: x, next: b}, {default: d}]}
  d: {action: core.noop, worker_selector: gpu, next: null, retry: {count: 1, on_error: false}}
output_map: {a: [1, {b: "{{ workflow.x }}"}]}
"""


def test_every_form_of_the_language_fits() -> None:
    """Tasks by name, legacy forms, shares, expressions for numbers, ignored fields, null for what is not given."""
    assert not examine(LEGACY, "test.yaml").errors
    VALIDATOR.validate(data_of(LEGACY))
