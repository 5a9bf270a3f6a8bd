"""The allowed filters and tests of expressions. Each filter checks its bounds before it creates anything.

A filter is Stretto's own if the language has a function of that name, else Jinja's. Filters that create HTML, read
attributes of Python objects or are random are left out.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from stretto.definitions.data import weigh
from stretto.definitions.expressions.arguments import type_name
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.layout import layout_filters
from stretto.definitions.expressions.base.values import settle, text_of
from stretto.definitions.expressions.functions import FILTERS_ONLY, FUNCTIONS

WALKING = frozenset({"batch", "groupby", "map", "reject", "rejectattr", "select", "selectattr", "slice", "list"})
"""Jinja's filters over lists, which pay for the members they read."""
PASSING = frozenset({"d", "default", "dictsort", "first", "last", "reverse"})
"""Jinja's filters that create no text."""
TEXTUAL = frozenset({"capitalize", "title", "truncate", "wordcount"})
"""Jinja's filters over text, whose result is not longer."""
TESTS = frozenset(
    {
        "boolean",         "defined",         "divisibleby",         "eq",         "equalto",         "even",
        "false",         "float",         "ge",         "greaterthan",         "gt",         "in",
        "integer",         "iterable",         "le",         "lessthan",         "lower",         "lt",
        "mapping",         "ne",         "none",         "number",         "odd",         "sequence",
        "string",         "true",         "undefined",         "upper",         "==",         "!=",
        ">",         ">=",         "<",         "<=",
    }
)  # fmt: skip


def _bound(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def bounded(context: Any, *arguments: Any, **options: Any) -> Any:
        return function(context.fuel, *arguments, **options)

    return bounded


def _walking(function: Callable[..., Any]) -> Callable[..., Any]:
    """Bound a filter over a list. Jinja's marks such as `pass_context` name its first argument."""
    wants = getattr(function, "jinja_pass_arg", None)

    @pass_context
    def walking(context: Any, values: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(values, Iterable):
            raise TypeError(f"a list filter takes a list, got a {type(values).__name__}")
        for size in (*arguments, *options.values()):
            if isinstance(size, int):
                context.fuel.burn(abs(size))
        first = {
            None: (),
            "context": (context,),
            "eval_context": (context.eval_ctx,),
            "environment": (context.environment,),
        }[wants if wants is None else wants.name]
        return function(*first, context.fuel.walk(values), *arguments, **options)

    return walking


def _textual(function: Callable[..., Any], *, with_environment: bool) -> Callable[..., Any]:
    """Bound a filter over text. Other values become text as they do between other text."""

    @pass_context
    def textual(context: Any, value: Any, *arguments: Any, **options: Any) -> Any:
        text = text_of(value, context.fuel)
        context.fuel.make_text(len(text))
        first = (context.environment,) if with_environment else ()
        return function(*first, text, *arguments, **options)

    return textual


def _urlencode(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.make_text(3 * weigh(data))
    return str(JINJA_FILTERS["urlencode"](data))


def _items(fuel: Fuel, value: Any) -> list[tuple[str, Any]]:
    if type_name(value) != "object":
        raise TypeError(f"items takes an object, got a value of type {type_name(value)}")
    fuel.burn(len(value))
    return list(value.items())


@pass_context
def steps_of_a_loop(context: Any, values: Any) -> Any:
    """Pay for the steps of a `for` loop. The compiler wraps it around the list of every loop."""
    if not isinstance(values, Iterable):
        raise TypeError(f"a loop takes a list, got a {type(values).__name__}")
    return context.fuel.walk(values)


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: cast("Callable[..., Any]", JINJA_FILTERS[name]) for name in PASSING},
    **{name: _walking(JINJA_FILTERS[name]) for name in WALKING},
    **{name: _textual(JINJA_FILTERS[name], with_environment=name == "truncate") for name in TEXTUAL},
    **{
        name: _bound(function)
        for name, function in (FUNCTIONS | FILTERS_ONLY).items()
        if name in JINJA_FILTERS and name != "slice"
    },
    **layout_filters(text_of),
    "items": _bound(_items),
    "urlencode": _bound(_urlencode),
}
ALLOWED_TESTS: dict[str, Callable[..., Any]] = {name: cast("Callable[..., Any]", JINJA_TESTS[name]) for name in TESTS}
