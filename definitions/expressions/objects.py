"""Functions that turn objects into lists and back, combine objects, and combine lists."""

import itertools
import math
from collections.abc import Callable
from typing import Any

from stretto.definitions.errors import names_there, nearest
from stretto.definitions.expressions.arguments import expect, list_of_members, text_argument, type_name
from stretto.definitions.expressions.base.bounds import FIELD_BYTES, LIST_BYTES, MEMBER_BYTES, OBJECT_BYTES, Fuel

PAIR_UNITS = 4


def _dict2items(fuel: Fuel, value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    pairs = expect("dict2items", value, "object")
    key_name, value_name = text_argument("dict2items", key_name), text_argument("dict2items", value_name)
    fuel.make_list(len(pairs))
    fuel.make((OBJECT_BYTES + 2 * FIELD_BYTES) * len(pairs))
    fuel.burn(PAIR_UNITS * len(pairs))
    return [{key_name: key, value_name: member} for key, member in pairs.items()]


def _items2dict(fuel: Fuel, values: Any, key_name: str = "key", value_name: str = "value") -> dict[str, Any]:
    members = list_of_members(fuel, "items2dict", values)
    fuel.make_object(len(members))
    made = {}
    for number, member in enumerate(fuel.walk(members, PAIR_UNITS)):
        if type_name(member) != "object":
            raise TypeError(f"items2dict() takes a list of objects; member {number} is of type {type_name(member)}")
        key = _field(member, key_name, number)
        if not isinstance(key, str):
            raise TypeError(
                f"items2dict() takes strings as keys; {key_name!r} of member {number} is of type {type_name(key)}"
            )
        fuel.hash(key)
        made[key] = _field(member, value_name, number)
    return made


def _field(member: dict[str, Any], name: str, number: int) -> Any:
    if name not in member:
        hint = nearest(name, member) or names_there(member)
        raise ValueError(f"items2dict() finds no field {name!r} in member {number}" + (f"; {hint}" if hint else ""))
    return member[name]


def _combine(fuel: Fuel, *objects: Any, recursive: bool = False) -> dict[str, Any]:
    combined: dict[str, Any] = {}
    for each in objects:
        combined = _combined(fuel, combined, expect("combine", each, "object"), recursive=recursive)
    return combined


def _combined(fuel: Fuel, left: dict[str, Any], right: dict[str, Any], *, recursive: bool) -> dict[str, Any]:
    fuel.make_object(len(left) + len(right))
    combined = {**left, **right}
    if recursive:
        fuel.burn(len(right))
        for key, value in right.items():
            before = left.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                combined[key] = _combined(fuel, before, value, recursive=recursive)
    return combined


def _product(fuel: Fuel, *lists: Any) -> list[list[Any]]:
    members = [list_of_members(fuel, "product", each) for each in lists]
    rows = math.prod(map(len, members))
    fuel.make((LIST_BYTES + MEMBER_BYTES * (1 + len(lists))) * rows)
    fuel.burn((1 + len(lists)) * rows)
    return [list(row) for row in itertools.product(*members)]


OBJECT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "combine": _combine,
    "dict2items": _dict2items,
    "items2dict": _items2dict,
    "product": _product,
}
