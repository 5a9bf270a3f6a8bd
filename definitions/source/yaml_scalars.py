"""The values of plain scalars, in YAML 1.2's core schema or in YAML 1.1 as PyYAML reads it.

The native dialect uses 1.2, Orquesta 1.1. In 1.2, `yes` and `12:30` are text and `010` is decimal. In 1.1, they are
a boolean, a count of minutes and an octal number.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import yaml

from stretto.definitions.errors import Finding, Place

MAX_INTEGER_DIGITS = 19
_MAX_NUMBER_LENGTH = 100
"""Maximum length of a number in another base or with underscores: a longer one cannot fit in 64 bits."""

Scalar: TypeAlias = None | bool | int | float | str
Report: TypeAlias = Callable[[Finding], None]

_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_TRUE = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE = re.compile(r"(?:false|False|FALSE)\Z")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")

_TAG = "tag:yaml.org,2002:"
_RESOLVER: Any = yaml.resolver.Resolver()
_CONSTRUCTOR = yaml.constructor.SafeConstructor()


Read: TypeAlias = Callable[[str, Place, Report], Scalar]
"""Returns the value of a scalar's text."""


@dataclass(frozen=True, slots=True)
class Schema:
    """How a dialect reads scalars.

    Attributes:
        plain: Reads a plain scalar.
        tagged: Reads a scalar with a tag, for each tag that is allowed.
        odd_key: The severity of a key that is not text. A warning means that its JSON text is used as the key.
        repeated_key: The severity of a key that an object has twice. A warning means that the last one counts.
    """

    plain: Read
    tagged: Mapping[str, Read]
    odd_key: Literal["error", "warning"]
    repeated_key: Literal["error", "warning"] = "error"


def key_text(value: Scalar) -> str:
    """Return the JSON object key for a scalar."""
    return value if isinstance(value, str) else json.dumps(value)


def _plain_1_2(text: str, place: Place, report: Report) -> Scalar:
    """Read a plain scalar by YAML 1.2's core schema (section 10.3.2 of the specification)."""
    if _NULL.match(text):
        return None
    if _TRUE.match(text):
        return True
    if _FALSE.match(text):
        return False
    if _INTEGER.match(text) or _OCTAL.match(text) or _HEXADECIMAL.match(text):
        if len(text.lstrip("-+0")) <= MAX_INTEGER_DIGITS + 2:
            return _integer(int(text, 0) if text[:2] in {"0o", "0x"} else int(text), text, place, report)
        return _integer(None, text, place, report)
    if _NUMBER.match(text):
        return _number(float(text), text, place, report)
    if _NOT_FINITE.match(text):
        return _number(math.inf, text, place, report)
    return text


def _integer(number: int | None, text: str, place: Place, report: Report) -> int:
    if number is not None and -0x8000000000000000 <= number <= 0xFFFFFFFFFFFFFFFF:
        return number
    report(Finding("yaml_number", "an integer must fit in 64 bits", place, found=shortened(text)))
    return 0


def _number(number: float, text: str, place: Place, report: Report) -> float | str:
    if math.isfinite(number):
        return number
    if _NOT_FINITE.match(text):
        problem = "a number must be finite"
        report(Finding("yaml_number", problem, place, found=text, hint="put quotes around it if it is text"))
    else:
        report(Finding("yaml_number", "the number is too large", place, found=shortened(text)))
    return text


def _plain_1_1(text: str, place: Place, report: Report) -> Scalar:
    """Read a plain scalar as PyYAML resolves it (YAML 1.1, https://yaml.org/type/)."""
    return _tagged_1_1(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False)), text, place, report)


def _tagged_1_1(tag: str, text: str, place: Place, report: Report) -> Scalar:
    kind = tag.removeprefix(_TAG)
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return bool(yaml.constructor.SafeConstructor.bool_values[text.lower()])
        if kind == "int":
            return _integer_1_1(tag, text, place, report)
        if kind == "float":
            return _number_1_1(tag, text, place, report)
    except (ValueError, KeyError, IndexError, OverflowError):
        report(Finding("yaml_number", f"this is not a valid {kind}", place, found=shortened(text)))
        return text
    if kind == "timestamp":
        problem = "YAML 1.1 reads this as a date, which is not JSON data; Stretto treats it as text"
        report(Finding("yaml_date", problem, place, shortened(text), hint="put quotes around it", severity="warning"))
    elif kind in {"merge", "value"}:
        problem = f"a definition cannot use a plain {text}"
        report(
            Finding("yaml_merge", problem, place, hint="write out the fields, or put quotes around it if it is text")
        )
    return text


def _integer_1_1(tag: str, text: str, place: Place, report: Report) -> int:
    number = None
    if len(text) <= _MAX_NUMBER_LENGTH:
        number = _CONSTRUCTOR.construct_yaml_int(yaml.ScalarNode(tag, text))
    return _integer(number, text, place, report)


def _number_1_1(tag: str, text: str, place: Place, report: Report) -> float | str:
    if len(text) > _MAX_NUMBER_LENGTH:
        raise ValueError(text)
    return _number(_CONSTRUCTOR.construct_yaml_float(yaml.ScalarNode(tag, text)), text, place, report)


def shortened(text: str, most: int = 60) -> str:
    """Return text shortened for a finding."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


YAML_1_2 = Schema(_plain_1_2, {}, "error")
YAML_1_1 = Schema(
    _plain_1_1,
    {_TAG + kind: partial(_tagged_1_1, _TAG + kind) for kind in ("str", "int", "float", "bool", "null", "map", "seq")},
    "warning",
)
YAML_1_1_OF_PACKS = replace(YAML_1_1, repeated_key="warning")
"""YAML 1.1 as StackStorm reads the metadata of packs."""
