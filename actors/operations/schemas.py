"""Requests and answers as JSON Schema, made of the structs of the table."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from stretto.actors.operations.forms import (
    INSTANTS,
    INTEGERS,
    LABEL,
    LABELS,
    MOST_DIGITS,
    SEARCH,
    SEARCHED,
    has_body,
    places_of,
)
from stretto.actors.operations.routes import HEADERS, JSON, ROUTES, Route
from stretto.actors.runs import MAX_KEY_LENGTH

Schema: TypeAlias = dict[str, Any]

REFERENCE: Final = "#/components/schemas/"
_NULL: Final = {"type": "null"}
_IN_A_PATH: Final[Mapping[str, Schema]] = {
    name: {"type": "integer", "minimum": 0, "maximum": 10**MOST_DIGITS - 1} for name in sorted(INTEGERS)
}
_TEXT_IN_A_PATH: Final = {"type": "string", "minLength": 1}
_GIVEN_BY: Final = {LABELS: LABEL, SEARCH: SEARCHED}
"""The parameters of a query whose names are not those of the fields."""
_IN_A_HEADER: Final[Mapping[str, Schema]] = {
    "idempotency_key": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH}
}
_INSTANT: Final = {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}
_LABEL: Final = {"type": "array", "items": {"type": "string", "pattern": "^[^=]*="}}


class Parameter(NamedTuple):
    """A field of a request that its path, its query or a header has."""

    name: str
    place: Literal["path", "query", "header"]
    schema: Schema
    is_required: bool


class Schemas:
    """The schemas of all routes. Make one before the first request: msgspec looks at all types."""

    def __init__(self) -> None:
        structs = list(dict.fromkeys(each for route in ROUTES for each in (route.request, route.answer)))
        refs, components = msgspec.json.schema_components(structs, ref_template=REFERENCE + "{name}")
        self._names = {struct: ref["$ref"].removeprefix(REFERENCE) for struct, ref in zip(structs, refs, strict=True)}
        self._components = {name: _cleaned(schema) for name, schema in components.items()}
        for struct, name in self._names.items():
            _remove_tag(self._components[name])
            if not struct.__struct_config__.omit_defaults and struct in {route.answer for route in ROUTES}:
                self._components[name]["required"] = list(struct.__struct_fields__)

    def parameters(self, route: Route) -> Iterator[Parameter]:
        """Yield the fields of a request that are in its path, then those of its query, then headers."""
        places = places_of(route)
        for name in places.path:
            yield Parameter(name, "path", _IN_A_PATH.get(name, _TEXT_IN_A_PATH), is_required=True)
        request = self._components[self._names[route.request]]
        for name in places.query:
            is_required = name in request.get("required", ())
            schema = _in_a_query(name, request["properties"][name])
            yield Parameter(_GIVEN_BY.get(name, name), "query", schema, is_required)
        for name in places.headers:
            yield Parameter(HEADERS[name], "header", _IN_A_HEADER[name], is_required=False)

    def body(self, route: Route) -> Schema | None:
        """Return the schema of a request's body, or None if it has none. Unknown members are refused."""
        if not has_body(route):
            return None
        if route.whole is not None:
            return {}
        request = self._components[self._names[route.request]]
        members = {name: request["properties"][name] for name in places_of(route).body}
        required = [name for name in request.get("required", ()) if name in members]
        schema: Schema = {"type": "object", "properties": members, "additionalProperties": False}
        return schema | ({"required": required} if required else {})

    def answer(self, route: Route) -> Schema:
        """Return the schema of the answer's body. Answers may have more members than it names."""
        if route.media_type != JSON:
            return {"type": "string"}
        name = self._names[route.answer]
        if route.member is None:
            return {"$ref": REFERENCE + name}
        member: Schema = self._components[name]["properties"][route.member]
        return member

    def referenced(self, document: Any) -> dict[str, Schema]:
        """Return the schemas that a document refers to, and those that these refer to, by name."""
        found: dict[str, Schema] = {}
        waiting = [document]
        while waiting:
            for name in _references(waiting.pop()):
                if name not in found and name in self._components:
                    found[name] = self._components[name]
                    waiting.append(found[name])
        return dict(sorted(found.items()))


def _cleaned(schema: Schema) -> Schema:
    if "description" in schema:
        schema["description"] = inspect.cleandoc(schema["description"])
    return schema


def _remove_tag(schema: Schema) -> None:
    """Remove the struct's tag, which requests and answers do not have over HTTP."""
    del schema["properties"]["type"]
    schema["required"].remove("type")
    if not schema["required"]:
        del schema["required"]


def _in_a_query(name: str, schema: Schema) -> Schema:
    """Return a field's schema as a parameter. One that may be null is left out instead."""
    if name == LABELS:
        return _LABEL
    if name in INSTANTS:
        return _INSTANT
    kept: Schema = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    kinds: list[Schema] = [each for each in schema.get("anyOf", ()) if each != _NULL]
    if len(kinds) == 1:
        return kinds[0] | kept
    return kept | ({"anyOf": kinds} if kinds else {})


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(REFERENCE)
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
