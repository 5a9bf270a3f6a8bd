"""Requests and answers as JSON Schema: what the schema allows is what the table reads and writes."""

import jsonschema
import msgspec
import pytest

from stretto.actors.operations import ROUTES, Request, Route, controls, requests
from stretto.actors.operations.forms import has_body, route_of, written_as
from stretto.actors.operations.schemas import REFERENCE, Schemas
from tests.actors.operations.test_forms import ANSWERS, REQUESTS

SCHEMAS = Schemas()


def parameters(route: Route) -> dict[str, object]:
    return {each.name: each.schema for each in SCHEMAS.parameters(route)}


def whole(schema: dict[str, object]) -> dict[str, object]:
    """Return a schema with those that it refers to."""
    return schema | {"components": {"schemas": SCHEMAS.referenced(schema)}}


def test_the_bounds_of_a_query_are_told() -> None:
    """With the defaults. What may be null in the struct is left out of a query instead."""
    told = parameters(route_of(requests.Runs))
    assert told["limit"] == {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}
    assert told["children"] == {"enum": ["folded", "listed"], "default": "listed"}
    assert told["status"] == {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    assert told["workflow"] == {"type": "string"}
    assert told["since"] == {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}
    assert told["label"] == {"type": "array", "items": {"type": "string", "pattern": "^[^=]*="}}


def test_fields_of_a_path_come_first_and_are_required() -> None:
    """An index has as many digits as the gateway reads."""
    run, task, index, _visit = SCHEMAS.parameters(route_of(requests.Item))
    assert [(each.name, each.place, each.is_required) for each in (run, task, index)] == [
        ("run", "path", True), ("task", "path", True), ("index", "path", True),
    ]  # fmt: skip
    assert index.schema == {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}


def test_a_parameter_of_a_query_is_required_if_the_field_has_no_default() -> None:
    """Others may be left out."""
    (text,) = SCHEMAS.parameters(route_of(requests.FindRun))
    assert (text.place, text.is_required) == ("query", True)
    assert not any(each.is_required for each in SCHEMAS.parameters(route_of(requests.Runs)))


@pytest.mark.parametrize(("request_", "line", "body"), REQUESTS, ids=lambda each: type(each).__name__)
def test_a_written_request_fits_its_schema(request_: Request, line: str, body: bytes) -> None:
    """Its body is valid, and with one more member it is not."""
    route = next(each for each in ROUTES if each.request is type(request_))
    schema = SCHEMAS.body(route)
    if schema is None:
        assert not has_body(route)
        return
    members = msgspec.json.decode(written_as(request_).body)
    jsonschema.validate(members, whole(schema))
    if route.whole is not None:
        return  # any JSON is valid
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(members | {"nobody": 1}, whole(schema))


@pytest.mark.parametrize(
    ("request_", "members"),
    [
        (requests.Submit, {}),
        (requests.Submit, {"workflow": "a", "type": "submit"}),
        (requests.Rerun, {"run": "r1"}),
        (requests.Rerun, {"scope": "all"}),
        (requests.Prune, {"keep": -1}),
        (controls.Extend, {"seconds": 0}),
        (controls.SetConcurrency, {"concurrency": 0}),
    ],
)
def test_what_the_gateway_refuses_does_not_fit(request_: type[Request], members: dict[str, object]) -> None:
    """A member is missing, unknown, or out of its bounds. No request has the tag of its struct."""
    schema = SCHEMAS.body(route_of(request_))
    assert schema is not None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(members, whole(schema))


@pytest.mark.parametrize(("request_", "_answer", "body"), ANSWERS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_written_answer_fits_its_schema(request_: type[Request], _answer: object, body: bytes) -> None:
    """And a member that is always there is required."""
    schema = SCHEMAS.answer(route_of(request_))
    if not body:
        return
    jsonschema.validate(msgspec.json.decode(body), whole(schema))
    if schema.get("$ref") == f"{REFERENCE}ItemsAnswer":
        assert SCHEMAS.referenced(schema)["ItemsAnswer"]["required"] == ["items", "next"]


def test_streams_are_texts() -> None:
    """Their lines are not one value of JSON."""
    assert SCHEMAS.answer(route_of(requests.Watch)) == SCHEMAS.answer(route_of(requests.Export)) == {"type": "string"}
