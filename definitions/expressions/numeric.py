"""Functions over numbers and conversions to numbers."""

import math
from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from stretto.definitions.expressions.arguments import (
    KEY_UNITS,
    NOT_GIVEN,
    expect,
    keys_of,
    list_of_members,
    member_field,
    text_argument,
    type_name,
)
from stretto.definitions.expressions.base.bounds import SPLIT, Fuel

SUM_UNITS = 4


def _number(fuel: Fuel, value: Any) -> int | float:
    kind = type_name(value)
    if kind == "bool":
        return int(value)
    if kind == "number":
        return value  # type: ignore[no-any-return]
    text = _paid_text(fuel, "number", value)
    try:
        return _plain_int(text)
    except ValueError:
        number = _plain_float("number", text)
    return number


def _paid_text(fuel: Fuel, name: str, value: Any) -> str:
    text = text_argument(name, value)
    fuel.burn(len(text) // SPLIT)
    return text


def _plain_int(text: str) -> int:
    if len(text) > 20 or text != text.strip() or "_" in text:
        raise ValueError(f"int() cannot convert this text of {len(text)} characters")
    return int(text)


def _plain_float(name: str, text: str) -> float:
    if text == text.strip() and "_" not in text:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"{name}() cannot convert this text of {len(text)} characters")


def _int(fuel: Fuel, value: Any, default: Any = NOT_GIVEN) -> Any:
    try:
        kind = type_name(value)
        if kind in {"bool", "number"}:
            return int(value)
        text = _paid_text(fuel, "int", value)
        try:
            return _plain_int(text)
        except ValueError:
            return int(_plain_float("int", text))
    except (TypeError, ValueError, OverflowError):
        if default is NOT_GIVEN:
            raise
        return default


def _float(fuel: Fuel, value: Any, default: Any = NOT_GIVEN) -> Any:
    try:
        return float(_number(fuel, value))
    except (TypeError, ValueError):
        if default is NOT_GIVEN:
            raise
        return default


def _bool(_fuel: Fuel, value: Any) -> bool:
    return bool(value)


def _abs(_fuel: Fuel, value: Any) -> int | float:
    return abs(expect("abs", value, "number"))  # type: ignore[no-any-return]


def _floor(_fuel: Fuel, value: Any) -> int:
    number: int | float = expect("floor", value, "number")
    return math.floor(number)


def _ceil(_fuel: Fuel, value: Any) -> int:
    number: int | float = expect("ceil", value, "number")
    return math.ceil(number)


def _round(_fuel: Fuel, value: Any, digits: int = 0, method: str = "common") -> int | float:
    expect("round", value, "number")
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
"""Precision for every digit of any float before the point and fifteen after it."""


def _extreme(pick: Callable[..., Any], name: str) -> Callable[..., Any]:
    def extreme(fuel: Fuel, *values: Any, attribute: str | int | None = None, case_sensitive: bool = True) -> Any:
        members = list(values) if len(values) > 1 else list_of_members(fuel, name, values[0] if values else None)
        if not members:
            raise ValueError(f"{name}() got an empty list")
        keys = keys_of(fuel, members, attribute, case_sensitive)
        fuel.order(keys, sort=False)
        return members[pick(range(len(members)), key=keys.__getitem__)]

    return extreme


def _sum(fuel: Fuel, values: Any, attribute: str | int | None = None, start: int | float = 0) -> int | float:
    total: Any = expect("sum", start, "number")
    if isinstance(values, str | dict) or not isinstance(values, Iterable):
        raise TypeError(f"sum() takes a list, got a value of type {type_name(values)}")
    for member in fuel.walk(values, SUM_UNITS if attribute is None else SUM_UNITS + KEY_UNITS):
        total += expect("sum", member if attribute is None else member_field(member, attribute), "number")
    return total  # type: ignore[no-any-return]


NUMBER_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "number": _number,
    "int": _int,
    "bool": _bool,
    "abs": _abs,
    "floor": _floor,
    "ceil": _ceil,
    "round": _round,
    "min": _extreme(min, "min"),
    "max": _extreme(max, "max"),
    "sum": _sum,
}
NUMBER_FILTERS: dict[str, Callable[..., Any]] = {"float": _float}
