"""Bounded arithmetic with Jinja's meaning, except that an exact quotient of integers is an integer."""

from collections.abc import Callable
from typing import Any

from stretto.definitions.expressions.base.bounds import MAX_FORMAT_WIDTH, Fuel, check_bits, check_format


def _is_integer(value: object) -> bool:
    return isinstance(value, int)


def _bits(value: int) -> int:
    return int(value).bit_length()


def _add(left: Any, right: Any, fuel: Fuel) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        fuel.make_text(len(left) + len(right), left if right.isascii() else right)
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        fuel.make_list(len(left) + len(right))
    return left + right


def _subtract(left: Any, right: Any, _fuel: Fuel) -> Any:
    return left - right


def _multiply(left: Any, right: Any, fuel: Fuel) -> Any:
    if _is_integer(left) and _is_integer(right):
        check_bits(_bits(left) + _bits(right))
    for repeated, times in ((left, right), (right, left)):
        if _is_integer(times) and isinstance(repeated, str):
            fuel.make_text(len(repeated) * max(times, 0), repeated)
        elif _is_integer(times) and isinstance(repeated, list | tuple):
            fuel.make_list(len(repeated) * max(times, 0))
    return left * right


def _divide(left: Any, right: Any, _fuel: Fuel) -> Any:
    if type(left) is int and type(right) is int and right and left % right == 0:
        return left // right
    return left / right


def _floor_divide(left: Any, right: Any, _fuel: Fuel) -> Any:
    return left // right


def _modulo(left: Any, right: Any, fuel: Fuel) -> Any:
    if not isinstance(left, str):
        return left % right
    fuel.burn(len(left) // 4)
    check_format(left)
    arguments = right if isinstance(right, tuple) else right.values() if isinstance(right, dict) else (right,)
    if not all(isinstance(argument, str | int | float | None) for argument in arguments):
        raise TypeError("the % operator on text takes only texts and numbers")
    widest = max((len(argument) for argument in arguments if isinstance(argument, str)), default=0)
    is_plain = left.isascii() and all(each.isascii() for each in arguments if isinstance(each, str))
    length = len(left) + left.count("%") * max(widest, MAX_FORMAT_WIDTH)
    fuel.make_text(length, "" if is_plain else "\xff")
    return left % right


def _power(left: Any, right: Any, _fuel: Fuel) -> Any:
    if _is_integer(left) and _is_integer(right) and right > 0:
        check_bits(_bits(left) * right)
    return left**right


OPERATORS: dict[str, Callable[[Any, Any, Fuel], Any]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _floor_divide,
    "%": _modulo,
    "**": _power,
}
