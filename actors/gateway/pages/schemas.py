"""A JSON Schema of an object, as a table of its fields."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stretto.definitions.data import encode_json

MOST_VALUE: Final = 200
"""Characters of a default or of a list of values that are shown."""


class Field(msgspec.Struct, frozen=True):
    """A field of an object.

    Attributes:
        name: Its name.
        type: Its type in words.
        required: Whether it has to be given.
        secret: Whether no page shows its values.
        description: What it is.
        default: Its default as JSON, or "".
        values: All values that it may have as JSON, or "".
    """

    name: str
    type: str
    required: bool
    secret: bool
    description: str
    default: str
    values: str


def fields_of_schema(schema: Mapping[str, Any]) -> list[Field]:
    """Return the fields of an object by its schema, in their order."""
    required = schema.get("required", ())
    return [
        Field(
            name, type_in_words(each), name in required, bool(each.get("writeOnly")), str(each.get("description", "")),
            _json(each["default"]) if each.get("default") is not None else "",
            ", ".join(map(_json, each["enum"]))[:MOST_VALUE] if each.get("enum") else "",
        )
        for name, each in schema.get("properties", {}).items()
    ]  # fmt: skip


def type_in_words(schema: Mapping[str, Any]) -> str:
    """Return the type of a value: one without a type may be anything."""
    kind = schema.get("type", "any value")
    return kind if isinstance(kind, str) else " or ".join(kind)


def _json(value: Any) -> str:
    text = encode_json(value).decode()
    return text if len(text) <= MOST_VALUE else f"{text[:MOST_VALUE]}…"
