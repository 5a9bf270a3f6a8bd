"""The filters of Orquesta expressions: Jinja's with Jinja's semantics but bounded, Orquesta's and StackStorm's.

`random` draws what a replay draws again. `attr` reads only what a dot can read.
"""

from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any, cast

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.tests import TESTS as JINJA_TESTS
from markupsafe import Markup

from stretto.definitions.data import weigh
from stretto.definitions.expressions.arguments import KEY_UNITS, list_of_members, type_name
from stretto.definitions.expressions.base.bounds import CHANGED, SPLIT, TEXT_BYTES, Fuel
from stretto.definitions.expressions.base.charges import pay_for_replacing, pay_for_slice
from stretto.definitions.expressions.base.layout import layout_filters
from stretto.definitions.expressions.base.tests import bounded_tests
from stretto.definitions.expressions.base.values import settle
from stretto.definitions.expressions.filters import member_units
from stretto.definitions.expressions.functions import JOIN_UNITS
from stretto.definitions.expressions.grouping import group_members
from stretto.definitions.expressions.orquesta import stackstorm
from stretto.definitions.expressions.orquesta.functions import read_json, zipped
from stretto.definitions.expressions.orquesta.jinja_operators import modulo
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
UNKNOWN_FILTER, UNKNOWN_TEST = "an unknown filter", "an unknown test"
LOOP_STEPS, MACRO_UNITS = "the steps of a loop", "the units of a macro"
"""Names of internal filters and tests, which no definition can write."""


def _first_arguments(context: Any, function: Callable[..., Any]) -> tuple[Any, ...]:
    """Return the first argument that a Jinja filter's mark such as `pass_context` asks for."""
    wants = getattr(function, "jinja_pass_arg", None)
    if wants is None:
        return ()
    return ({"context": context, "eval_context": context.eval_ctx, "environment": context.environment}[wants.name],)


@pass_context
def _grouped(context: Any, values: Any, *arguments: Any, **options: Any) -> Any:
    members = values if isinstance(values, list) else list(values)
    context.fuel.burn(KEY_UNITS * len(members))
    return group_members(context, members, *arguments, **options)


_OWN: dict[str, Callable[..., Any]] = {"groupby": _grouped}
"""Filters over lists that take the place of Jinja's."""


def _walking(name: str) -> Callable[..., Any]:
    function = _OWN.get(name) or cast("Callable[..., Any]", JINJA_FILTERS[name])

    @pass_context
    def walking(context: Any, values: Any, *arguments: Any, **options: Any) -> Any:
        fuel: Fuel = context.fuel
        for size in (*arguments, *options.values()):
            if type(size) is int:
                fuel.burn(abs(size))
        values = _walked(fuel, name, values, member_units(name, len(arguments)))
        if name in _COPYING and isinstance(values, Iterable):
            if not isinstance(values, str | dict):
                values = list_of_members(fuel, name, values)
            fuel.make_list(len(values) * _COPYING[name])
        if name in _ORDERING:
            _pay_for_order(context, name, values, *arguments, **options)
        return function(*_first_arguments(context, function), values, *arguments, **options)

    return walking


_COPYING = {
    "batch": 9, "dictsort": 9, "groupby": 2, "items": 9, "list": 1, "max": 1, "min": 1, "reverse": 1, "slice": 9,
    "sort": 1, "unique": 1,
}  # fmt: skip
"""Filters that create lists, with the members that they create for each one: a list of one takes nine."""
_ORDERING = frozenset({"dictsort", "max", "min", "sort", "unique"})
_GLANCING = frozenset({"count", "first", "last", "length"})


def _walked(fuel: Fuel, name: str, values: Any, units: int) -> Any:
    """Pay for reading the members of a list. Returns the list, or an iterator that pays."""
    if isinstance(values, str) and name == "reverse":
        pay_for_slice(fuel, values, None, None, -1)
    elif isinstance(values, Sized):
        fuel.burn(units * len(values) if name not in _GLANCING else 1)
    elif isinstance(values, Iterable):
        return fuel.walk(values, units)
    return values


