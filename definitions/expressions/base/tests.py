"""Bounded versions of Jinja's tests (`is eq`, `is in`, `is lower`), for each dialect's conversion to text."""

from collections.abc import Callable
from typing import Any, cast

from jinja2 import pass_context
from jinja2.tests import TESTS as JINJA_TESTS

from stretto.definitions.expressions.base.bounds import TESTED, Fuel
from stretto.definitions.expressions.base.layout import TextOf

_EQUALITIES = ("eq", "equalto", "==", "ne", "!=")
_ORDERS = ("ge", ">=", "greaterthan", "gt", ">", "le", "<=", "lessthan", "lt", "<")


def bounded_tests(text_of: TextOf, modulo: Callable[[Any, Any, Fuel], Any]) -> dict[str, Callable[..., Any]]:
    """Return the tests that pay by name. All others take the same time for every value."""

    def comparing(name: str, *, ordered: bool) -> Callable[..., Any]:
        test = cast("Callable[..., Any]", JINJA_TESTS[name])

        @pass_context
        def compare(context: Any, value: Any, other: Any) -> Any:
            context.fuel.compare(value, other, ordered=ordered)
            return test(value, other)

        return compare

    def testing(name: str) -> Callable[..., Any]:
        test = cast("Callable[..., Any]", JINJA_TESTS[name])

        @pass_context
        def of_text(context: Any, value: Any) -> Any:
            text = text_of(value, context.fuel)
            context.fuel.burn(len(text) // TESTED)
            return test(text)

        return of_text

    @pass_context
    def is_in(context: Any, value: Any, among: Any) -> bool:
        return value in context.fuel.look_for(value, among)

    @pass_context
    def is_divisible(context: Any, value: Any, by: Any) -> bool:
        return bool(modulo(value, by, context.fuel) == 0)

    @pass_context
    def is_even(context: Any, value: Any) -> bool:
        return bool(modulo(value, 2, context.fuel) == 0)

    @pass_context
    def is_odd(context: Any, value: Any) -> bool:
        return bool(modulo(value, 2, context.fuel) == 1)

    return {
        **{name: comparing(name, ordered=False) for name in _EQUALITIES},
        **{name: comparing(name, ordered=True) for name in _ORDERS},
        **{name: testing(name) for name in ("lower", "upper")},
        "divisibleby": is_divisible,
        "even": is_even,
        "in": is_in,
        "odd": is_odd,
    }
