"""What leaves an expression: plain data, or its text."""

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
    """Return what an expression gave as frozen data: iterators are listed, undefined values are errors.

    Raises what an undefined value raises, `NotData` for what is no data, `LimitExceeded` when out of fuel.
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
        raise NotData("a loop is no value; name a field of it, such as loop.index")
    if isinstance(value, list | tuple | Iterator | range | KeysView | ValuesView | ItemsView | set | frozenset):
        return [_settle(member, fuel) for member in fuel.walk(value)]
    if isinstance(value, Undefined):
        str(value)  # raises the error that tells what is undefined
    if isinstance(value, Readable):
        str(value)  # raises the error that a namespace is no value
    if callable(value):
        raise NotData("a function is no value; call it: write its name with ()")
    return value


def text_of(value: Any, fuel: Fuel) -> str:
    """Return the text of a value between other text: null is empty, objects and lists are compact JSON."""
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
