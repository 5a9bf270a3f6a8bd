"""Converts the results of expressions to frozen data or text."""

from collections.abc import ItemsView, Iterator, KeysView, Sized, ValuesView
from typing import Any

import msgspec
from jinja2 import Undefined
from jinja2.runtime import LoopContext

from stretto.definitions.data import Data, FrozenDict, FrozenList, freeze, is_frozen, weigh
from stretto.definitions.errors import NotData
from stretto.definitions.expressions.base.bounds import FREE_TEXT_BYTES, LIST_BYTES, MEMBER_BYTES, WRITTEN, Fuel
from stretto.definitions.expressions.base.namespaces import Readable

JSON_PART = 1024 * 1024
PART_UNITS = 6
SETTLED_UNITS = 4
"""The units for each member of a list that an expression returns, which is frozen."""
_encode = msgspec.json.Encoder().encode
_UNCHANGING = frozenset({str, int, float, bool, type(None), FrozenDict, FrozenList})


def settle(value: Any, fuel: Fuel) -> Data:
    """Return the result of an expression as frozen data. Iterators become lists.

    Args:
        value: The result of an expression.
        fuel: The budget of the evaluation.

    Returns:
        Frozen data.

    Raises:
        UndefinedError: The value is undefined.
        NotData: The value is not JSON-like.
        LimitExceeded: The evaluation is out of fuel.
    """
    if is_frozen(value):
        return value  # type: ignore[no-any-return]
    return freeze(_settle(value, fuel), "the value")


def _settle(value: Any, fuel: Fuel) -> Any:
    kind = type(value)
    if kind in _UNCHANGING:
        return value
    if isinstance(value, dict):
        fuel.make_object(2 * len(value))
        return {key: _settle(member, fuel) for key, member in value.items()}
    if isinstance(value, LoopContext):
        raise NotData("a loop is not a value; name a field of it, such as loop.index")
    if isinstance(value, list | tuple | Iterator | range | KeysView | ValuesView | ItemsView | set | frozenset):
        if isinstance(value, Sized):
            fuel.make(2 * LIST_BYTES + 2 * MEMBER_BYTES * len(value))
        return [_settle(member, fuel) for member in fuel.walk(value, SETTLED_UNITS)]
    if isinstance(value, Undefined):
        str(value)  # raises the error for the undefined name
    if isinstance(value, Readable):
        str(value)  # raises the error for a whole namespace
    if callable(value):
        raise NotData("a function is not a value; call it by writing () after its name")
    return value


def text_of(value: Any, fuel: Fuel) -> str:
    """Return the text of a value between other text. Null is empty; objects and lists are compact JSON."""
    if type(value) is str:
        return value
    data = settle(value, fuel)
    if data is None:
        return ""
    if data is True:
        return "true"
    if data is False:
        return "false"
    if isinstance(data, FrozenDict | FrozenList):
        return json_text(data, fuel)
    return str(data)


def plain_text_of(value: Any, fuel: Fuel) -> str:
    """Return the text of a plain value, as `text_of` does. A small object or list is not paid for.

    The fast path of plain values has no fuel, and both ways must cost the same.
    """
    is_small = isinstance(value, FrozenDict | FrozenList) and value.weight <= FREE_TEXT_BYTES
    return text_of(value, Fuel() if is_small else fuel)


def json_text(data: Data, fuel: Fuel) -> str:
    """Return compact JSON, and pay for it. Escaped characters take up to six times their number."""
    fuel.burn(weigh(data) // WRITTEN)
    parts: list[str] = []
    for part in _json_parts(data, fuel):
        parts.append(part)
        fuel.make_text(len(part), part)
    return "".join(parts)


def _json_parts(data: Data, fuel: Fuel) -> Iterator[str]:
    """Yield the parts of a JSON text, so that the text of a large value is paid for in small amounts."""
    if weigh(data) <= JSON_PART:
        yield _encode(data).decode()
    elif isinstance(data, str):
        yield '"'
        for start in range(0, len(data), JSON_PART):
            yield _encode(data[start : start + JSON_PART]).decode()[1:-1]
        yield '"'
    elif isinstance(data, FrozenDict):
        fuel.burn(PART_UNITS * len(data))
        for number, (key, member) in enumerate(data.items()):
            yield ("," if number else "{") + _encode(key).decode() + ":"
            yield from _json_parts(member, fuel)
        yield "}"
    elif isinstance(data, FrozenList):
        fuel.burn(PART_UNITS * len(data))
        for number, member in enumerate(data):
            yield "," if number else "["
            yield from _json_parts(member, fuel)
        yield "]"
