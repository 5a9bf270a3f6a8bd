"""Converts the results of expressions to frozen data or text."""

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

import msgspec
from jinja2 import Undefined
from jinja2.runtime import LoopContext

from stretto.definitions.data import Data, FrozenDict, FrozenList, freeze, is_frozen
from stretto.definitions.errors import NotData
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.namespaces import Readable

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
        fuel.burn(len(value))
        return {key: _settle(member, fuel) for key, member in value.items()}
    if isinstance(value, LoopContext):
        raise NotData("a loop is not a value; name a field of it, such as loop.index")
    if isinstance(value, list | tuple | Iterator | range | KeysView | ValuesView | ItemsView | set | frozenset):
        return [_settle(member, fuel) for member in fuel.walk(value)]
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
        fuel.make_text(data.weight)
        return msgspec.json.encode(data).decode()
    return str(data)
