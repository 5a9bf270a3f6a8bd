"""The filters of Orquesta expressions: Jinja's with Jinja's semantics but bounded, Orquesta's and StackStorm's.

`random` is refused. `attr` reads only what a dot can read.
"""

from collections.abc import Callable, Iterable, Sized
from typing import Any, cast

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from stretto.definitions.data import weigh
from stretto.definitions.expressions.arguments import type_name
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.layout import layout_filters
from stretto.definitions.expressions.base.values import settle
from stretto.definitions.expressions.orquesta import stackstorm
from stretto.definitions.expressions.orquesta.functions import read_json, zipped
from stretto.definitions.expressions.orquesta.texts import text_of

WALKING = frozenset(
    {
        "batch", "count", "dictsort", "first", "groupby", "items", "join", "last", "length", "list", "map", "max",
        "min", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sort", "sum", "unique",
    }
)  # fmt: skip
"""Filters over lists (some also over text), which pay for the members they read."""
PLAIN = frozenset({"abs", "attr", "d", "default", "filesizeformat", "float", "int", "round", "safe"})
"""Filters with small results."""
TEXTUAL: dict[str, int] = {
    "capitalize": 1, "e": 6, "escape": 6, "forceescape": 6, "lower": 2, "string": 1, "striptags": 1, "title": 2,
    "trim": 1, "truncate": 1, "upper": 3, "urlize": 12, "wordcount": 1,
}  # fmt: skip
"""Filters over text, with the maximum growth of the text."""
UNKNOWN_FILTER, UNKNOWN_TEST, LOOP_STEPS = "an unknown filter", "an unknown test", "the steps of a loop"
"""Names of internal filters and tests, which no definition can write."""


def _first_arguments(context: Any, function: Callable[..., Any]) -> tuple[Any, ...]:
    """Return the first argument that a Jinja filter's mark such as `pass_context` asks for."""
    wants = getattr(function, "jinja_pass_arg", None)
    if wants is None:
        return ()
    return ({"context": context, "eval_context": context.eval_ctx, "environment": context.environment}[wants.name],)


def _walking(name: str) -> Callable[..., Any]:
    function = cast("Callable[..., Any]", JINJA_FILTERS[name])

    @pass_context
    def walking(context: Any, values: Any, *arguments: Any, **options: Any) -> Any:
        fuel: Fuel = context.fuel
        for size in (*arguments, *options.values()):
            if type(size) is int:
                fuel.burn(abs(size))
        if name in _COMPARING:
            fuel.compare(values)
        if isinstance(values, str):
            fuel.make_text(len(values))
        elif isinstance(values, Sized):
            fuel.burn(len(values) if name not in _GLANCING else 1)
        elif isinstance(values, Iterable):
            values = fuel.walk(values)
        return function(*_first_arguments(context, function), values, *arguments, **options)

    return walking


_COMPARING = frozenset({"groupby", "max", "min", "sort", "unique"})
_GLANCING = frozenset({"count", "first", "last", "length"})


def _plain(name: str) -> Callable[..., Any]:
    function = cast("Callable[..., Any]", JINJA_FILTERS[name])

    @pass_context
    def plain(context: Any, *arguments: Any, **options: Any) -> Any:
        return function(*_first_arguments(context, function), *arguments, **options)

    return plain


def _textual(name: str, growth: int) -> Callable[..., Any]:
    function = cast("Callable[..., Any]", JINJA_FILTERS[name])

    @pass_context
    def textual(context: Any, value: Any, *arguments: Any, **options: Any) -> Any:
        text = value if isinstance(value, str) else text_of(value, context.fuel)
        context.fuel.make_text(growth * len(text))
        return function(*_first_arguments(context, function), text, *arguments, **options)

    return textual


