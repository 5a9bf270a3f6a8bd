"""The functions that expressions can call, and use as filters where Jinja has a filter of that name.

Names and meanings are those of Attune's expression language. If Jinja's filter of the same name has more options
(`attribute=`, `reverse=`, `default=`), so has the function. Each function takes the fuel of the evaluation first, and
checks the size of its result before it creates it. Invalid arguments raise TypeError or ValueError with a message for
the author of the definition.
"""

from collections.abc import Callable, Iterable
from typing import Any

from stretto.definitions.data import compiled
from stretto.definitions.expressions.arguments import (
    NOT_GIVEN,
    expect,
    in_order,
    keys_of,
    list_of_members,
    member_field,
    text_argument,
    type_name,
)
from stretto.definitions.expressions.base.bounds import COMPARED, LIST_BYTES, MEMBER_BYTES, Fuel
from stretto.definitions.expressions.base.charges import (
    pay_for_changing,
    pay_for_replacing,
    pay_for_slice,
    pay_for_splitting,
    pay_for_stripping,
)
from stretto.definitions.expressions.base.matching import pay_for_matching, pay_for_pattern
from stretto.definitions.expressions.base.values import json_text, settle, text_of
from stretto.definitions.expressions.numeric import NUMBER_FILTERS, NUMBER_FUNCTIONS

NUMBER_BYTES = 40
JOIN_UNITS = 3
UNIQUE_UNITS = 3


def _string(fuel: Fuel, value: Any) -> str:
    return "null" if value is None else text_of(value, fuel)


def _type_of(_fuel: Fuel, value: Any) -> str:
    return type_name(value)


def _length(fuel: Fuel, value: Any) -> int:
    if isinstance(value, str | list | dict | tuple | range):
        return len(value)
    return len(list_of_members(fuel, "length", value))


def _keys(fuel: Fuel, value: Any) -> list[str]:
    fuel.make_list(len(expect("keys", value, "object")))
    return list(value)


def _values(fuel: Fuel, value: Any) -> list[Any]:
    fuel.make_list(len(expect("values", value, "object")))
    return list(value.values())


def _lower(fuel: Fuel, value: Any) -> str:
    pay_for_changing(fuel, text_argument("lower", value))
    return value.lower()  # type: ignore[no-any-return]


def _upper(fuel: Fuel, value: Any) -> str:
    pay_for_changing(fuel, text_argument("upper", value))
    return value.upper()  # type: ignore[no-any-return]


def _trim(fuel: Fuel, value: Any, chars: str | None = None) -> str:
    pay_for_stripping(fuel, text_argument("trim", value), chars)
    return value.strip(chars)  # type: ignore[no-any-return]


def _split(fuel: Fuel, value: Any, separator: Any = NOT_GIVEN) -> list[str]:
    text = text_argument("split", value)
    pay_for_splitting(fuel, text, None if separator is NOT_GIVEN else text_argument("split", separator))
    return text.split() if separator is NOT_GIVEN else text.split(separator)


def _join(fuel: Fuel, values: Any, separator: str = "", attribute: str | int | None = None) -> str:
    text_argument("join", separator)
    members = list_of_members(fuel, "join", values)
    return joined(fuel, (each if attribute is None else member_field(each, attribute) for each in members), separator)


def joined(fuel: Fuel, values: Iterable[Any], separator: str = "") -> str:
    """Return the texts of values joined by a separator, and pay for them one by one."""
    texts = []
    for value in values:
        text = text_of(value, fuel)
        texts.append(text)
        fuel.make_text(len(text) + len(separator), text if separator.isascii() else separator)
        fuel.burn(JOIN_UNITS)
    return separator.join(texts)


def _replace(fuel: Fuel, value: Any, old: Any, new: Any, count: int = -1) -> str:
    text, old, new = text_argument("replace", value), text_argument("replace", old), text_argument("replace", new)
    pay_for_replacing(fuel, text, old, new)
    return text.replace(old, new, count)


