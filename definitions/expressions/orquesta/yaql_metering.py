"""What a YAQL evaluation costs, counted: calls, the members that iterators yield, and what values are made of.

The standard library is full of lazy and endless iterators, and shares what it puts together, so that a value of forty
steps can stand for a million million members. Each value made is weighed when it is made, with what is shared in it
counted each time; so whatever then walks through it (comparing, printing, hashing) is paid for by its weight.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.base.bounds import FROZEN_BYTES_A_STEP, MAX_STEPS, Fuel, check_bits
from stretto.definitions.expressions.orquesta.yaql_views import ListView, ObjectView, VariablesView

CALL_STEPS = 10
"""A call of YAQL's takes some thirty microseconds, a step of an iterator a few."""
WALKED_MEMBERS_A_STEP = 16
SCANNED_CHARACTERS_A_STEP = 2_048

_SCALARS = frozenset({str, float, bool, type(None)})


class Meter:
    """The cost of one evaluation."""

    __slots__ = ("_weights", "fuel")

    def __init__(self, fuel: Fuel) -> None:
        self.fuel = fuel
        # Values by identity, which they keep because they are kept: a tuple cannot carry its weight.
        self._weights: dict[int, tuple[Any, int]] = {}

    def call(self) -> None:
        """Pay for a call."""
        self.fuel.burn(CALL_STEPS)

    def walk(self, value: Any) -> None:
        """Pay for a function's walking through an argument."""
        kind = type(value)
        if kind is str:
            if len(value) > SCANNED_CHARACTERS_A_STEP:
                self.fuel.burn(len(value) // SCANNED_CHARACTERS_A_STEP)
        elif kind is not int and kind not in _SCALARS:
            self.fuel.burn(self.weigh(value) // WALKED_MEMBERS_A_STEP)

    def take(self, value: Any) -> Any:
        """Return a value that a function made, weighed; an iterator pays for itself as it goes."""
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
        """Return how many members a value stands for, shared ones counted each time."""
        kind = type(value)
        if kind is ObjectView or kind is ListView:
            return 1 + int(value.frozen.weight) // FROZEN_BYTES_A_STEP
        if kind is VariablesView or not isinstance(value, tuple | list | Mapping | AbstractSet):
            return 1
        known = self._weights.get(id(value))
        if known is not None:
            return known[1]
        self.fuel.burn(1 + len(value) // WALKED_MEMBERS_A_STEP)
        weight = 1
        for member in self._members(value):
            weight += 1 if type(member) in _SCALARS or type(member) is int else self.weigh(member)
            if weight > MAX_STEPS:
                raise LimitExceeded(f"an expression may make values of at most {MAX_STEPS:,} members")
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


class MeteredIterator(Iterator[Any]):
    """An iterator, each step of which is paid for."""

    __slots__ = ("_inner", "_meter")

    def __init__(self, inner: Iterator[Any], meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    def __iter__(self) -> "MeteredIterator":
        again = iter(self._inner)
        # One that remembers what it yielded begins anew.
        return self if again is self._inner else MeteredIterator(again, self._meter)

    def __next__(self) -> Any:
        self._meter.fuel.burn(1)
        member = next(self._inner)
        if type(member) not in _SCALARS:
            self._meter.weigh(member)
        return member
