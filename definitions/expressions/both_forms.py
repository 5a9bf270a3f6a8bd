"""Functions that can be written in both forms, `f(a, b)` and `a | f(b)`.

Their names are not reserved: a variable `product` can be read beside a call of `product()`. The parser turns each call
into the filter of the same name.
"""

from collections.abc import Callable
from typing import Any, Final

from stretto.definitions.expressions.arguments import list_of_members
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.encodings import ENCODING_FUNCTIONS
from stretto.definitions.expressions.objects import OBJECT_FUNCTIONS
from stretto.definitions.expressions.regular_texts import REGULAR_FUNCTIONS
from stretto.definitions.expressions.times import TIME_FUNCTIONS

BOTH_FORMS: Final[dict[str, Callable[..., Any]]] = {
    **ENCODING_FUNCTIONS,
    **OBJECT_FUNCTIONS,
    **REGULAR_FUNCTIONS,
    **TIME_FUNCTIONS,
}
"""The functions by name. Each takes the fuel first."""

EACH_PREFIX: Final = "each "
"""The start of the names of internal filters, which no definition can write."""


def _map(fuel: Fuel, values: Any, of_member: Callable[[Any], Any], units: int) -> list[Any]:
    members = list_of_members(fuel, "map", values)
    fuel.make_list(len(members))
    return [of_member(member) for member in fuel.walk(members, units)]


def _select(fuel: Fuel, values: Any, of_member: Callable[[Any], Any], units: int) -> list[Any]:
    members = list_of_members(fuel, "select", values)
    fuel.make_list(len(members))
    return [member for member in fuel.walk(members, units) if of_member(member)]


def _reject(fuel: Fuel, values: Any, of_member: Callable[[Any], Any], units: int) -> list[Any]:
    members = list_of_members(fuel, "reject", values)
    fuel.make_list(len(members))
    return [member for member in fuel.walk(members, units) if not of_member(member)]


EACH: Final[dict[str, Callable[..., list[Any]]]] = {"map": _map, "reject": _reject, "select": _select}
"""The functions that evaluate an expression for each member: `map(list, name, expression)`.

Each takes the fuel, the list, the function of a member, and the units that this function takes for each member.
"""
EITHER_FORM: Final = frozenset({*BOTH_FORMS, *EACH})
"""The names of all functions whose calls are filters."""
