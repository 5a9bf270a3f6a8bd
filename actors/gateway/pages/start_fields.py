"""The fields of the form that starts a run: one a parameter, by its type."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from stretto.actors.gateway.pages.definition import described_type
from stretto.actors.gateway.pages.form_texts import (
    FORMATS,
    UnreadableText,
    container_of,
    lines_of,
    rows_of,
    scalar_of,
    text_of,
    type_of,
)
from stretto.definitions.context import MASK
from stretto.definitions.data import encode_json

MAX_RADIO: Final = 7
"""The most values of an enum that are shown side by side. More are a menu."""
MAX_PREFILLED: Final = 64 * 1024
"""The most characters that a field is filled with. A larger value of an earlier run is kept where it is."""
VALUE: Final = "in."
"""Begins the name of the field with a parameter's value."""
FORMAT: Final = "as."
"""Begins the name of the field that says how a list is written."""
KEEP: Final = "keep."
"""Begins the name of the field that takes a value over from an earlier run."""
_LONG: Final = 100
"""A text of so many characters, or one that may be longer, has several lines."""

Schema: TypeAlias = Mapping[str, Any]


class Choice(msgspec.Struct, frozen=True):
    """A value of an enum: as JSON, as people read it, and whether it is chosen."""

    value: str
    text: str
    is_chosen: bool


class Field(msgspec.Struct):
    """A parameter in the form.

    Attributes:
        name: Its name.
        kind: What it is: `radio`, `select`, `checkbox`, `number`, `line`, `lines`, `json` or `secret`.
        type: The type of its values, in words.
        required: Whether it must have a value.
        description: Text for people.
        default: Its default as text, or "".
        text: What was typed, or what it begins with.
        choices: The values of an enum.
        is_list: Whether it can be written one a line or as CSV.
        format: How it is written: a key of `FORMATS`.
        kept: The bytes of a large value that is taken over from an earlier run, or None.
        error: Why it cannot be used, or "".
        notice: What to know about what it begins with, or "".
    """

    name: str
    kind: str
    type: str
    required: bool
    description: str
    default: str
    text: str = ""
    choices: list[Choice] = []
    is_list: bool = False
    format: str = "json"
    kept: int | None = None
    error: str = ""
    notice: str = ""


class Inputs(msgspec.Struct, frozen=True):
    """The inputs that a form gives, and why some of them cannot be read, by parameter."""

    values: dict[str, Any]
    errors: dict[str, str]


def fields_of_schema(schema: Schema, given: Mapping[str, Any]) -> list[Field]:
    """Return the fields of a new form.

    Args:
        schema: The JSON Schema of the workflow's inputs.
        given: The inputs to begin with, instead of the defaults.
    """
    fields = []
    for name, each in schema["properties"].items():
        field = _empty(name, each, schema)
        if field.kind != "secret":
            value = given.get(name, each.get("default"))
            text = "" if value is None else text_of(type_of(each), value)
            if len(text) > MAX_PREFILLED:
                field.kept = len(text.encode())
            else:
                _fill(field, each, text)
            if name in given and MASK in field.text:
                field.notice = f"The earlier run keeps secrets as {MASK}: write the real ones."
        elif name in given:
            field.notice = "A secret is not kept: write it again."
        fields.append(field)
    return fields


def fields_as_sent(schema: Schema, sent: Mapping[str, str], errors: Mapping[str, str]) -> list[Field]:
    """Return the fields of a form with all that was typed, but secrets.

    Args:
        schema: The JSON Schema of the workflow's inputs.
        sent: The fields that the form has sent.
        errors: The errors by parameter.
    """
    fields = []
    for name, each in schema["properties"].items():
        field = _empty(name, each, schema)
        field.error = errors.get(name, "")
        if field.kind == "secret":
            field.notice = "A secret is not kept: write it again." if sent.get(VALUE + name) else ""
        else:
            _fill(field, each, _clean(sent.get(VALUE + name, "")))
            kept = sent.get(KEEP + name, "")
            field.kept = int(kept) if kept.isascii() and kept.isdigit() and len(kept) < len(str(2**63)) else None
            chosen = sent.get(FORMAT + name, "json")
            field.format = chosen if chosen in FORMATS else "json"
        fields.append(field)
    return fields


