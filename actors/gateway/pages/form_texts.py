"""Texts that people type into the form of a run, as values: numbers, JSON, YAML, one a line, CSV."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stretto.definitions.data import encode_json
from stretto.definitions.source import compose, to_data

if TYPE_CHECKING:
    from stretto.definitions.errors import Finding

MAX_YAML_CHARACTERS: Final = 32 * 1024
"""The longest text of a field that is read as YAML, which takes longer than JSON."""
FORMATS: Final[Mapping[str, str]] = {"json": "JSON or YAML", "lines": "one a line", "csv": "CSV with a header"}
"""The ways to write a list."""
_BYTE: Final = re.compile(r" \(byte (\d+)\)\Z")
_EXPECTED: Final[Mapping[str, str]] = {
    "boolean": "true or false", "array": "a JSON list", "object": "a JSON object",
    "integer": "a number", "number": "a number",
}  # fmt: skip
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "boolean": (bool,), "array": (list,), "object": (dict,), "integer": (int,), "number": (int, float),
}  # fmt: skip


class UnreadableText(ValueError):
    """A text is not what its field takes. The message does not quote it, because it may be a secret."""


def scalar_of(kind: str, name: str, text: str) -> Any:
    """Return the value of a field of one line, by the rules of the command line.

    Args:
        kind: The type of the parameter.
        name: Its name.
        text: What was typed.

    Raises:
        UnreadableText: The text is not of the type.
    """
    if kind == "string" or (kind == "any" and text[:1] not in {"[", "{"}):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if kind == "any":
            return text
        raise UnreadableText(f"{name!r} must be {_EXPECTED[kind]}, got other text") from None


def container_of(kind: str, name: str, text: str) -> Any:
    """Return the value of a list or an object that is written as JSON or YAML.

    Raises:
        UnreadableText: It is neither. The message has the line.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        value = _yaml_of(text, str(error))
    if not isinstance(value, _KINDS[kind]):
        raise UnreadableText(f"{name!r} must be {_EXPECTED[kind]}, got other text")
    return value


def lines_of(text: str, items: Mapping[str, Any]) -> list[Any]:
    """Return a list that is written one a line. Empty lines are left out.

    Args:
        text: What was typed.
        items: The JSON Schema of an item.

    Raises:
        UnreadableText: A line is not of the items' type. The message has its number.
    """
    kind = type_of(items)
    read = _reader_of(kind)
    return [
        _at_line(number, read, kind, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()
    ]


def rows_of(text: str, items: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a list of objects that is written as CSV, whose first row has the names of the members.

    Args:
        text: What was typed.
        items: The JSON Schema of an item. A member has the type that it has there, else it is text.

    Raises:
        UnreadableText: It is not CSV, or a cell is not of its type. The message has the line.
    """
    kinds = {name: type_of(each) for name, each in items.get("properties", {}).items()}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        if not names or len(set(names)) < len(names) or not all(names):
            raise UnreadableText("line 1: the header must have the names of the members, each once")
        rows = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(names):
                raise UnreadableText(f"line {reader.line_num}: expected {len(names)} cells, got {len(cells)}")
            given = {name: cell for name, cell in zip(names, cells, strict=True) if cell or kinds.get(name) == "string"}
            rows.append(
                {
                    name: _at_line(reader.line_num, _reader_of(kinds.get(name, "string")), kinds.get(name, ""), cell)
                    for name, cell in given.items()
                }
            )
    except csv.Error as error:
        raise UnreadableText(f"line {reader.line_num}: {error}") from None
    return rows


def text_of(kind: str, value: Any) -> str:
    """Return a value as its field shows it."""
    if kind in {"string", "any"} and isinstance(value, str):
        return value
    encoded = encode_json(value)
    # A short value stays in one line.
    return (encoded if len(encoded) <= 60 else msgspec.json.format(encoded, indent=2)).decode()


def type_of(schema: Mapping[str, Any]) -> str:
    """Return the type of a parameter's JSON Schema, whether it takes null or not. Without one it is `any`."""
    kinds = schema.get("type", "any")
    return kinds if isinstance(kinds, str) else str(kinds[0])


def _yaml_of(text: str, json_error: str) -> Any:
    """Return the value of a text that is not JSON. Raises `UnreadableText`."""
    if len(text) <= MAX_YAML_CHARACTERS:
        findings: list[Finding] = []
        node = compose(text, "", findings.append)
        if node is not None and not findings:
            return to_data(node)
        if text.lstrip()[:1] not in {"[", "{"}:
            first = findings[0]
            raise UnreadableText(f"line {first.place.line}: {first.message.removeprefix('this is not valid YAML: ')}")
    message = json_error.removeprefix("JSON is malformed: ")
    at = _BYTE.search(message)
    if at is None:
        line = text.count("\n") + 1
        raise UnreadableText(f"line {line}: the text ends before its list or object does")
    line = text.encode()[: int(at[1])].count(b"\n") + 1
    raise UnreadableText(f"line {line}: {_BYTE.sub('', message)}")


def _reader_of(kind: str) -> Callable[[str, str], Any]:
    if kind in {"integer", "number", "boolean", "array", "object"}:
        return _json_of
    return lambda _expected, text: text


def _json_of(kind: str, text: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise UnreadableText(f"expected {_EXPECTED[kind]}, got other text") from None
    return value


def _at_line(number: int, read: Callable[[str, str], Any], kind: str, text: str) -> Any:
    try:
        return read(kind, text)
    except UnreadableText as error:
        raise UnreadableText(f"line {number}: {error}") from None
