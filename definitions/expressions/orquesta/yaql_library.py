"""YAQL's standard library made safe: what must be checked before a function runs, and functions in place of its own.

Checks come before a function that could make something huge from small arguments. Replaced are those that are random
or read a clock, those that backtrack (regular expressions), and those whose order changes from process to process.
"""

import datetime as dt
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
from yaql.standard_library import regex as std_regex
from yaql.standard_library import strings as std_strings

from stretto.definitions.expressions.base.bounds import Fuel, check_bits, check_format
from stretto.definitions.expressions.functions import pay_for_splitting
from stretto.definitions.expressions.orquesta.regular import Pattern, pattern_of
from stretto.definitions.expressions.orquesta.yaql_metering import Meter
from stretto.definitions.expressions.orquesta.yaql_views import OrderedSet

MAX_DATE_LENGTH = 200


def _check_product(fuel: Fuel, left: Any, right: Any) -> None:
    for repeated, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(repeated, str):
            fuel.make_text(len(repeated) * max(times, 0))
        elif isinstance(times, int) and hasattr(repeated, "__len__"):
            fuel.burn(len(repeated) * max(times, 0))


def _check_concatenation(fuel: Fuel, *texts: Any) -> None:
    fuel.make_text(sum(len(text) for text in texts if isinstance(text, str)))


def _check_replacing(fuel: Fuel, text: str, old: str, new: str = "", *_rest: Any) -> None:
    times = len(text) + 1 if not old else text.count(old)
    fuel.make_text(len(text) + times * max(len(new) - len(old), 0))


def _check_making(fuel: Fuel, text: Any, *_rest: Any) -> None:
    if isinstance(text, str):
        fuel.make_text(3 * len(text))


def _check_splitting(fuel: Fuel, text: Any, separator: Any = None, *_rest: Any) -> None:
    if isinstance(text, str):
        pay_for_splitting(fuel, text, separator if isinstance(separator, str) else None)


def _check_characters(fuel: Fuel, text: Any) -> None:
    fuel.burn(len(text))