def sent_for(schema: Schema, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that a form would send for some inputs, without secrets. A mark that is not set sends none."""
    return {
        VALUE + name: text_of(type_of(each), values[name])
        for name, each in schema["properties"].items()
        if values.get(name) is not None and values[name] is not False and not each.get("writeOnly")
    }


def inputs_from(schema: Schema, sent: Mapping[str, str], kept: Mapping[str, Any]) -> Inputs:
    """Return the inputs that a form gives.

    An empty field gives none, unless the parameter has a default: then it gives null, or an empty text.

    Args:
        schema: The JSON Schema of the workflow's inputs.
        sent: The fields that the form has sent.
        kept: The inputs of the earlier run. Those that are taken over and not among them are left to the defaults.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    required = schema.get("required", ())
    for name, each in schema["properties"].items():
        if sent.get(KEEP + name):
            if name in kept:
                values[name] = kept[name]
            continue
        text = _clean(sent.get(VALUE + name, ""))
        try:
            given = _value_of(name, each, text, sent)
        except UnreadableText as error:
            errors[name] = str(error)
            continue
        if given:
            values[name] = given[0]
        elif name in required:
            errors[name] = f"the parameter {name!r} is required"
    return Inputs(values, errors)


def by_parameter(schema: Schema, problems: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the server's problems with inputs by parameter, and those of none.

    Args:
        schema: The JSON Schema of the workflow's inputs.
        problems: The problems, each of which names the parameter or a path in it in quotes first.
    """
    of_fields: dict[str, str] = {}
    others = []
    for problem in problems:
        quoted = re.search(r"'([^']*)'", problem)
        path = quoted[1] if quoted else ""
        name = next((each for each in _beginnings(path) if each in schema["properties"]), None)
        if name is None:
            others.append(problem)
        else:
            of_fields[name] = f"{of_fields[name]}; {problem}" if name in of_fields else problem
    return of_fields, others


def _beginnings(path: str) -> Iterable[str]:
    """Yield a path and what it begins with, the longest first: a parameter's name may have dots."""
    yield path
    for found in reversed(list(re.finditer(r"[.\[]", path))):
        yield path[: found.start()]


def _empty(name: str, schema: Schema, whole: Schema) -> Field:
    default = schema.get("default")
    kind = type_of(schema)
    return Field(
        name, _kind_of(kind, schema), described_type(dict(schema)), name in whole.get("required", ()),
        schema.get("description", ""), "" if default is None else _shown(kind, default), is_list=kind == "array",
    )  # fmt: skip


def _kind_of(kind: str, schema: Schema) -> str:
    if schema.get("writeOnly"):
        return "secret"
    if "enum" in schema:
        return "radio" if len(_options(schema)) <= MAX_RADIO else "select"
    if kind in {"array", "object"}:
        return "json"
    if kind == "boolean":
        return "checkbox"
    if kind in {"integer", "number"}:
        return "number"
    longest = schema.get("maxLength")
    default = schema.get("default")
    is_long = isinstance(default, str) and ("\n" in default or len(default) > _LONG)
    return "lines" if is_long or kind == "any" or (longest is not None and longest > _LONG) else "line"


def _fill(field: Field, schema: Schema, text: str) -> None:
    field.text = text
    if field.kind in {"radio", "select"}:
        kind = type_of(schema)
        chosen = {text, encode_json(text).decode()} if kind in {"string", "any"} else {text}
        field.choices = [
            Choice(value, _shown(kind, option), value in chosen)
            for option in _options(schema)
            for value in [encode_json(option).decode()]
        ]
        field.text = next((each.value for each in field.choices if each.is_chosen), "")


def _value_of(name: str, schema: Schema, text: str, sent: Mapping[str, str]) -> tuple[Any] | None:
    """Return the value of a field, or None without one. Raises `UnreadableText`."""
    kind = type_of(schema)
    if "enum" in schema and text:
        return (_chosen(name, schema, text),)
    if kind == "boolean" and "enum" not in schema and not schema.get("writeOnly"):
        must_have_one = "default" in schema or schema["type"] == "boolean"
        return (True,) if text else ((False,) if must_have_one else None)
    if not text:
        if schema.get("default") is None:
            return None
        return ("",) if kind == "string" and "enum" not in schema else (None,)
    if kind in {"array", "object"}:
        return (_container(kind, name, schema, text, sent.get(FORMAT + name, "json")),)
    return (scalar_of(kind, name, text),)


def _container(kind: str, name: str, schema: Schema, text: str, written: str) -> Any:
    items = schema.get("items", {})
    if kind == "array" and written == "lines":
        return lines_of(text, items)
    if kind == "array" and written == "csv":
        return rows_of(text, items)
    return container_of(kind, name, text)


def _chosen(name: str, schema: Schema, text: str) -> Any:
    for option in _options(schema):
        if encode_json(option).decode() == text:
            return option
    raise UnreadableText(f"{name!r} must be {described_type(dict(schema))}")


def _options(schema: Schema) -> list[Any]:
    return [option for option in schema["enum"] if option is not None]


def _shown(kind: str, value: Any) -> str:
    text = value if isinstance(value, str) and kind in {"string", "any"} else encode_json(value).decode()
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _clean(text: str) -> str:
    """Return a text without the ends of lines that forms send."""
    return text.replace("\r\n", "\n")
