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
from stretto.definitions.expressions.arguments import check_arguments, list_of_members, type_name
from stretto.definitions.expressions.base.bounds import CHANGED, TEXT_BYTES, Fuel
from stretto.definitions.expressions.base.charges import pay_for_slice
from stretto.definitions.expressions.base.layout import layout_filters
from stretto.definitions.expressions.base.operators import OPERATORS
from stretto.definitions.expressions.base.tests import bounded_tests
from stretto.definitions.expressions.base.values import settle, text_of
from stretto.definitions.expressions.both_forms import BOTH_FORMS
from stretto.definitions.expressions.functions import FILTERS_ONLY, FUNCTIONS
from stretto.definitions.expressions.grouping import group_members

WALKING = frozenset({"batch", "groupby", "map", "reject", "rejectattr", "select", "selectattr", "slice", "list"})
"""Jinja's filters over lists, which pay for the members they read."""
OWN: dict[str, Callable[..., Any]] = {"groupby": pass_context(group_members)}
"""Filters over lists that take the place of Jinja's."""
MEMBER_UNITS = {"dictsort": 10, "groupby": 8, "map": 3, "rejectattr": 3, "selectattr": 3}
"""The units that these filters take for a member. Each filter or test that they call takes `CALLED_UNITS` more."""
CALLED_UNITS = 7
PASSING = frozenset({"d", "default", "first", "last"})
"""Jinja's filters that return an operand."""
TEXTUAL_UNITS = 2
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


def _bound(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def bounded(context: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(context.fuel, *arguments, **options)
        except TypeError:
            check_arguments(name, function, arguments, options)
            raise

    return bounded


def member_units(name: str, arguments: int) -> int:
    """Return the units that a filter over a list takes for each member."""
    calls = arguments > (name in {"selectattr", "rejectattr"})
    return MEMBER_UNITS.get(name, 1) + (CALLED_UNITS if calls and name in CALLING else 0)


CALLING = frozenset({"map", "reject", "rejectattr", "select", "selectattr"})


def _walking(name: str) -> Callable[..., Any]:
    """Bound a filter over a list. Jinja's marks such as `pass_context` name its first argument."""
    function = OWN.get(name) or cast("Callable[..., Any]", JINJA_FILTERS[name])
    wants = getattr(function, "jinja_pass_arg", None)

    @pass_context
    def walking(context: Any, values: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(values, Iterable):
            raise TypeError(f"a list filter takes a list, got a {type(values).__name__}")
        fuel: Fuel = context.fuel
        for size in (*arguments, *options.values()):
            if isinstance(size, int):
                fuel.burn(abs(size))
        units = member_units(name, len(arguments))
        if name in COPYING:
            values = list(fuel.walk(values, units))
            fuel.make_list(len(values) * COPYING[name])
        else:
            values = fuel.walk(values, units)
        first = {
            None: (),
            "context": (context,),
            "eval_context": (context.eval_ctx,),
            "environment": (context.environment,),
        }[wants if wants is None else wants.name]
        return function(*first, values, *arguments, **options)

    return walking


COPYING = {"batch": 9, "groupby": 2, "list": 1, "slice": 9}
"""Filters that create lists, with the members that they create for each one: a list of one takes nine."""


def _dictsort(
    fuel: Fuel,
    value: Any,
    case_sensitive: bool = False,  # noqa: FBT001, FBT002 - the parameters of Jinja's filter
    by: str = "key",
    reverse: bool = False,  # noqa: FBT001, FBT002
) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"dictsort takes an object, got a value of type {type_name(value)}")
    fuel.make_list(9 * len(value))
    fuel.burn(MEMBER_UNITS["dictsort"] * len(value))
    keys = list(value.values() if by == "value" else value)
    if not case_sensitive:
        fuel.burn(sum(len(key) // CHANGED for key in keys if isinstance(key, str)))
    fuel.order(keys)
    return JINJA_FILTERS["dictsort"](value, case_sensitive, by, reverse)


def _reverse(fuel: Fuel, value: Any) -> Any:
    if isinstance(value, str):
        pay_for_slice(fuel, value, None, None, -1)
    elif not isinstance(value, list | tuple | dict):
        value = list_of_members(fuel, "reverse", value)
    return JINJA_FILTERS["reverse"](value)


def _textual(function: Callable[..., Any], *, with_environment: bool) -> Callable[..., Any]:
    """Bound a filter over text. Other values become text as they do between other text."""

    @pass_context
    def textual(context: Any, value: Any, *arguments: Any, **options: Any) -> Any:
        text = text_of(value, context.fuel)
        context.fuel.burn(TEXTUAL_UNITS * len(text))
        context.fuel.make_text(len(text), text)
        context.fuel.make(TEXT_BYTES * len(text) // 2)
        first = (context.environment,) if with_environment else ()
        return function(*first, text, *arguments, **options)

    return textual


def _urlencode(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.burn(weigh(data))
    fuel.make_text(12 * weigh(data) if not isinstance(data, str) or not data.isascii() else 3 * len(data))
    return str(JINJA_FILTERS["urlencode"](data))


def _items(fuel: Fuel, value: Any) -> list[tuple[str, Any]]:
    if type_name(value) != "object":
        raise TypeError(f"items takes an object, got a value of type {type_name(value)}")
    fuel.make_list(9 * len(value))
    return list(value.items())


@pass_context
def steps_of_a_loop(context: Any, values: Any, units: int) -> Any:
    """Pay for the passes of a `for` loop. The compiler wraps it around the list of every loop."""
    if not isinstance(values, Iterable):
        raise TypeError(f"a loop takes a list, got a {type(values).__name__}")
    return context.fuel.walk(values, units)


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: cast("Callable[..., Any]", JINJA_FILTERS[name]) for name in PASSING},
    **{name: _walking(name) for name in WALKING},
    **{name: _textual(JINJA_FILTERS[name], with_environment=name == "truncate") for name in TEXTUAL},
    **{
        name: _bound(name, function)
        for name, function in (FUNCTIONS | FILTERS_ONLY).items()
        if name in JINJA_FILTERS and name != "slice"
    },
    **{name: _bound(name, function) for name, function in BOTH_FORMS.items()},
    **layout_filters(text_of),
    "dictsort": _bound("dictsort", _dictsort),
    "items": _bound("items", _items),
    "reverse": _bound("reverse", _reverse),
    "urlencode": _bound("urlencode", _urlencode),
}
ALLOWED_TESTS: dict[str, Callable[..., Any]] = {
    name: bounded_tests(text_of, OPERATORS["%"]).get(name, cast("Callable[..., Any]", JINJA_TESTS[name]))
    for name in TESTS
}