def _check_power(_fuel: Fuel, base: Any, exponent: Any, *modulus: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        check_bits(int(base).bit_length() * (1 if modulus and isinstance(modulus[0], int) else exponent))


def _check_shift(_fuel: Fuel, value: Any, bits: Any) -> None:
    if isinstance(value, int) and isinstance(bits, int) and bits > 0:
        check_bits(int(value).bit_length() + bits)


def _check_rounding(_fuel: Fuel, _number: Any, digits: Any = 0) -> None:
    if isinstance(digits, int) and abs(digits) > 400:
        raise ValueError("round() takes a number of digits from -400 to 400")


def _check_date_format(_fuel: Fuel, _date: Any, pattern: Any, *_rest: Any) -> None:
    if isinstance(pattern, str):
        check_format(pattern)
        if len(pattern) > MAX_DATE_LENGTH:
            raise ValueError(f"a date's format has at most {MAX_DATE_LENGTH} characters")


CHECKS: dict[Callable[..., Any], Callable[..., None]] = {
    std_strings.string_by_int: _check_product,
    std_strings.int_by_string: _check_product,
    std_collections.list_by_int: _check_product,
    std_collections.int_by_list: _check_product,
    std_strings.concat: _check_concatenation,
    std_strings.replace: _check_replacing,
    std_strings.split: _check_splitting,
    std_strings.right_split: _check_splitting,
    std_strings.to_char_array: _check_characters,
    **dict.fromkeys(
        (
            std_strings.to_upper, std_strings.to_lower, std_strings.trim, std_strings.trim_left,
            std_strings.trim_right, std_strings.norm, std_strings.substring,
        ),
        _check_making,
    ),
    std_math.pow_: _check_power,
    std_math.shift_bits_left: _check_shift,
    std_math.round_: _check_rounding,
    std_date_time.format_: _check_date_format,
}  # fmt: skip
"""By a function of the standard library: what is checked before it runs, given its arguments as they are written."""


def _meter_of(context: Any) -> Meter:
    meter: Meter = context.meter
    return meter


@specs.parameter("value", nullable=True)
@specs.name("str")
def text(context: Any, value: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    if value is None or value is True or value is False:
        return words[value]
    if isinstance(value, str):
        return value
    if isinstance(value, contexts.ContextBase | Pattern | Iterator):
        raise TypeError("str() takes data; this is a context, a pattern or an iterator, which has no text of its own")
    made = str(value)
    _meter_of(context).fuel.make_text(len(made))
    return made


def _joined(context: Any, separator: str, sequence: Any, as_text: Callable[[Any], str]) -> str:
    fuel = _meter_of(context).fuel
    texts = []
    for member in sequence:
        texts.append(as_text(member))
        fuel.make_text(len(texts[-1]) + len(separator))
    return separator.join(texts)


@specs.parameter("sequence", yaqltypes.Iterable())
@specs.parameter("separator", yaqltypes.String())
@specs.inject("str_delegate", yaqltypes.Delegate("str"))
@specs.method
def join(context: Any, sequence: Any, separator: str, str_delegate: Any) -> str:
    return _joined(context, separator, sequence, str_delegate)


@specs.parameter("sequence", yaqltypes.Iterable())
@specs.parameter("separator", yaqltypes.String())
@specs.inject("str_delegate", yaqltypes.Delegate("str"))
@specs.method
@specs.name("join")
def join_between(context: Any, separator: str, sequence: Any, str_delegate: Any) -> str:
    return _joined(context, separator, sequence, str_delegate)


@specs.parameter("string", yaqltypes.String())
@specs.parameter("replacements", utils.MappingType)
@specs.parameter("count", int)
@specs.inject("str_func", yaqltypes.Delegate("str"))
@specs.method
@specs.name("replace")
def replace_with_dict(context: Any, string: str, str_func: Any, replacements: Any, count: int = -1) -> str:
    fuel = _meter_of(context).fuel
    for key, value in replacements.items():
        old, new = str_func(key), str_func(value)
        _check_replacing(fuel, string, old, new)
        string = string.replace(old, new, count)
    return string


def characters(  # noqa: PLR0913, PLR0917 - as YAQL's
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
def to_set(collection: Any) -> OrderedSet:
    return OrderedSet(collection)


@specs.parameter("s", utils.SetType, alias="set")
@specs.method
@specs.name("add")
def set_add(s: Any, *values: Any) -> OrderedSet:
    return OrderedSet([*s, *values])


@specs.parameter("s", utils.SetType, alias="set")
@specs.method
@specs.name("remove")
def set_remove(s: Any, *values: Any) -> OrderedSet:
    return OrderedSet(s).difference(values)


@specs.parameter("left", utils.SetType)
@specs.parameter("right", utils.SetType)
@specs.method
def union(left: Any, right: Any) -> OrderedSet:
    return OrderedSet(left).union(right)


@specs.parameter("left", utils.SetType)
@specs.parameter("right", utils.SetType)
@specs.method
def intersect(left: Any, right: Any) -> OrderedSet:
    return OrderedSet(left).intersection(right)


@specs.parameter("left", utils.SetType)
@specs.parameter("right", utils.SetType)
@specs.method
def difference(left: Any, right: Any) -> OrderedSet:
    return OrderedSet(left).difference(right)


@specs.parameter("left", utils.SetType)
@specs.parameter("right", utils.SetType)
@specs.method
def symmetric_difference(left: Any, right: Any) -> OrderedSet:
    return OrderedSet(left).symmetric_difference(right)


@specs.parameter("left", yaqltypes.Iterable())
@specs.parameter("right", yaqltypes.Iterable())
@specs.name("#operator_+")
def combine_lists(left: Any, right: Any) -> Any:
    if isinstance(left, OrderedSet) and isinstance(right, OrderedSet):
        return left.union(right)
    if utils.is_sequence(left) and utils.is_sequence(right):
        return tuple(left) + tuple(right)
    return std_queries.concat(left, right)


def random_() -> None:
    raise ValueError("random() is not available: a run must go the same way again when it is replayed")


@specs.name("random")
def random_between(from_: Any, to_: Any) -> None:  # noqa: ARG001 - as YAQL's
    random_()


def localtz() -> None:
    raise ValueError("localtz() is not available: a run must go the same way again on another machine; use utctz()")


def now(context: Any, offset: Any = std_date_time.ZERO_TIMESPAN) -> dt.datetime:
    zone = tz.tzutc() if not offset else tz.tzoffset(None, offset.total_seconds())
    return dt.datetime.fromtimestamp(context.evaluation.moment.at, tz=zone)


@specs.name("datetime")
@specs.parameter("string", yaqltypes.String())
@specs.parameter("format__", yaqltypes.String(nullable=True))
def datetime_from_string(context: Any, string: str, format__: str | None = None) -> dt.datetime:
    if len(string) > MAX_DATE_LENGTH or len(format__ or "") > MAX_DATE_LENGTH:
        raise ValueError(f"datetime() takes a text of at most {MAX_DATE_LENGTH} characters")
    if format__:
        read = dt.datetime.strptime(string, format__)  # noqa: DTZ007 - the zone is given below
    else:
        # What the text leaves out is as on the day of the event: the machine's clock would not do in a replay.
        today = dt.datetime.fromtimestamp(context.evaluation.moment.at, tz=dt.UTC)
        read = date_parser.parse(string, default=today.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None))
    return read if read.tzinfo else read.replace(tzinfo=tz.tzutc())


@specs.parameter("pattern", yaqltypes.String())
def regex(
    pattern: str,
    ignore_case: bool = False,  # noqa: FBT001, FBT002 - as YAQL's
    multi_line: bool = False,  # noqa: FBT001, FBT002
    dot_all: bool = False,  # noqa: FBT001, FBT002
) -> Pattern:
    flags = {"i": ignore_case, "m": multi_line, "s": dot_all}
    return pattern_of(pattern, "".join(flag for flag, wanted in flags.items() if wanted))


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.method
def matches(regexp: Pattern, string: str) -> bool:
    return regexp.is_in(string)


@specs.parameter("string", yaqltypes.String())
@specs.parameter("regexp", yaqltypes.String())
@specs.method
@specs.name("matches")
def matches_string(string: str, regexp: str) -> bool:
    return pattern_of(regexp).is_in(string)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_=~")
def matches_operator_regex(string: str, regexp: Pattern) -> bool:
    return regexp.is_in(string)


@specs.parameter("pattern", yaqltypes.String())
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_=~")
def matches_operator_string(string: str, pattern: str) -> bool:
    return pattern_of(pattern).is_in(string)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_!~")
def not_matches_operator_regex(string: str, regexp: Pattern) -> bool:
    return not regexp.is_in(string)


@specs.parameter("pattern", yaqltypes.String())
@specs.parameter("string", yaqltypes.String())
@specs.name("#operator_!~")
def not_matches_operator_string(string: str, pattern: str) -> bool:
    return not pattern_of(pattern).is_in(string)


def _publish(context: Any, match: Any) -> None:
    for index, value in enumerate((match.group(), *match.groups())):
        context[f"${index + 1}"] = {"value": value, "start": match.start(index), "end": match.end(index)}


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("selector", yaqltypes.Lambda(with_context=True))
@specs.method
def search(context: Any, regexp: Pattern, string: str, selector: Any = None) -> Any:
    match = regexp.first(string)
    if match is None:
        return None
    if selector is None:
        return match.group()
    inner = context.create_child_context()
    _publish(inner, match)
    return selector(inner)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("selector", yaqltypes.Lambda(with_context=True))
@specs.method
def search_all(context: Any, regexp: Pattern, string: str, selector: Any = None) -> Iterator[Any]:
    for match in regexp.matches(_meter_of(context).fuel, string):
        if selector is None:
            yield match.group()
        else:
            inner = context.create_child_context()
            _publish(inner, match)
            yield selector(inner)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("max_split", int)
@specs.method
@specs.name("split")
def split_by(context: Any, regexp: Pattern, string: str, max_split: int = 0) -> list[Any]:
    return regexp.split(_meter_of(context).fuel, string, max_split)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("max_split", int)
@specs.method
@specs.name("split")
def split_string(context: Any, string: str, regexp: Pattern, max_split: int = 0) -> list[Any]:
    return regexp.split(_meter_of(context).fuel, string, max_split)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.String())
@specs.parameter("count", int)
@specs.method
@specs.name("replace")
def replace_by_pattern(context: Any, regexp: Pattern, string: str, repl: str, count: int = 0) -> str:
    return regexp.replaced(_meter_of(context).fuel, string, repl, count)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.String())
