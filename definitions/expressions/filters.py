"""The filters and tests that an expression may use: an allow-list, each bounded before it makes anything.

Ours where the language has a function of the same name; Jinja's own for the rest. What makes HTML, reads
attributes of Python objects, or is random is not here.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from stretto.definitions.expressions.bounds import Fuel, check_text
from stretto.definitions.expressions.functions import FILTERS_ONLY, FUNCTIONS

WALKING = frozenset({"batch", "groupby", "map", "reject", "rejectattr", "select", "selectattr", "slice", "list"})
"""Jinja's filters over lists, paid for by the members they walk over."""
PASSING = frozenset(
    {
        "capitalize",
        "d",
        "default",
        "dictsort",
        "first",
        "items",
        "last",
        "reverse",
        "title",
        "truncate",
        "wordcount",
    }
)
"""Jinja's filters that make nothing larger than what they are given."""
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
MAX_WIDTH = 10_000


def _bound(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def bounded(context: Any, *arguments: Any, **options: Any) -> Any:
        return function(context.fuel, *arguments, **options)

    return bounded


def _walking(function: Callable[..., Any]) -> Callable[..., Any]:
    """Bound a filter over a list; Jinja's marks (`pass_context`) tell what else it wants first."""
    wants = getattr(function, "jinja_pass_arg", None)

    @pass_context
    def walking(context: Any, values: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(values, Iterable):
            raise TypeError(f"a filter over a list was given a {type(values).__name__}")
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


def _center(_fuel: Fuel, value: Any, width: int = 80) -> str:
    check_text(len(str(value)) + _width("center", width))
    return str(value).center(width)


def _indent(
    _fuel: Fuel,
    value: Any,
    width: int | str = 4,
    first: bool = False,  # noqa: FBT001, FBT002 - the parameters of Jinja's filter
    blank: bool = False,  # noqa: FBT001, FBT002
) -> str:
    step = len(width) if isinstance(width, str) else _width("indent", width)
    check_text(len(value) + (value.count("\n") + 1) * step)
    return str(JINJA_FILTERS["indent"](value, width, first, blank))


@pass_context
def _wordwrap(context: Any, value: str, width: int = 79, *arguments: Any, **options: Any) -> str:
    _width("wordwrap", width)
    between = sum(len(each) for each in (*arguments, *options.values()) if isinstance(each, str))
    check_text(len(value) * (1 + between))
    return str(JINJA_FILTERS["wordwrap"](context.environment, value, width, *arguments, **options))


def _urlencode(_fuel: Fuel, value: Any) -> str:
    check_text(3 * len(value) if isinstance(value, str) else 0)
    return str(JINJA_FILTERS["urlencode"](value))


def _width(name: str, width: Any) -> int:
    if not isinstance(width, int) or abs(width) > MAX_WIDTH:
        raise ValueError(f"{name} takes a width of at most {MAX_WIDTH:,}")
    return abs(width)


@pass_context
def steps_of_a_loop(context: Any, values: Any) -> Any:
    """Pay for the steps of a `for` loop; the compiler puts it around every loop's list."""
    if not isinstance(values, Iterable):
        raise TypeError(f"a loop runs over a list, not over a {type(values).__name__}")
    return context.fuel.walk(values)


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: cast("Callable[..., Any]", JINJA_FILTERS[name]) for name in PASSING},
    **{name: _walking(JINJA_FILTERS[name]) for name in WALKING},
    **{
        name: _bound(function)
        for name, function in (FUNCTIONS | FILTERS_ONLY).items()
        if name in JINJA_FILTERS and name != "slice"
    },
    "center": _bound(_center),
    "indent": _bound(_indent),
    "urlencode": _bound(_urlencode),
    "wordwrap": _wordwrap,
}
ALLOWED_TESTS: dict[str, Callable[..., Any]] = {name: cast("Callable[..., Any]", JINJA_TESTS[name]) for name in TESTS}
