"""Converts values to text as Orquesta does, with Python's `str()`."""

import datetime as dt
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from stretto.definitions.data import FrozenDict, FrozenList, weigh
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.values import settle

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
    fuel.make_text(weigh(settle(value, fuel)))
    text = str(value)
    fuel.make_text(len(text))
    return text


def printable(value: Any, fuel: Fuel) -> Any:
    """Return a value with iterators and views as lists, because Python prints their addresses."""
    if type(value) in _SCALARS or type(value) is FrozenDict or type(value) is FrozenList:
        return value
    if isinstance(value, dict):
        fuel.burn(len(value))
        return {key: printable(member, fuel) for key, member in value.items()}
    if isinstance(value, tuple):
        return tuple([printable(member, fuel) for member in fuel.walk(value)])
    if isinstance(value, list | Iterator | range | KeysView | ValuesView | ItemsView | set | frozenset):
        return [printable(member, fuel) for member in fuel.walk(value)]
    return value
