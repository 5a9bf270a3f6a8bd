"""Replacements for functions of YAQL's standard library.

Functions are replaced if they are random, read a clock, use backtracking regular expressions, return members in an
order that differs between processes, or create texts without a bound.
"""

import datetime as dt
import operator
import string
from collections.abc import Callable, Iterator
from typing import Any

from dateutil import parser as date_parser
from dateutil import tz
from yaql.language import contexts, specs, utils, yaqltypes
from yaql.standard_library import collections as std_collections
from yaql.standard_library import date_time as std_date_time
from yaql.standard_library import math as std_math
from yaql.standard_library import queries as std_queries
from yaql.standard_library import strings as std_strings

from stretto.definitions.expressions.orquesta.regular import Pattern
from stretto.definitions.expressions.orquesta.texts import PRINTED, pay_for_escapes
from stretto.definitions.expressions.orquesta.yaql_checks import MAX_DATE_LENGTH, check_replacing
from stretto.definitions.expressions.orquesta.yaql_metering import fuel_of
from stretto.definitions.expressions.orquesta.yaql_regex import REPLACED_REGEX
from stretto.definitions.expressions.orquesta.yaql_views import ListView, ObjectView, OrderedSet


@specs.parameter("value", nullable=True)
@specs.name("str")
def _text(context: Any, value: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    if value is None or value is True or value is False:
        return words[value]
    if isinstance(value, str):
        return value
    if isinstance(value, contexts.ContextBase | Pattern | Iterator):
        raise TypeError("str() takes data, got a context, a pattern or an iterator")
    fuel = fuel_of(context)
    if isinstance(value, ListView | ObjectView):
        fuel.burn(value.frozen.weight * 5 // 4)
        pay_for_escapes(fuel, value.frozen)
    made = str(value)
    fuel.burn(len(made) // PRINTED)
    fuel.make_text(len(made), made)
    return made


def _joined(context: Any, separator: str, sequence: Any, as_text: Callable[[Any], str]) -> str:
    fuel = fuel_of(context)
    texts = []
    for member in sequence:
        texts.append(as_text(member))
        fuel.make_text(len(texts[-1]) + len(separator), texts[-1] if separator.isascii() else separator)
    return separator.join(texts)


@specs.parameter("sequence", yaqltypes.Iterable())
@specs.parameter("separator", yaqltypes.String())
@specs.inject("str_delegate", yaqltypes.Delegate("str"))
@specs.method
def _join(context: Any, sequence: Any, separator: str, str_delegate: Any) -> str:
    return _joined(context, separator, sequence, str_delegate)


@specs.parameter("sequence", yaqltypes.Iterable())
@specs.parameter("separator", yaqltypes.String())
@specs.inject("str_delegate", yaqltypes.Delegate("str"))
@specs.method
@specs.name("join")
def _join_between(context: Any, separator: str, sequence: Any, str_delegate: Any) -> str:
    return _joined(context, separator, sequence, str_delegate)


@specs.parameter("string", yaqltypes.String())
@specs.parameter("replacements", utils.MappingType)
@specs.parameter("count", int)
@specs.inject("str_func", yaqltypes.Delegate("str"))
@specs.method
@specs.name("replace")
def _replace_with_dict(context: Any, string: str, str_func: Any, replacements: Any, count: int = -1) -> str:
    fuel = fuel_of(context)
    for key, value in replacements.items():
        old, new = str_func(key), str_func(value)
        check_replacing(fuel, string, old, new)
        string = string.replace(old, new, count)
    return string


def _characters(  # noqa: PLR0913, PLR0917 - YAQL's parameters
    digits: bool = False, hexdigits: bool = False, ascii_lowercase: bool = False,  # noqa: FBT001, FBT002
    ascii_uppercase: bool = False, ascii_letters: bool = False, octdigits: bool = False,  # noqa: FBT001, FBT002
    punctuation: bool = False, printable: bool = False, whitespace: bool = False,  # noqa: FBT001, FBT002
) -> tuple[str, ...]:  # fmt: skip
    asked = {
        string.digits: digits,
        string.hexdigits: hexdigits,
        string.ascii_lowercase: ascii_lowercase,
        string.ascii_uppercase: ascii_uppercase,
        string.ascii_letters: ascii_letters,
        string.octdigits: octdigits,
        string.punctuation: punctuation,
        string.printable: printable,
        string.whitespace: whitespace,
    }
    return tuple(dict.fromkeys("".join(group for group, wanted in asked.items() if wanted)))


@specs.method
@specs.parameter("collection", yaqltypes.Iterable())
def _to_set(collection: Any) -> OrderedSet:
    return OrderedSet(collection)


@specs.parameter("s", utils.SetType, alias="set")
@specs.method
@specs.name("add")
def _set_add(s: Any, *values: Any) -> OrderedSet:
    return OrderedSet([*s, *values])


@specs.parameter("s", utils.SetType, alias="set")
@specs.method
@specs.name("remove")
def _set_remove(s: Any, *values: Any) -> OrderedSet:
    return OrderedSet(s).difference(values)


def _set_operation(operation: Callable[[OrderedSet, Any], OrderedSet]) -> Callable[..., OrderedSet]:
    """Return a method of YAQL for an operation on two sets."""

    @specs.parameter("left", utils.SetType)
    @specs.parameter("right", utils.SetType)
    @specs.method
    def combined(left: Any, right: Any) -> OrderedSet:
        return operation(OrderedSet(left), right)

    method: Callable[..., OrderedSet] = combined
    return method


@specs.parameter("left", yaqltypes.Iterable())
@specs.parameter("right", yaqltypes.Iterable())
@specs.name("#operator_+")
def _combine_lists(context: Any, left: Any, right: Any) -> Any:
    if isinstance(left, OrderedSet) and isinstance(right, OrderedSet):
        return left.union(right)
    if utils.is_sequence(left) and utils.is_sequence(right):
        fuel_of(context).make_list(len(left) + len(right))
        return tuple(left) + tuple(right)
    return std_queries.concat(left, right)


@specs.parameter("collection", yaqltypes.Iterable())
@specs.inject("operator_plus", yaqltypes.Delegate("#operator_+"))
@specs.method
def _sum_(context: Any, operator_plus: Any, collection: Any, initial: Any = utils.NO_VALUE) -> Any:
    fuel = fuel_of(context)

    def add(left: Any, right: Any) -> Any:
        fuel.burn(SUM_UNITS)
        return left + right if type(left) in _NUMBERS and type(right) in _NUMBERS else operator_plus(left, right)

    return std_queries.aggregate(collection, add, initial)


_NUMBERS = frozenset({int, float})
SUM_UNITS = 10
ORDER_UNITS = 70
"""The units of a comparison of `orderBy`, in which YAQL evaluates both keys again."""


def _ordering(*, is_ascending: bool) -> Callable[..., Any]:
    """Return `orderBy` or its counterpart. Numbers and texts are compared without a call of YAQL's operators."""

    @specs.parameter("collection", yaqltypes.Iterable())
    @specs.parameter("selector", yaqltypes.Lambda())
    @specs.inject("operator_gt", yaqltypes.Delegate("#operator_>"))
    @specs.inject("operator_lt", yaqltypes.Delegate("#operator_<"))
    @specs.method
    def order(context: Any, collection: Any, selector: Any, operator_lt: Any, operator_gt: Any) -> Any:
        fuel = fuel_of(context)

        def comparing(compute: Callable[[Any, Any], bool], called: Callable[[Any, Any], bool]) -> Any:
            def compare(left: Any, right: Any) -> bool:
                fuel.burn(ORDER_UNITS)
                kinds = type(left), type(right)
                if (kinds[0] in _NUMBERS and kinds[1] in _NUMBERS) or kinds == (str, str):
                    fuel.compare(left, right, ordered=True)
                    return compute(left, right)
                return called(left, right)

            return compare

        ordering = std_queries.OrderingIterable(
            collection, comparing(operator.lt, operator_lt), comparing(operator.gt, operator_gt)
        )
        ordering.append_field(selector, is_ascending)
        return ordering

    method: Callable[..., Any] = order
    return method


_GROUP_BY = std_queries.group_by_function(True)  # noqa: FBT003 - YAQL's parameter, as `create_context` sets it
GROUPED_UNITS = 50
"""The units of a member of `groupBy`, which makes a list for each key."""


@specs.parameter("collection", yaqltypes.Iterable())
@specs.parameter("key_selector", yaqltypes.Lambda())
@specs.parameter("value_selector", yaqltypes.Lambda())
@specs.parameter("aggregator", yaqltypes.Lambda())
@specs.method
def _group_by(  # noqa: PLR0913, PLR0917 - YAQL's parameters
    context: Any, engine: Any, collection: Any, key_selector: Any, value_selector: Any = None, aggregator: Any = None
) -> Any:
    members = fuel_of(context).walk(collection, GROUPED_UNITS)
    return _GROUP_BY(engine, members, key_selector, value_selector, aggregator)


def _random_(context: Any) -> float:
    drawn: float = context.evaluation.moment.random()
    return drawn


@specs.name("random")
def _random_between(context: Any, from_: Any, to_: Any) -> int:
    """Return an integer from `from_` to `to_`, both included."""
    if type(from_) is not int or type(to_) is not int:
        raise TypeError("random() takes integers")
    if from_ > to_:
        raise ValueError(f"random() takes a range that is not empty, got {from_} to {to_}")
    return from_ + int(context.evaluation.moment.random() * (to_ - from_ + 1))


def _localtz() -> None:
    raise ValueError(
        "localtz() is not available, because a replay on another machine must give the same values; use utctz()"
    )


def _now(context: Any, offset: Any = std_date_time.ZERO_TIMESPAN) -> dt.datetime:
    zone = tz.tzutc() if not offset else tz.tzoffset(None, offset.total_seconds())
    return dt.datetime.fromtimestamp(context.evaluation.moment.at, tz=zone)


@specs.name("datetime")
@specs.parameter("string", yaqltypes.String())
@specs.parameter("format__", yaqltypes.String(nullable=True))
def _datetime_from_string(context: Any, string: str, format__: str | None = None) -> dt.datetime:
    if len(string) > MAX_DATE_LENGTH or len(format__ or "") > MAX_DATE_LENGTH:
        raise ValueError(f"datetime() takes text of at most {MAX_DATE_LENGTH} characters")
    if format__:
        read = dt.datetime.strptime(string, format__)  # noqa: DTZ007 - the zone is given below
    else:
        # Missing parts come from the day of the event, because a replay cannot use the machine's clock.
        today = dt.datetime.fromtimestamp(context.evaluation.moment.at, tz=dt.UTC)
        read = date_parser.parse(string, default=today.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None))
    return read if read.tzinfo else read.replace(tzinfo=tz.tzutc())


REPLACED: dict[Callable[..., Any], Callable[..., Any]] = {
    std_strings.str_: _text,
    std_strings.join: _join,
    std_strings.join_: _join_between,
    std_strings.replace_with_dict: _replace_with_dict,
    std_strings.characters: _characters,
    std_collections.to_set: _to_set,
    std_collections.set_add: _set_add,
    std_collections.set_remove: _set_remove,
    std_collections.union: _set_operation(OrderedSet.union),
    std_collections.intersect: _set_operation(OrderedSet.intersection),
    std_collections.difference: _set_operation(OrderedSet.difference),
    std_collections.symmetric_difference: _set_operation(OrderedSet.symmetric_difference),
    std_collections.combine_lists: _combine_lists,
    std_queries.sum_: _sum_,
    std_queries.order_by: _ordering(is_ascending=True),
    std_queries.order_by_descending: _ordering(is_ascending=False),
    std_math.random_: _random_,
    std_math.random__: _random_between,
    std_date_time.now: _now,
    std_date_time.localtz: _localtz,
    std_date_time.datetime_from_string: _datetime_from_string,
    **REPLACED_REGEX,
}
"""The replacement of each function of the standard library, with the same name and parameters."""
REPLACED_CLOSURES: dict[str, Callable[..., Any]] = {"group_by_function.<locals>.group_by": _group_by}
"""The replacements of functions that YAQL makes for each context, by their qualified names."""
