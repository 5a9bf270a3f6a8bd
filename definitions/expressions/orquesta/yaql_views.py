"""Views of frozen data for YAQL, whose functions know tuples and mappings, but not lists and dicts.

YAQL's own conversion copies all data before every evaluation. These views take constant time: a member is converted
when it is read. They compare, hash and print like the tuples and mappings that they represent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from stretto.definitions.data import FrozenDict, FrozenList, object_of
from stretto.definitions.expressions.base.namespaces import ABSENT, Readable
from stretto.definitions.expressions.orquesta.evaluation import visible


class MissingKey(KeyError):
    """An object, or the variables, have no such key. `names` are those that there are."""

    def __init__(self, key: object, names: Iterable[Any]) -> None:
        super().__init__(key)
        self.names = names


class ListView(Sequence[Any]):
    """A frozen list as a tuple."""

    __slots__ = ("frozen",)

    def __init__(self, frozen: FrozenList) -> None:
        self.frozen = frozen

    def __len__(self) -> int:
        return len(self.frozen)

    def __getitem__(self, index: Any) -> Any:
        found = self.frozen[index]
        return tuple(map(view, found)) if isinstance(index, slice) else view(found)

    def __iter__(self) -> Iterator[Any]:
        return map(view, self.frozen)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ListView):
            return self.frozen == other.frozen
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __add__(self, other: Any) -> Any:
        return tuple(self) + tuple(other)

    def __radd__(self, other: Any) -> Any:
        return tuple(other) + tuple(self)

    def __mul__(self, times: int) -> Any:
        return tuple(self) * times


class ObjectView(Mapping[Any, Any]):
    """A frozen object as YAQL's own immutable mapping."""

    __slots__ = ("frozen",)

    def __init__(self, frozen: FrozenDict) -> None:
        self.frozen = frozen

    def __len__(self) -> int:
        return len(self.frozen)

    def __getitem__(self, key: Any) -> Any:
        try:
            return view(self.frozen[key])
        except KeyError:
            raise MissingKey(key, self.frozen) from None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frozen)

    def __contains__(self, key: object) -> bool:
        return key in self.frozen

    def __eq__(self, other: object) -> bool:
        return self.frozen == other.frozen if isinstance(other, ObjectView) else super().__eq__(other)

    def __hash__(self) -> int:
        mixed = 0
        for pair in self.items():
            mixed ^= hash(pair)
        return mixed

    def __repr__(self) -> str:
        return repr(dict(self))


class VariablesView(Mapping[Any, Any]):
    """The value of `ctx()`: all variables, each read on demand."""

    __slots__ = ("_variables",)

    def __init__(self, variables: Readable) -> None:
        self._variables = variables

    def __len__(self) -> int:
        return sum(1 for _name in self)

    def __getitem__(self, key: Any) -> Any:
        value = self._variables.read(key) if isinstance(key, str) and not key.startswith("__") else ABSENT
        if value is ABSENT:
            raise MissingKey(key, self)
        return view(value)

    def __iter__(self) -> Iterator[Any]:
        return iter(visible(self._variables))

    def __hash__(self) -> int:
        return hash(ObjectView(self.all()))

    def __repr__(self) -> str:
        return repr(dict(self))

    def all(self) -> FrozenDict:
        """Return all variables as one object."""
        return object_of({name: self._variables.read(name) for name in self})


class OrderedSet(AbstractSet[Any]):
    """A set in insertion order, because Python's order of texts differs between processes and would break replays."""

    __slots__ = ("_members",)

    def __init__(self, members: Any = ()) -> None:
        self._members = dict.fromkeys(members)

    def __contains__(self, value: object) -> bool:
        return value in self._members

    def __iter__(self) -> Iterator[Any]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __hash__(self) -> int:
        return hash(frozenset(self._members))

    def __repr__(self) -> str:
        return f"frozenset({{{', '.join(map(repr, self._members))}}})" if self._members else "frozenset()"

    def union(self, other: Any) -> "OrderedSet":
        """Return the members of both."""
        return OrderedSet([*self._members, *other])

    def intersection(self, other: Any) -> "OrderedSet":
        """Return the members that are in both."""
        return OrderedSet([member for member in self._members if member in other])

    def difference(self, other: Any) -> "OrderedSet":
        """Return the members that are not in `other`."""
        return OrderedSet([member for member in self._members if member not in other])

    def symmetric_difference(self, other: Any) -> "OrderedSet":
        """Return the members that are in one of the two only."""
        return OrderedSet([*self.difference(other), *(member for member in other if member not in self._members)])


def view(value: Any) -> Any:
    """Return a view of data for YAQL."""
    kind = type(value)
    if kind is FrozenDict:
        return ObjectView(value)
    if kind is FrozenList:
        return ListView(value)
    if kind is list or kind is tuple:
        return tuple(map(view, value))
    if kind is dict:
        return {key: view(member) for key, member in value.items()}
    return value