def _bound(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def bounded(context: Any, *arguments: Any, **options: Any) -> Any:
        return function(context.fuel, *arguments, **options)

    return bounded


def _evaluated(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def evaluated(context: Any, *arguments: Any, **options: Any) -> Any:
        return function(context.evaluation, *arguments, **options)

    return evaluated


@pass_context
def _join(context: Any, values: Any, d: Any = "", attribute: Any = None) -> str:
    if attribute is not None:
        values = JINJA_FILTERS["map"](context, values, attribute=attribute)
    separator = text_of(d, context.fuel)
    texts = []
    for value in context.fuel.walk(values):
        texts.append(text_of(value, context.fuel))
        context.fuel.make_text(len(texts[-1]) + len(separator))
    return separator.join(texts)


def _replace(fuel: Fuel, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = (text_of(each, fuel) for each in (value, old, new))
    times = len(text) + 1 if not old else text.count(old)
    fuel.make_text(len(text) + times * max(len(new) - len(old), 0))
    return text.replace(old, new, -1 if count is None else count)


def _format(fuel: Fuel, value: Any, *arguments: Any, **options: Any) -> str:
    from stretto.definitions.expressions.orquesta.jinja_operators import modulo  # noqa: PLC0415 - a circular import

    return str(modulo(text_of(value, fuel), options or arguments, fuel))


def _urlencode(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.make_text(9 * weigh(data))
    return str(JINJA_FILTERS["urlencode"](data))


@pass_context
def _tojson(context: Any, value: Any, indent: int | None = None) -> Any:
    text = stackstorm.to_json_string(context.evaluation, value, indent)
    context.fuel.make_text(5 * sum(map(text.count, "<>&'")))
    return JINJA_FILTERS["tojson"](context.eval_ctx, settle(value, context.fuel), indent)


def _pprint(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.burn(weigh(data) // 8)
    fuel.make_text(2 * weigh(data))
    return str(JINJA_FILTERS["pprint"](data))


@pass_context
def _xmlattr(context: Any, value: Any, autospace: bool = True) -> Any:  # noqa: FBT001, FBT002 - as Jinja's filter
    data = settle(value, context.fuel)
    context.fuel.make_text(6 * weigh(data))
    return JINJA_FILTERS["xmlattr"](context.eval_ctx, data, autospace)


def _refuse_random(_fuel: Fuel, *_arguments: Any) -> Any:
    raise ValueError("random is not available, because a replay of the run must give the same values")


def _refuse_unknown(kind: str) -> Callable[..., Any]:
    def refuse(_value: Any, name: str, *_arguments: Any, **_options: Any) -> Any:
        raise ValueError(f"there is no {kind} {name!r}")

    return refuse


@pass_context
def _steps_of_a_loop(context: Any, values: Any) -> Any:
    """Pay for the steps of a `for` loop. The compiler wraps it around the list of every loop."""
    if not isinstance(values, Iterable):
        raise TypeError(f"a loop takes a list, got a value of type {type_name(values)}")
    return context.fuel.walk(values)


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: _walking(name) for name in WALKING},
    **{name: _plain(name) for name in PLAIN},
    **{name: _textual(name, growth) for name, growth in TEXTUAL.items()},
    **{name: _evaluated(function) for name, function in stackstorm.FUNCTIONS.items()},
    **layout_filters(text_of),
    "format": _bound(_format),
    "join": _join,
    "json": _evaluated(read_json),
    "pprint": _bound(_pprint),
    "random": _bound(_refuse_random),
    "replace": _bound(_replace),
    "tojson": _tojson,
    "urlencode": _bound(_urlencode),
    "xmlattr": _xmlattr,
    "zip": _evaluated(zipped),
}
FILTER_NAMES = frozenset(FILTERS)
TESTS: dict[str, Callable[..., Any]] = {
    name: cast("Callable[..., Any]", test) for name, test in JINJA_TESTS.items() if name not in {"filter", "test"}
}
TEST_NAMES = frozenset(TESTS)
FILTERS |= {UNKNOWN_FILTER: _refuse_unknown("filter"), LOOP_STEPS: _steps_of_a_loop}
TESTS |= {UNKNOWN_TEST: _refuse_unknown("test")}