def _starts_with(fuel: Fuel, value: Any, prefix: Any) -> bool:
    text, start = text_argument("starts_with", value), text_argument("starts_with", prefix)
    fuel.burn(min(len(text), len(start)) // COMPARED)
    return text.startswith(start)


def _ends_with(fuel: Fuel, value: Any, suffix: Any) -> bool:
    text, end = text_argument("ends_with", value), text_argument("ends_with", suffix)
    fuel.burn(min(len(text), len(end)) // COMPARED)
    return text.endswith(end)


def _match(fuel: Fuel, pattern: Any, value: Any) -> bool:
    source = text_argument("match", pattern)
    try:
        positions = pay_for_pattern(fuel, source)
        search = compiled(source).search
    except ValueError as error:
        raise ValueError(f"match() cannot read the pattern: {error}") from None
    text = text_argument("match", value)
    pay_for_matching(fuel, positions, text)
    return search(text) is not None


def _contains(fuel: Fuel, haystack: Any, needle: Any) -> bool:
    if type_name(haystack) in {"string", "array", "object"}:
        return needle in fuel.look_for(needle, haystack)
    raise TypeError(f"contains() takes a string, list or object first, got a value of type {type_name(haystack)}")


def _reversed(fuel: Fuel, value: Any) -> Any:
    if isinstance(value, str):
        pay_for_slice(fuel, value, None, None, -1)
        return value[::-1]
    members = list_of_members(fuel, "reversed", value)
    members.reverse()
    return members


def _sort(
    fuel: Fuel,
    values: Any,
    reverse: bool = False,  # noqa: FBT001, FBT002 - the parameters of Jinja's filter
    case_sensitive: bool = True,  # noqa: FBT001, FBT002
    attribute: str | int | None = None,
) -> list[Any]:
    members = list_of_members(fuel, "sort", values)
    keys = keys_of(fuel, members, attribute, case_sensitive)
    fuel.order(keys)
    return in_order(members, keys, reverse=reverse)


def _unique(
    fuel: Fuel,
    values: Any,
    case_sensitive: bool = True,  # noqa: FBT001, FBT002
    attribute: str | int | None = None,
) -> list[Any]:
    members = list_of_members(fuel, "unique", values)
    seen: list[Any] = []
    hashed: set[Any] = set()
    kept = []
    fuel.burn(UNIQUE_UNITS * len(members))
    for member, mark in zip(members, keys_of(fuel, members, attribute, case_sensitive), strict=True):
        if isinstance(mark, dict | list):
            if mark in fuel.look_for(mark, seen):
                continue
            seen.append(mark)
        else:
            fuel.hash(mark)
            if mark in hashed:
                continue
            hashed.add(mark)
        kept.append(member)
    return kept


def _flat(fuel: Fuel, values: Any) -> list[Any]:
    flat: list[Any] = []
    for member in list_of_members(fuel, "flat", values):
        if isinstance(member, list | tuple):
            fuel.make_list(len(member))
            flat.extend(member)
        else:
            flat.append(member)
    return flat


def _zip(fuel: Fuel, *lists: Any) -> list[list[Any]]:
    members = [list_of_members(fuel, "zip", each) for each in lists]
    rows = min(map(len, members), default=0)
    fuel.make((LIST_BYTES + MEMBER_BYTES * len(lists)) * rows)
    fuel.burn((1 + len(lists)) * rows)
    return [list(row) for row in zip(*members, strict=False)]


def _range(fuel: Fuel, *bounds: Any) -> list[int]:
    if not 1 <= len(bounds) <= 3 or not all(type(bound) is int for bound in bounds):
        raise TypeError("range() takes one to three integers")
    numbers = range(*bounds)
    fuel.make(NUMBER_BYTES * len(numbers))
    fuel.burn(len(numbers))
    return list(numbers)


def _slice(fuel: Fuel, value: Any, start: int, end: int | None = None) -> Any:
    if not isinstance(value, str | list | tuple):
        value = list_of_members(fuel, "slice", value)
    pay_for_slice(fuel, value, start, end)
    found = value[start:end]
    return found if isinstance(found, str) else list(found)


def _index_of(fuel: Fuel, value: Any, wanted: Any) -> int:
    if isinstance(value, str):
        fuel.find(value, text_argument("index_of", wanted))
        return value.find(wanted)
    members = list_of_members(fuel, "index_of", value)
    fuel.look_for(wanted, members)
    fuel.look_for(wanted, members)
    return members.index(wanted) if wanted in members else -1


def _count(fuel: Fuel, value: Any, wanted: Any = NOT_GIVEN) -> int:
    if wanted is NOT_GIVEN:
        return _length(fuel, value)
    if isinstance(value, str):
        fuel.find(value, text_argument("count", wanted))
        return value.count(wanted)
    members = list_of_members(fuel, "count", value)
    fuel.look_for(wanted, members)
    return members.count(wanted)


def _merge(fuel: Fuel, *objects: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in objects:
        fuel.make_object(len(expect("merge", each, "object")))
        merged.update(each)
    return merged


def _chunks(fuel: Fuel, values: Any, size: int) -> list[list[Any]]:
    if type(size) is not int or size < 1:
        raise ValueError("chunks() takes a size of at least 1")
    members = list_of_members(fuel, "chunks", values)
    fuel.make_list(len(members) + (LIST_BYTES // MEMBER_BYTES) * (len(members) // size))
    fuel.burn(2 * (len(members) // size))
    return [members[start : start + size] for start in range(0, len(members), size)]


def _tojson(fuel: Fuel, value: Any) -> str:
    return json_text(settle(value, fuel), fuel)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **NUMBER_FUNCTIONS,
    "string": _string,
    "type_of": _type_of,
    "length": _length,
    "keys": _keys,
    "values": _values,
    "lower": _lower,
    "upper": _upper,
    "trim": _trim,
    "split": _split,
    "join": _join,
    "replace": _replace,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "match": _match,
    "contains": _contains,
    "reversed": _reversed,
    "sort": _sort,
    "unique": _unique,
    "flat": _flat,
    "zip": _zip,
    "range": _range,
    "slice": _slice,
    "index_of": _index_of,
    "count": _count,
    "merge": _merge,
    "chunks": _chunks,
}
"""Functions of the language by name. `result()`, the outcome functions, `now` and `uuid` are in `scope`."""

FILTERS_ONLY: dict[str, Callable[..., Any]] = {**NUMBER_FILTERS, "tojson": _tojson}
"""Filters that replace Jinja's, which are for HTML or hide errors, but that are not functions of the language."""
