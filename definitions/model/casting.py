"""Conversion of a value to its parameter's type, as StackStorm does it."""

import json
import re
from typing import Final

from stretto.definitions.data import Data, FrozenDict, FrozenList, freeze
from stretto.definitions.errors import NotData
from stretto.definitions.model.workflow import Parameter

_INTEGER: Final = re.compile(r"\s*[+-]?\d{1,18}\s*\Z")
_LARGEST: Final = 2.0**63
_TRUTHS: Final = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}


def cast(parameter: Parameter, value: Data) -> Data:
    """Convert a value to its parameter's type as StackStorm does, such as the text "5" to 5."""
    kind = parameter.type
    if kind == "string" and value is not None and not isinstance(value, str):
        return json.dumps(value)
    if not isinstance(value, str):
        if kind == "integer" and isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST:
            return int(value)
        return value
    if kind == "integer":
        return int(value) if _INTEGER.match(value) else value
    if kind == "boolean":
        return _TRUTHS.get(value.strip().lower(), value)
    if kind in {"number", "array", "object"}:
        return _read(value, {"number": (int, float), "array": (FrozenList,), "object": (FrozenDict,)}[kind])
    return value


def _read(text: str, kinds: tuple[type, ...]) -> Data:
    try:
        value = freeze(json.loads(text))
    except (ValueError, RecursionError, NotData):
        return text
    return value if isinstance(value, kinds) and not isinstance(value, bool) else text
