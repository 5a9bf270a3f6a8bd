"""The functions that expressions can call, and use as filters where Jinja has a filter of that name.

Names and meanings are those of Attune's expression language. If Jinja's filter of the same name has more options
(`attribute=`, `reverse=`, `default=`), so has the function. Each function takes the fuel of the evaluation first, and
checks the size of its result before it creates it. Invalid arguments raise TypeError or ValueError with a message for
the author of the definition.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from stretto.definitions.data import compiled, weigh
from stretto.definitions.expressions.arguments import (
    NOT_GIVEN,
    expect,
    list_of_members,
    member_field,
    sort_key,
    text_argument,
    type_name,
)
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.values import settle, text_of
from stretto.definitions.expressions.numeric import NUMBER_FILTERS, NUMBER_FUNCTIONS


def _string(fuel: Fuel, value: Any) -> str:
    return "null" if value is None else text_of(value, fuel)


def _type_of(_fuel: Fuel, value: Any) -> str:
    return type_name(value)


def _length(fuel: Fuel, value: Any) -> int:
    if isinstance(value, str | list | dict | tuple | range):
        return len(value)
    return len(list_of_members(fuel, "length", value))


def _keys(fuel: Fuel, value: Any) -> list[str]:
    fuel.burn(len(expect("keys", value, "object")))
    return list(value)


def _values(fuel: Fuel, value: Any) -> list[Any]:
    fuel.burn(len(expect("values", value, "object")))
    return list(value.values())


def _lower(fuel: Fuel, value: Any) -> str:
    fuel.make_text(len(text_argument("lower", value)))
    return value.lower()  # type: ignore[no-any-return]


def _upper(fuel: Fuel, value: Any) -> str:
    fuel.make_text(len(text_argument("upper", value)))
    return value.upper()  # type: ignore[no-any-return]


def _trim(fuel: Fuel, value: Any, chars: str | None = None) -> str:
    fuel.make_text(len(text_argument("trim", value)))
    return value.strip(chars)  # type: ignore[no-any-return]


def _split(fuel: Fuel, value: Any, separator: Any = NOT_GIVEN) -> list[str]:
    text = text_argument("split", value)
    pay_for_splitting(fuel, text, None if separator is NOT_GIVEN else text_argument("split", separator))
    return text.split() if separator is NOT_GIVEN else text.split(separator)


def pay_for_splitting(fuel: Fuel, text: str, separator: str | None = None) -> None:
    """Pay for the parts of a text before it is split."""
    fuel.make_text(len(text))
    separators = _WHITE_SPACE if separator is None else (separator,)
    fuel.burn(sum(text.count(each) for each in separators if each) + 1)


_WHITE_SPACE = " \t\n\r\v\f"


def _join(fuel: Fuel, values: Any, separator: str = "", attribute: str | int | None = None) -> str:
    text_argument("join", separator)
    members = list_of_members(fuel, "join", values)
    return joined(fuel, (each if attribute is None else member_field(each, attribute) for each in members), separator)


def joined(fuel: Fuel, values: Iterable[Any], separator: str = "") -> str:
    """Return the texts of values joined by a separator, and pay for them one by one."""
    texts = []
    for value in values:
        texts.append(text_of(value, fuel))
        fuel.make_text(len(texts[-1]) + len(separator))
    return separator.join(texts)


def _replace(fuel: Fuel, value: Any, old: Any, new: Any, count: int = -1) -> str:
    text, old, new = text_argument("replace", value), text_argument("replace", old), text_argument("replace", new)
    times = len(text) + 1 if not old else text.count(old)
    fuel.make_text(len(text) + times * max(len(new) - len(old), 0))
    return text.replace(old, new, count)


def _starts_with(_fuel: Fuel, value: Any, prefix: Any) -> bool:
    return text_argument("starts_with", value).startswith(text_argument("starts_with", prefix))


def _ends_with(_fuel: Fuel, value: Any, suffix: Any) -> bool:
    return text_argument("ends_with", value).endswith(text_argument("ends_with", suffix))


def _match(_fuel: Fuel, pattern: Any, value: Any) -> bool:
    try:
        search = compiled(text_argument("match", pattern)).search
    except ValueError as error:
        raise ValueError(f"match() cannot read the pattern: {error}") from None
    return search(text_argument("match", value)) is not None


def _contains(fuel: Fuel, haystack: Any, needle: Any) -> bool:
    fuel.compare(haystack, needle)
    if type_name(haystack) in {"string", "array", "object"}:
        return needle in haystack
    raise TypeError(f"contains() takes a string, list or object first, got a value of type {type_name(haystack)}")


def _reversed(fuel: Fuel, value: Any) -> Any:
    if isinstance(value, str):
        fuel.make_text(len(value))
        return value[::-1]
    return list_of_members(fuel, "reversed", value)[::-1]


def _sort(
    fuel: Fuel,
    values: Any,
    reverse: bool = False,  # noqa: FBT001, FBT002 - the parameters of Jinja's filter
    case_sensitive: bool = True,  # noqa: FBT001, FBT002
    attribute: str | int | None = None,
) -> list[Any]:
    fuel.compare(values)
    return sorted(list_of_members(fuel, "sort", values), key=sort_key(fuel, attribute, case_sensitive), reverse=reverse)


def _unique(
    fuel: Fuel,
    values: Any,
    case_sensitive: bool = True,  # noqa: FBT001, FBT002
    attribute: str | int | None = None,
) -> list[Any]:
    key = sort_key(fuel, attribute, case_sensitive)
    fuel.compare(values)
    seen: list[Any] = []
    hashed: set[Any] = set()
    kept = []
    for member in list_of_members(fuel, "unique", values):
        mark = member if key is None else key(member)
        if isinstance(mark, dict | list):
            fuel.burn(len(seen))
            if mark in seen:
                continue
            seen.append(mark)
        else:
            if mark in hashed:
                continue
            hashed.add(mark)
        kept.append(member)
    return kept


def _flat(fuel: Fuel, values: Any) -> list[Any]:
    flat: list[Any] = []
    for member in list_of_members(fuel, "flat", values):
        if isinstance(member, list | tuple):
            fuel.burn(len(member))
            flat.extend(member)
        else:
            flat.append(member)
    return flat


def _zip(fuel: Fuel, *lists: Any) -> list[list[Any]]:
    return [list(row) for row in zip(*(list_of_members(fuel, "zip", each) for each in lists), strict=False)]


def _range(fuel: Fuel, *bounds: Any) -> list[int]:
    if not 1 <= len(bounds) <= 3 or not all(type(bound) is int for bound in bounds):
        raise TypeError("range() takes one to three integers")
    numbers = range(*bounds)
    fuel.burn(len(numbers))
    return list(numbers)


def _slice(fuel: Fuel, value: Any, start: int, end: int | None = None) -> Any:
    if isinstance(value, str):
        return value[start:end]
    return list_of_members(fuel, "slice", value)[start:end]


def _index_of(fuel: Fuel, value: Any, wanted: Any) -> int:
    if isinstance(value, str):
        return value.find(text_argument("index_of", wanted))
    fuel.compare(value, wanted)
    members = list_of_members(fuel, "index_of", value)
    return members.index(wanted) if wanted in members else -1


def _count(fuel: Fuel, value: Any, wanted: Any = NOT_GIVEN) -> int:
    if wanted is NOT_GIVEN:
        return _length(fuel, value)
    if isinstance(value, str):
        return value.count(text_argument("count", wanted))
    fuel.compare(value, wanted)
    return list_of_members(fuel, "count", value).count(wanted)


def _merge(fuel: Fuel, *objects: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in objects:
        fuel.burn(len(expect("merge", each, "object")))
        merged.update(each)
    return merged


def _chunks(fuel: Fuel, values: Any, size: int) -> list[list[Any]]:
    if type(size) is not int or size < 1:
        raise ValueError("chunks() takes a size of at least 1")
    members = list_of_members(fuel, "chunks", values)
    return [members[start : start + size] for start in range(0, len(members), size)]


def _tojson(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.make_text(weigh(data))
    return msgspec.json.encode(data).decode()


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
