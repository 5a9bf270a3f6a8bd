"""The schema of an action's result, as its pack describes it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from stretto.definitions.data import FrozenDict, encode_json, freeze
from stretto.definitions.source import MapNode, Node, to_data

MAX_SCHEMA_BYTES: Final = 64 * 1024
"""The JSON text of a schema that is shown. Results are not checked against it."""
_KEYWORDS: Final = frozenset({"$ref", "allOf", "anyOf", "const", "enum", "items", "oneOf", "properties"})
"""The keywords of a JSON Schema that names no type."""


def result_schema(nodes: Iterable[Node | None]) -> FrozenDict | None:
    """Return the first of some descriptions as JSON Schema, or None if there is none.

    A description is a JSON Schema, or an object with a schema for each member of the result, as StackStorm and Attune
    have it for results that are objects.
    """
    for node in nodes:
        given = to_data(node) if isinstance(node, MapNode) else None
        if isinstance(given, Mapping) and given:
            schema = given if _is_schema(given) else {"type": "object", "properties": given}
            return freeze(schema) if len(encode_json(schema)) <= MAX_SCHEMA_BYTES else None  # type: ignore[return-value]
    return None


def _is_schema(given: Mapping[str, Any]) -> bool:
    return isinstance(given.get("type"), str | list) or not _KEYWORDS.isdisjoint(given)
