"""The functions that an expression may call, and use as filters where Jinja has a filter of that name.

The names and meanings are those of Attune's expression language; where Jinja's filter of the same name takes
more (`attribute=`, `reverse=`, `default=`), so does the function. Each takes the evaluation's fuel first and
checks what it is about to make before making it. A wrong argument is a `TypeError` or `ValueError` with a text
for the definition's author.
"""

import math
from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

import msgspec
from jinja2 import Undefined

from stretto.definitions.data import compiled, weigh
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.namespaces import Readable
from stretto.definitions.expressions.base.values import settle, text_of

_NOT_GIVEN = object()


def type_name(value: object) -> str:
    """Return a value's type in the words of the language."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, Undefined | Readable):
        str(value)  # raises the error that tells what is undefined, or that a namespace is no value
    if isinstance(value, Iterable):
        return "array"
    raise TypeError("a function is no value; call it: write its name with ()")


def _expect(name: str, value: Any, kind: str) -> Any:
    found = type_name(value)
    if found != kind:
        raise TypeError(f"{name}() takes a value of type {kind}, not {found}")
    return value


def _list(fuel: Fuel, name: str, value: Any) -> list[Any]:
    """Return a list of the members of a list (or of what a filter yields), paid for."""
    if isinstance(value, str | dict) or not isinstance(value, Iterable):
        raise TypeError(f"{name}() takes a list, not a value of type {type_name(value)}")
    return list(fuel.walk(value))


def _text(name: str, value: Any) -> str:
    return _expect(name, value, "string")  # type: ignore[no-any-return]


def _field(value: Any, path: str | int) -> Any:
    """Return what `attribute=` names: a key, an index, or several with dots between them."""
    for step in str(path).split("."):
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueError(f"attribute {path!r} is missing in a member") from None
    return value


def _key(
    fuel: Fuel,
    attribute: str | int | None,
    case_sensitive: bool,  # noqa: FBT001
) -> Callable[[Any], Any] | None:
    def fold(value: Any) -> Any:
        value = value if attribute is None else _field(value, attribute)
        if isinstance(value, str) and not case_sensitive:
            fuel.make_text(len(value))
            return value.lower()
        return value

    return None if attribute is None and case_sensitive else fold


def _string(fuel: Fuel, value: Any) -> str:
    return "null" if value is None else text_of(value, fuel)


def _number(_fuel: Fuel, value: Any) -> int | float:
    kind = type_name(value)
    if kind == "bool":
        return int(value)
    if kind == "number":
        return value  # type: ignore[no-any-return]
    text = _text("number", value)
    try:
        return _plain_int(text)
    except ValueError:
        number = _plain_float("number", text)
    return number


def _plain_int(text: str) -> int:
    if text != text.strip() or "_" in text or len(text) > 20:
        raise ValueError(f"int() cannot read this text of {len(text)} characters")
    return int(text)


def _plain_float(name: str, text: str) -> float:
    if text == text.strip() and "_" not in text:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"{name}() cannot read this text of {len(text)} characters")


def _int(_fuel: Fuel, value: Any, default: Any = _NOT_GIVEN) -> Any:
    try:
        kind = type_name(value)
        if kind in {"bool", "number"}:
            return int(value)
        text = _text("int", value)
        try:
            return _plain_int(text)
        except ValueError:
            return int(_plain_float("int", text))
    except (TypeError, ValueError, OverflowError):
        if default is _NOT_GIVEN:
            raise
        return default


def _float(fuel: Fuel, value: Any, default: Any = _NOT_GIVEN) -> Any:
    try:
        return float(_number(fuel, value))
    except (TypeError, ValueError):
        if default is _NOT_GIVEN:
            raise
        return default


def _bool(_fuel: Fuel, value: Any) -> bool:
    return bool(value)


def _type_of(_fuel: Fuel, value: Any) -> str:
    return type_name(value)


def _length(fuel: Fuel, value: Any) -> int:
    if isinstance(value, str | list | dict | tuple | range):
        return len(value)
    return len(_list(fuel, "length", value))


def _keys(fuel: Fuel, value: Any) -> list[str]:
    fuel.burn(len(_expect("keys", value, "object")))
    return list(value)


def _values(fuel: Fuel, value: Any) -> list[Any]:
    fuel.burn(len(_expect("values", value, "object")))
    return list(value.values())


def _abs(_fuel: Fuel, value: Any) -> int | float:
    return abs(_expect("abs", value, "number"))  # type: ignore[no-any-return]


def _floor(_fuel: Fuel, value: Any) -> int:
    number: int | float = _expect("floor", value, "number")
    return math.floor(number)


def _ceil(_fuel: Fuel, value: Any) -> int:
    number: int | float = _expect("ceil", value, "number")
    return math.ceil(number)


def _round(_fuel: Fuel, value: Any, digits: int = 0, method: str = "common") -> int | float:
    _expect("round", value, "number")
    if type(digits) is not int or not -15 <= digits <= 15:
        raise ValueError("round() takes a number of digits from -15 to 15")
    if method not in _ROUNDINGS:
        raise ValueError("round() takes the method 'common', 'ceil' or 'floor'")
    if isinstance(value, int) and digits >= 0:
        return value
    exact = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    rounded = exact.quantize(Decimal(1).scaleb(-digits), rounding=_ROUNDINGS[method], context=_EXACT)
    return int(rounded) if digits <= 0 else float(rounded)


_ROUNDINGS = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
_EXACT = Context(prec=400)
"""Room for every digit of any float before the point, and fifteen after it."""


def _extreme(pick: Callable[..., Any], name: str) -> Callable[..., Any]:
    def extreme(fuel: Fuel, *values: Any, attribute: str | int | None = None, case_sensitive: bool = True) -> Any:
        members = list(values) if len(values) > 1 else _list(fuel, name, values[0] if values else None)
        if not members:
            raise ValueError(f"{name}() of an empty list")
        fuel.compare(members)
        return pick(members, key=_key(fuel, attribute, case_sensitive))

    return extreme


def _sum(fuel: Fuel, values: Any, attribute: str | int | None = None, start: int | float = 0) -> int | float:
    total: Any = _expect("sum", start, "number")
    for member in _list(fuel, "sum", values):
        total += _expect("sum", member if attribute is None else _field(member, attribute), "number")
    return total  # type: ignore[no-any-return]


def _lower(fuel: Fuel, value: Any) -> str:
    fuel.make_text(len(_text("lower", value)))
    return value.lower()  # type: ignore[no-any-return]


def _upper(fuel: Fuel, value: Any) -> str:
    fuel.make_text(len(_text("upper", value)))
    return value.upper()  # type: ignore[no-any-return]


def _trim(fuel: Fuel, value: Any, chars: str | None = None) -> str:
    fuel.make_text(len(_text("trim", value)))
    return value.strip(chars)  # type: ignore[no-any-return]


def _split(fuel: Fuel, value: Any, separator: Any = _NOT_GIVEN) -> list[str]:
    text = _text("split", value)
    pay_for_splitting(fuel, text, None if separator is _NOT_GIVEN else _text("split", separator))
    return text.split() if separator is _NOT_GIVEN else text.split(separator)


def pay_for_splitting(fuel: Fuel, text: str, separator: str | None = None) -> None:
    """Pay for the parts that splitting a text makes, before they are made."""
    fuel.make_text(len(text))
    separators = _WHITE_SPACE if separator is None else (separator,)
    fuel.burn(sum(text.count(each) for each in separators if each) + 1)


_WHITE_SPACE = " \t\n\r\v\f"


def _join(fuel: Fuel, values: Any, separator: str = "", attribute: str | int | None = None) -> str:
    _text("join", separator)
    members = _list(fuel, "join", values)
    return joined(fuel, (each if attribute is None else _field(each, attribute) for each in members), separator)


def joined(fuel: Fuel, values: Iterable[Any], separator: str = "") -> str:
    """Return values as text around an expression is, with a separator; paid for as it goes."""
    texts = []
    for value in values:
        texts.append(text_of(value, fuel))
        fuel.make_text(len(texts[-1]) + len(separator))
    return separator.join(texts)


def _replace(fuel: Fuel, value: Any, old: Any, new: Any, count: int = -1) -> str:
    text, old, new = _text("replace", value), _text("replace", old), _text("replace", new)
    times = len(text) + 1 if not old else text.count(old)
    fuel.make_text(len(text) + times * max(len(new) - len(old), 0))
    return text.replace(old, new, count)


def _starts_with(_fuel: Fuel, value: Any, prefix: Any) -> bool:
    return _text("starts_with", value).startswith(_text("starts_with", prefix))


def _ends_with(_fuel: Fuel, value: Any, suffix: Any) -> bool:
    return _text("ends_with", value).endswith(_text("ends_with", suffix))


def _match(_fuel: Fuel, pattern: Any, value: Any) -> bool:
    try:
        search = compiled(_text("match", pattern)).search
    except ValueError as error:
        raise ValueError(f"match() cannot read the pattern: {error}") from None
    return search(_text("match", value)) is not None


def _contains(fuel: Fuel, haystack: Any, needle: Any) -> bool:
    fuel.compare(haystack, needle)
    if type_name(haystack) in {"string", "array", "object"}:
        return needle in haystack
    raise TypeError(f"contains() takes a string, list or object first, not a value of type {type_name(haystack)}")


def _reversed(fuel: Fuel, value: Any) -> Any:
    if isinstance(value, str):
        fuel.make_text(len(value))
        return value[::-1]
    return _list(fuel, "reversed", value)[::-1]


def _sort(
    fuel: Fuel,
    values: Any,
    reverse: bool = False,  # noqa: FBT001, FBT002 - the parameters of Jinja's filter
    case_sensitive: bool = True,  # noqa: FBT001, FBT002
    attribute: str | int | None = None,
) -> list[Any]:
    fuel.compare(values)
    return sorted(_list(fuel, "sort", values), key=_key(fuel, attribute, case_sensitive), reverse=reverse)


def _unique(
    fuel: Fuel,
    values: Any,
    case_sensitive: bool = True,  # noqa: FBT001, FBT002
    attribute: str | int | None = None,
) -> list[Any]:
    key = _key(fuel, attribute, case_sensitive)
    fuel.compare(values)
    seen: list[Any] = []
    hashed: set[Any] = set()
    kept = []
    for member in _list(fuel, "unique", values):
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
    for member in _list(fuel, "flat", values):
        if isinstance(member, list | tuple):
            fuel.burn(len(member))
            flat.extend(member)
        else:
            flat.append(member)
    return flat


def _zip(fuel: Fuel, *lists: Any) -> list[list[Any]]:
    return [list(row) for row in zip(*(_list(fuel, "zip", each) for each in lists), strict=False)]


def _range(fuel: Fuel, *bounds: Any) -> list[int]:
    if not 1 <= len(bounds) <= 3 or not all(type(bound) is int for bound in bounds):
        raise TypeError("range() takes one to three integers")
    numbers = range(*bounds)
    fuel.burn(len(numbers))
    return list(numbers)


def _slice(fuel: Fuel, value: Any, start: int, end: int | None = None) -> Any:
    if isinstance(value, str):
        return value[start:end]
    return _list(fuel, "slice", value)[start:end]


def _index_of(fuel: Fuel, value: Any, wanted: Any) -> int:
    if isinstance(value, str):
        return value.find(_text("index_of", wanted))
    fuel.compare(value, wanted)
    members = _list(fuel, "index_of", value)
    return members.index(wanted) if wanted in members else -1


def _count(fuel: Fuel, value: Any, wanted: Any = _NOT_GIVEN) -> int:
    if wanted is _NOT_GIVEN:
        return _length(fuel, value)
    if isinstance(value, str):
        return value.count(_text("count", wanted))
    fuel.compare(value, wanted)
    return _list(fuel, "count", value).count(wanted)


def _merge(fuel: Fuel, *objects: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in objects:
        fuel.burn(len(_expect("merge", each, "object")))
        merged.update(each)
    return merged


def _chunks(fuel: Fuel, values: Any, size: int) -> list[list[Any]]:
    if type(size) is not int or size < 1:
        raise ValueError("chunks() takes a size of at least 1")
    members = _list(fuel, "chunks", values)
    return [members[start : start + size] for start in range(0, len(members), size)]


def _tojson(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.make_text(weigh(data))
    return msgspec.json.encode(data).decode()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "string": _string,
    "number": _number,
    "int": _int,
    "bool": _bool,
    "type_of": _type_of,
    "length": _length,
    "keys": _keys,
    "values": _values,
    "abs": _abs,
    "floor": _floor,
    "ceil": _ceil,
    "round": _round,
    "min": _extreme(min, "min"),
    "max": _extreme(max, "max"),
    "sum": _sum,
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
"""Functions of the language, by name; `result()`, the outcome functions, `now` and `uuid` are in `scope`."""

FILTERS_ONLY: dict[str, Callable[..., Any]] = {"float": _float, "tojson": _tojson}
"""Ours in place of Jinja's, which are made for HTML or hide errors, but no functions of the language."""
