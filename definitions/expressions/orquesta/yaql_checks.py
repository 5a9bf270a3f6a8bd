"""Checks that run before functions of YAQL's standard library that could create huge values from small arguments."""

from collections.abc import Callable
from typing import Any

from yaql.standard_library import collections as std_collections
from yaql.standard_library import common as std_common
from yaql.standard_library import date_time as std_date_time
from yaql.standard_library import math as std_math
from yaql.standard_library import queries as std_queries
from yaql.standard_library import strings as std_strings

from stretto.definitions.expressions.base.bounds import MEMBER_BYTES, TEXT_BYTES, Fuel, check_bits, check_format
from stretto.definitions.expressions.base.charges import (
    pay_for_changing,
    pay_for_replacing,
    pay_for_splitting,
    pay_for_stripping,
)
from stretto.definitions.expressions.orquesta.yaql_views import ListView, ObjectView

MAX_DATE_LENGTH = 200
LOOKED_AT_UNITS = 15
"""The units of a member that YAQL looks at in Python's code."""


def _check_product(fuel: Fuel, left: Any, right: Any) -> None:
    for repeated, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(repeated, str):
            fuel.make_text(len(repeated) * max(times, 0), repeated)
        elif isinstance(times, int) and hasattr(repeated, "__len__"):
            fuel.make_list(len(repeated) * max(times, 0))
            fuel.burn(len(repeated) * max(times, 0))


def _check_concatenation(fuel: Fuel, *texts: Any) -> None:
    given = [text for text in texts if isinstance(text, str)]
    fuel.make_text(sum(map(len, given)), "" if all(map(str.isascii, given)) else "\xff")


def check_replacing(fuel: Fuel, text: str, old: str, new: str = "", *_rest: Any) -> None:
    """Pay for the text after all replacements."""
    pay_for_replacing(fuel, text, old, new)


def _check_making(fuel: Fuel, text: Any, *_rest: Any) -> None:
    if isinstance(text, str):
        pay_for_changing(fuel, text)


def _check_splitting(fuel: Fuel, text: Any, separator: Any = None, *_rest: Any) -> None:
    if isinstance(text, str):
        pay_for_splitting(fuel, text, separator if isinstance(separator, str) else None)


def _check_splitting_backwards(fuel: Fuel, text: Any, separator: Any = None, *_rest: Any) -> None:
    if isinstance(text, str):
        pay_for_splitting(fuel, text, separator if isinstance(separator, str) else None, backwards=True)


def _check_characters(fuel: Fuel, text: Any) -> None:
    fuel.burn(len(text))
    fuel.make_list((TEXT_BYTES // MEMBER_BYTES) * len(text))


def _check_equality(fuel: Fuel, left: Any, right: Any) -> None:
    left, right = (each.frozen if isinstance(each, ListView | ObjectView) else each for each in (left, right))
    fuel.compare(left, right, ordered=True)


def _check_trimming(fuel: Fuel, text: Any, characters: Any = None) -> None:
    if isinstance(text, str):
        pay_for_stripping(fuel, text, characters)


def _check_finding(fuel: Fuel, text: Any, wanted: Any, *_rest: Any) -> None:
    if isinstance(text, str) and isinstance(wanted, str):
        fuel.find(text, wanted)


def _check_finding_last(fuel: Fuel, text: Any, wanted: Any, *_rest: Any) -> None:
    if isinstance(text, str) and isinstance(wanted, str):
        fuel.find(text, wanted, backwards=True)


def _check_membership(fuel: Fuel, one: Any, other: Any) -> None:
    for wanted, among in ((one, other), (other, one)):
        if isinstance(among, str):
            _check_finding(fuel, among, wanted)
        elif hasattr(among, "__len__"):
            members = among.frozen if isinstance(among, ListView | ObjectView) else among
            fuel.burn(LOOKED_AT_UNITS * len(members))
            fuel.look_for(wanted.frozen if isinstance(wanted, ListView | ObjectView) else wanted, members)


def _check_items(fuel: Fuel, items: Any) -> None:
    fuel.burn(LOOKED_AT_UNITS * len(items))
    fuel.make_object(len(items))


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
            raise ValueError(f"a date format must have at most {MAX_DATE_LENGTH} characters")


CHECKS: dict[Callable[..., Any], Callable[..., None]] = {
    std_strings.string_by_int: _check_product,
    std_strings.int_by_string: _check_product,
    std_collections.list_by_int: _check_product,
    std_collections.int_by_list: _check_product,
    std_strings.concat: _check_concatenation,
    std_strings.replace: check_replacing,
    std_strings.split: _check_splitting,
    std_strings.right_split: _check_splitting_backwards,
    **dict.fromkeys(
        (std_strings.trim, std_strings.trim_left, std_strings.trim_right, std_strings.norm), _check_trimming
    ),
    **dict.fromkeys((std_strings.index_of, std_strings.index_of_), _check_finding),
    **dict.fromkeys((std_strings.last_index_of, std_strings.last_index_of_), _check_finding_last),
    **dict.fromkeys(
        (
            std_strings.in_, std_collections.in_, std_collections.contains, std_collections.contains_value,
            std_queries.index_of, std_queries.last_index_of,
        ),
        _check_membership,
    ),
    std_collections.dict_items: _check_items,
    **dict.fromkeys((std_common.eq, std_common.neq), _check_equality),
    std_strings.to_char_array: _check_characters,
    **dict.fromkeys(
        (
            std_strings.to_upper, std_strings.to_lower, std_strings.substring,
        ),
        _check_making,
    ),
    std_math.pow_: _check_power,
    std_math.shift_bits_left: _check_shift,
    std_math.round_: _check_rounding,
    std_date_time.format_: _check_date_format,
}  # fmt: skip
"""The check of each function of the standard library. It takes the arguments of the call."""
