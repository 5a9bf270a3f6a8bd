"""Arithmetic with bounds: Jinja's meaning, but an exact quotient of integers is an integer."""

from collections.abc import Callable
from typing import Any

from stretto.definitions.expressions.bounds import Fuel, check_bits, check_format, check_text


def _is_integer(value: object) -> bool:
    return isinstance(value, int)


def _bits(value: int) -> int:
    return int(value).bit_length()


def _add(left: Any, right: Any, fuel: Fuel) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        check_text(len(left) + len(right))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        fuel.burn(len(left) + len(right))
    return left + right


def _subtract(left: Any, right: Any, _fuel: Fuel) -> Any:
    return left - right


def _multiply(left: Any, right: Any, fuel: Fuel) -> Any:
    if _is_integer(left) and _is_integer(right):
        check_bits(_bits(left) + _bits(right))
    for repeated, times in ((left, right), (right, left)):
        if _is_integer(times) and isinstance(repeated, str):
            check_text(len(repeated) * max(times, 0))
        elif _is_integer(times) and isinstance(repeated, list | tuple):
            fuel.burn(len(repeated) * max(times, 0))
    return left * right


def _divide(left: Any, right: Any, _fuel: Fuel) -> Any:
    if type(left) is int and type(right) is int and right and left % right == 0:
        return left // right
    return left / right


def _floor_divide(left: Any, right: Any, _fuel: Fuel) -> Any:
    return left // right


def _modulo(left: Any, right: Any, _fuel: Fuel) -> Any:
    if isinstance(left, str):
        check_format(left)
        arguments = right if isinstance(right, tuple) else (right,)
        check_text(len(left) + sum(len(text) for text in arguments if isinstance(text, str)) * (left.count("%") or 1))
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