@specs.parameter("count", int)
@specs.method
@specs.name("replace")
def replace_string(context: Any, string: str, regexp: Pattern, repl: str, count: int = 0) -> str:
    return regexp.replaced(_meter_of(context).fuel, string, repl, count)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.Lambda(with_context=True))
@specs.parameter("count", int)
@specs.method
def replace_by(context: Any, regexp: Pattern, string: str, repl: Any, count: int = 0) -> str:
    def replacement(match: Any) -> str:
        inner = context.create_child_context()
        _publish(inner, match)
        return str(repl(inner))

    return regexp.replaced(_meter_of(context).fuel, string, replacement, count)


@specs.parameter("regexp", Pattern)
@specs.parameter("string", yaqltypes.String())
@specs.parameter("repl", yaqltypes.Lambda(with_context=True))
@specs.parameter("count", int)
@specs.method
@specs.name("replaceBy")
def replace_by_string(context: Any, string: str, regexp: Pattern, repl: Any, count: int = 0) -> str:
    return replace_by(context, regexp, string, repl, count)  # type: ignore[no-any-return]


def is_regex(value: Any) -> bool:
    return isinstance(value, Pattern)


REPLACED: dict[Callable[..., Any], Callable[..., Any]] = {
    std_strings.str_: text,
    std_strings.join: join,
    std_strings.join_: join_between,
    std_strings.replace_with_dict: replace_with_dict,
    std_strings.characters: characters,
    std_collections.to_set: to_set,
    std_collections.set_add: set_add,
    std_collections.set_remove: set_remove,
    std_collections.union: union,
    std_collections.intersect: intersect,
    std_collections.difference: difference,
    std_collections.symmetric_difference: symmetric_difference,
    std_collections.combine_lists: combine_lists,
    std_math.random_: random_,
    std_math.random__: random_between,
    std_date_time.now: now,
    std_date_time.localtz: localtz,
    std_date_time.datetime_from_string: datetime_from_string,
    std_regex.regex: regex,
    std_regex.matches: matches,
    std_regex.matches_: matches_string,
    std_regex.matches_operator_regex: matches_operator_regex,
    std_regex.matches_operator_string: matches_operator_string,
    std_regex.not_matches_operator_regex: not_matches_operator_regex,
    std_regex.not_matches_operator_string: not_matches_operator_string,
    std_regex.search: search,
    std_regex.search_all: search_all,
    std_regex.split: split_by,
    std_regex.split_string: split_string,
    std_regex.replace: replace_by_pattern,
    std_regex.replace_string: replace_string,
    std_regex.replace_by: replace_by,
    std_regex.replace_by_string: replace_by_string,
    std_regex.is_regex: is_regex,
}
"""By a function of the standard library: ours in its place, of the same name and parameters."""
