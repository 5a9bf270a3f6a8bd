"""Converts values to text as Orquesta does, with Python's `str()`."""

import datetime as dt
from collections.abc import ItemsView, Iterator, KeysView, Sized, ValuesView
from typing import Any

from stretto.definitions.data import Data, FrozenDict, FrozenList, weigh
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.values import JSON_PART, json_text, settle

MAX_ESCAPE = 12
"""The characters of the longest escape, of a character beyond the Basic Multilingual Plane."""
PRINTED = 8
_SCALARS = frozenset({int, float, bool, type(None)})


def text_of(value: Any, fuel: Fuel) -> str:
    """Return Python's text of a value, such as `None`, `True` or `{'k': [1]}`. Iterators become lists."""
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if type(value) in _SCALARS or isinstance(value, dt.datetime | dt.timedelta):
        return str(value)
    value = printable(value, fuel)
    data = settle(value, fuel)
    fuel.burn(weigh(data) // PRINTED)
    pay_for_escapes(fuel, data)
    text = str(value)
    fuel.make_text(len(text), text)
    return text


def pay_for_escapes(fuel: Fuel, data: Data) -> None:
    """Pay for what escapes and separators add to the text of a large value, before it is created."""
    if weigh(data) <= JSON_PART:
        return
    room = fuel.room
    written = json_text(data, fuel)
    fuel.room = room
    others = 0 if written.isascii() else len(written) - len(written.encode("ascii", "ignore"))
    fuel.make(written.count(",") + written.count(":") + MAX_ESCAPE * others)


def printable(value: Any, fuel: Fuel) -> Any:
    """Return a value with iterators and views as lists, because Python prints their addresses."""
    if type(value) in _SCALARS or type(value) is FrozenDict or type(value) is FrozenList:
        return value
    if isinstance(value, dict):
        fuel.make_object(len(value))
        return {key: printable(member, fuel) for key, member in value.items()}
    if isinstance(value, Sized):
        fuel.make_list(len(value))
    if isinstance(value, tuple):
        return tuple([printable(member, fuel) for member in fuel.walk(value)])
    if isinstance(value, list | Iterator | range | KeysView | ValuesView | ItemsView | set | frozenset):
        return [printable(member, fuel) for member in fuel.walk(value)]
    return value
