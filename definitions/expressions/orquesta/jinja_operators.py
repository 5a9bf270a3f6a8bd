"""Bounded arithmetic for Orquesta's Jinja, with Python's semantics: a quotient is a float."""

from collections.abc import Callable
from typing import Any

from stretto.definitions.expressions.base.bounds import MAX_FORMAT_WIDTH, Fuel, check_format
from stretto.definitions.expressions.base.operators import OPERATORS as BOUNDED
from stretto.definitions.expressions.orquesta.texts import printable, text_of


def _divide(left: Any, right: Any, _fuel: Fuel) -> Any:
    return left / right


def modulo(left: Any, right: Any, fuel: Fuel) -> Any:
    """Return the remainder, or formatted text."""
    if not isinstance(left, str):
        return left % right
    fuel.burn(len(left) // 4)
    check_format(left)
    values = right if isinstance(right, tuple) else right.values() if isinstance(right, dict) else (right,)
    texts = [text_of(value, fuel) for value in values]
    widest = max(map(len, texts), default=0)
    is_plain = left.isascii() and all(map(str.isascii, texts))
    length = len(left) + left.count("%") * max(2 * widest, MAX_FORMAT_WIDTH)
    fuel.make_text(length, "" if is_plain else "\xff")
    return left % printable(right, fuel)


OPERATORS: dict[str, Callable[[Any, Any, Fuel], Any]] = {**BOUNDED, "/": _divide, "%": modulo}