def _pay_for_order(
    context: Any,
    name: str,
    values: Any,
    *arguments: Any,
    attribute: Any = None,
    by: str = "key",
    **_options: Any,
) -> None:
    """Pay for comparing the members of a list, or what `attribute` reads of them."""
    fuel: Fuel = context.fuel
    if isinstance(values, dict):
        keys = (
            [*values.values()] if "value" in {by, *(each for each in arguments if isinstance(each, str))} else [*values]
        )
    else:
        keys = list(values)
        position = {"max": 1, "min": 1, "sort": 2, "unique": 1}.get(name, 0)
        attribute = attribute if attribute is not None or len(arguments) <= position else arguments[position]
        if isinstance(attribute, str | int):
            fuel.burn(KEY_UNITS * len(keys))
            # A sort reads several attributes with commas between them.
            paths = attribute.split(",") if isinstance(attribute, str) and name == "sort" else [attribute]
            readers = [make_attrgetter(context.environment, path) for path in paths]
            keys = [read(each) for read in readers for each in keys]
    fuel.burn(sum(len(key) // CHANGED for key in keys if isinstance(key, str)))
    fuel.order(keys, sort=name not in {"max", "min", "unique"})


def _plain(name: str) -> Callable[..., Any]:
    function = cast("Callable[..., Any]", JINJA_FILTERS[name])

    @pass_context
    def plain(context: Any, *arguments: Any, **options: Any) -> Any:
        if name not in _PASSING:
            for argument in arguments:
                if isinstance(argument, str):
                    context.fuel.burn(len(argument) // SPLIT)
                    context.fuel.make_text(len(argument), argument)
        return function(*_first_arguments(context, function), *arguments, **options)

    return plain


_PASSING = frozenset({"attr", "d", "default"})


@pass_context
def _int(_context: Any, value: Any, default: Any = 0, base: Any = 10) -> Any:
    if isinstance(value, str) and len(value) > MAX_DIGITS:
        raise ValueError(f"int takes text of at most {MAX_DIGITS:,} characters, got {len(value):,}")
    return JINJA_FILTERS["int"](value, default, base)


@pass_context
def _round(_context: Any, value: Any, precision: Any = 0, method: Any = "common") -> Any:
    if isinstance(precision, int) and abs(precision) > MAX_PRECISION:
        raise ValueError(f"round takes a precision from -{MAX_PRECISION} to {MAX_PRECISION}")
    return JINJA_FILTERS["round"](value, precision, method)


MAX_DIGITS = 1024
MAX_PRECISION = 300


def _textual(name: str, growth: int) -> Callable[..., Any]:
    function = cast("Callable[..., Any]", JINJA_FILTERS[name])

    @pass_context
    def textual(context: Any, value: Any, *arguments: Any, **options: Any) -> Any:
        text = value if isinstance(value, str) else text_of(value, context.fuel)
        context.fuel.burn(_TEXT_UNITS.get(name, 1) * len(text))
        context.fuel.make_text((1 if text.isascii() and name in _KEEPING else growth) * len(text), text)
        if name in _LISTING:
            context.fuel.make(TEXT_BYTES * len(text) // 2)
        return function(*_first_arguments(context, function), text, *arguments, **options)

    return textual


_KEEPING = frozenset({"capitalize", "lower", "string", "striptags", "title", "trim", "truncate", "upper", "wordcount"})
"""Filters that make an ASCII text no longer."""
_LISTING = frozenset({"title", "urlize", "wordcount"})
"""Filters that list the words of a text."""
_TEXT_UNITS = {"striptags": 4, "title": 4, "urlize": 40, "wordcount": 2}


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
        context.fuel.make_text(len(texts[-1]) + len(separator), texts[-1] if separator.isascii() else separator)
        context.fuel.burn(JOIN_UNITS)
    return separator.join(texts)


def _replace(fuel: Fuel, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = (text_of(each, fuel) for each in (value, old, new))
    pay_for_replacing(fuel, text, old, new)
    return text.replace(old, new, -1 if count is None else count)


def _format(fuel: Fuel, value: Any, *arguments: Any, **options: Any) -> str:
    return str(modulo(text_of(value, fuel), options or arguments, fuel))


def _urlencode(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.burn(weigh(data))
    fuel.make((3 if isinstance(data, str) and data.isascii() else 12) * weigh(data))
    return str(JINJA_FILTERS["urlencode"](data))


@pass_context
def _tojson(context: Any, value: Any, indent: int | None = None) -> Any:
    separators = (", ", ": ") if indent is None else (",", ": ")
    text = stackstorm.to_json_string(context.evaluation, value, indent, sort_keys=True, separators=separators)
    for character, escape in _HTML_ESCAPES.items():
        pay_for_replacing(context.fuel, text, character, escape)
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 - as Jinja's filter


_HTML_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"}


def _pprint(fuel: Fuel, value: Any) -> str:
    data = settle(value, fuel)
    fuel.burn(40 * weigh(data))
    fuel.make(8 * weigh(data))
    return str(JINJA_FILTERS["pprint"](data))


@pass_context
def _xmlattr(context: Any, value: Any, autospace: bool = True) -> Any:  # noqa: FBT001, FBT002 - as Jinja's filter
    data = settle(value, context.fuel)
    context.fuel.burn(4 * weigh(data))
    context.fuel.make(24 * weigh(data))
    return JINJA_FILTERS["xmlattr"](context.eval_ctx, data, autospace)


@pass_context
def _random(context: Any, values: Any) -> Any:
    """Return a member of a list, a text or a range. Of an empty one, it is undefined."""
    if not isinstance(values, Sequence):
        raise TypeError(f"random takes a list, got a value of type {type_name(values)}")
    if not values:
        return context.environment.undefined("No random item, sequence was empty.")
    context.fuel.burn(1)
    return values[int(context.evaluation.moment.random() * len(values))]


def _refuse_unknown(kind: str) -> Callable[..., Any]:
    def refuse(_value: Any, name: str, *_arguments: Any, **_options: Any) -> Any:
        raise ValueError(f"there is no {kind} {name!r}")

    return refuse


@pass_context
def _steps_of_a_loop(context: Any, values: Any, units: int) -> Any:
    """Pay for the passes of a `for` loop. The compiler wraps it around the list of every loop."""
    if not isinstance(values, Iterable):
        raise TypeError(f"a loop takes a list, got a value of type {type_name(values)}")
    return context.fuel.walk(values, units)


@pass_context
def _pay_for_macro(context: Any, units: int) -> bool:
    """Pay for a call of a macro. The compiler writes it before the macro's body."""
    context.fuel.burn(units)
    return False


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: _walking(name) for name in WALKING},
    **{name: _plain(name) for name in PLAIN},
    **{name: _textual(name, growth) for name, growth in TEXTUAL.items()},
    **{name: _evaluated(function) for name, function in stackstorm.FUNCTIONS.items()},
    **layout_filters(text_of),
    "format": _bound(_format),
    "int": _int,
    "round": _round,
    "join": _join,
    "json": _evaluated(read_json),
    "pprint": _bound(_pprint),
    "random": _random,
    "replace": _bound(_replace),
    "tojson": _tojson,
    "urlencode": _bound(_urlencode),
    "xmlattr": _xmlattr,
    "zip": _evaluated(zipped),
}
FILTER_NAMES = frozenset(FILTERS)
TESTS: dict[str, Callable[..., Any]] = {
    name: cast("Callable[..., Any]", test) for name, test in JINJA_TESTS.items() if name not in {"filter", "test"}
} | bounded_tests(text_of, modulo)
TEST_NAMES = frozenset(TESTS)
FILTERS |= {UNKNOWN_FILTER: _refuse_unknown("filter"), LOOP_STEPS: _steps_of_a_loop, MACRO_UNITS: _pay_for_macro}
TESTS |= {UNKNOWN_TEST: _refuse_unknown("test")}
