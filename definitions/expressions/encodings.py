"""Functions that read and write other notations: JSON, YAML, Base64, digests, and words of a shell."""

import base64
import binascii
import hashlib
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stretto.definitions.expressions.arguments import text_argument, type_name
from stretto.definitions.expressions.base.bounds import FIELD_BYTES, SPLIT, TEXT_BYTES, Fuel
from stretto.definitions.expressions.base.charges import pay_for_replacing
from stretto.definitions.expressions.base.parsing import parse_json
from stretto.definitions.expressions.base.values import json_text, settle, text_of
from stretto.definitions.source import MapNode, Node, ScalarNode, compose

if TYPE_CHECKING:
    from stretto.definitions.errors import Finding

YAML_UNITS = 20
"""The units for each character of YAML: a list of one-digit numbers takes up to two microseconds for each."""
YAML_BYTES = 16
"""The memory of the events and nodes for each character of YAML."""
YAML_NODE_UNITS = 4
ENCODED = 32
"""The characters that are encoded, decoded or digested for a unit."""


def _fromjson(fuel: Fuel, value: Any) -> Any:
    text = text_argument("fromjson", value)
    try:
        return parse_json(fuel, text)
    except RecursionError:
        raise ValueError("fromjson() cannot read the text: it nests too deeply") from None
    except ValueError as error:
        raise ValueError(f"fromjson() cannot read the text: {error}") from None


def _tojson(fuel: Fuel, value: Any) -> str:
    return json_text(settle(value, fuel), fuel)


def _fromyaml(fuel: Fuel, value: Any) -> Any:
    text = text_argument("fromyaml", value)
    fuel.burn(YAML_UNITS * len(text))
    fuel.make(YAML_BYTES * len(text))
    findings: list[Finding] = []
    root = compose(text, "text", findings.append)
    if findings and findings[0].code == "yaml_empty":
        return None
    if findings or root is None:
        first = findings[0]
        reason = first.message.replace("a definition", "the text")
        raise ValueError(f"fromyaml() cannot read the text: line {first.place.line}: {reason}")
    return _plain(fuel, root)


def _plain(fuel: Fuel, node: Node) -> Any:
    """Return the data of a node. An alias repeats its nodes, so each one pays when it is copied."""
    fuel.burn(YAML_NODE_UNITS)
    if isinstance(node, ScalarNode):
        return node.value
    fuel.make(TEXT_BYTES + FIELD_BYTES * len(node.members))
    if isinstance(node, MapNode):
        return {key: _plain(fuel, member) for key, member in node.members.items()}
    return [_plain(fuel, member) for member in node.members]


def _bytes_of(fuel: Fuel, name: str, value: Any) -> bytes:
    text = text_argument(name, value)
    fuel.burn(len(text) // ENCODED)
    fuel.make_text(len(text), text)
    return text.encode()


def _b64encode(fuel: Fuel, value: Any) -> str:
    data = _bytes_of(fuel, "b64encode", value)
    fuel.burn(len(data) // ENCODED)
    fuel.make_text(4 * (len(data) // 3 + 1))
    return base64.b64encode(data).decode()


def _b64decode(fuel: Fuel, value: Any) -> str:
    data = _bytes_of(fuel, "b64decode", value)
    fuel.burn(len(data) // ENCODED)
    fuel.make_text(3 * len(data))
    try:
        decoded = base64.b64decode(data.translate(None, b"\r\n"), validate=True)
    except binascii.Error as error:
        raise ValueError(f"b64decode() takes Base64 text: {str(error)[:1].lower()}{str(error)[1:]}") from None
    try:
        return decoded.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"b64decode() takes Base64 of text in UTF-8; byte {error.start:,} is not") from None


def _sha256(fuel: Fuel, value: Any) -> str:
    data = _bytes_of(fuel, "sha256", value)
    fuel.burn(len(data) // ENCODED)
    return hashlib.sha256(data).hexdigest()


def _quote(fuel: Fuel, value: Any) -> str:
    if type_name(value) not in {"string", "number", "bool"}:
        hint = "quote each member of a list, as in map(list, word, quote(word)) | join(' ')"
        raise TypeError(f"quote() takes a string, number or bool, got a value of type {type_name(value)}; {hint}")
    text = text_of(value, fuel)
    if "\0" in text:
        raise ValueError("quote() takes text without a null character, which no shell can pass")
    fuel.burn(len(text) // SPLIT)
    pay_for_replacing(fuel, text, "'", "'\"'\"'")
    return shlex.quote(text)


ENCODING_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "b64decode": _b64decode,
    "b64encode": _b64encode,
    "fromjson": _fromjson,
    "fromyaml": _fromyaml,
    "quote": _quote,
    "sha256": _sha256,
    "tojson": _tojson,
}
