"""Measures the cost of a YAQL evaluation: calls, iterator steps, and the members of values.

YAQL's standard library has many lazy and endless iterators, and its values share members. A value of forty steps can
stand for a million million members. Each value is weighed when it is created, with shared members counted each time.
Functions that traverse it later (to compare, print or hash) pay by its weight.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.base.bounds import FOUND_TEXT, MEMBER_BYTES, Fuel, check_bits
from stretto.definitions.expressions.orquesta.yaql_views import ListView, ObjectView, VariablesView

CALL_UNITS = 340
ITERATOR_UNITS = 48
"""A call in YAQL takes some thirty microseconds, a step of an iterator up to four."""
WALKED_MEMBERS = 3
"""The members a unit that a function reads of its arguments."""
FROZEN_BYTES_A_MEMBER = 64
MAX_MEMBERS = 1_000_000
"""Maximum members of a value, with shared members counted each time."""

_SCALARS = frozenset({str, float, bool, type(None)})


class Meter:
    """The cost of one evaluation."""

    __slots__ = ("_weights", "fuel")

    def __init__(self, fuel: Fuel) -> None:
        self.fuel = fuel
        # Weights by identity, as a tuple has no room for its weight. Keeping the values keeps the identities valid.
        self._weights: dict[int, tuple[Any, int]] = {}

    def call(self) -> None:
        """Pay for a call."""
        self.fuel.burn(CALL_UNITS)

    def walk(self, value: Any) -> None:
        """Pay for a function's traversal of an argument."""
        kind = type(value)
        if kind is str:
            self.fuel.burn(len(value) // FOUND_TEXT)
        elif kind is not int and kind not in _SCALARS:
            self.fuel.burn(self.weigh(value) // WALKED_MEMBERS)

    def take(self, value: Any) -> Any:
        """Weigh and return a value that a function created. An iterator pays step by step."""
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind is int:
            check_bits(value.bit_length())
            return value
        if isinstance(value, Iterator):
            return value if kind is MeteredIterator else MeteredIterator(value, self)
        self.weigh(value)
        return value

    def weigh(self, value: Any) -> int:
        """Return the number of members of a value, with shared members counted each time."""
        kind = type(value)
        if kind is ObjectView or kind is ListView:
            return 1 + int(value.frozen.weight) // FROZEN_BYTES_A_MEMBER
        if kind is VariablesView or not isinstance(value, tuple | list | Mapping | AbstractSet):
            return 1
        known = self._weights.get(id(value))
        if known is not None:
            return known[1]
        self.fuel.burn(1 + len(value))
        self.fuel.make(MEMBER_BYTES * len(value))
        weight = 1
        for member in self._members(value):
            weight += 1 if type(member) in _SCALARS or type(member) is int else self.weigh(member)
            if weight > MAX_MEMBERS:
                raise LimitExceeded(f"an expression can create values of at most {MAX_MEMBERS:,} members")
        if not isinstance(value, list | dict):  # those may grow
            self._weights[id(value)] = value, weight
        return weight

    @staticmethod
    def _members(value: Any) -> Iterator[Any]:
        if isinstance(value, Mapping):
            for key, member in value.items():
                yield key
                yield member
        else:
            yield from value


def fuel_of(context: Any) -> Fuel:
    """Return the fuel of the evaluation that a YAQL context belongs to."""
    meter: Meter = context.meter
    return meter.fuel


class MeteredIterator(Iterator[Any]):
    """An iterator that pays for each step."""

    __slots__ = ("_inner", "_meter")

    def __init__(self, inner: Iterator[Any], meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    def __iter__(self) -> "MeteredIterator":
        again = iter(self._inner)
        # An iterator that remembers its members starts again.
        return self if again is self._inner else MeteredIterator(again, self._meter)

    def __next__(self) -> Any:
        self._meter.fuel.burn(ITERATOR_UNITS)
        member = next(self._inner)
        if type(member) not in _SCALARS:
            self._meter.weigh(member)
        return member
