"""Frozen containers of members that are frozen already, without a walk through them."""

from collections.abc import Callable, Iterable, Mapping

from stretto.definitions.data.frozen import (
    COMPILED,
    SCALAR_WEIGHT,
    Data,
    FrozenDict,
    FrozenList,
    depth_of,
    sealed_list,
    sealed_object,
    weigh,
)


def _list_of(frozen_members: Iterable[Data]) -> FrozenList:
    frozen = FrozenList.__new__(FrozenList)
    super(FrozenList, frozen).extend(frozen_members)
    weight = 2 + sum(map(weigh, frozen)) + 2 * len(frozen)
    return sealed_list(frozen, weight, 1 + max(map(depth_of, frozen), default=0))


def _object_of(frozen_members: Mapping[str, Data]) -> FrozenDict:
    frozen = FrozenDict.__new__(FrozenDict)
    dict.update(frozen, frozen_members)
    weight, deepest = 2, 0
    for key, member in frozen_members.items():
        kind = type(member)
        if kind is str:
            weight += len(key) + 4 + len(member)  # type: ignore[arg-type]
        elif kind is FrozenDict or kind is FrozenList:
            weight += len(key) + 4 + member.weight  # type: ignore[union-attr]
            deepest = max(deepest, member.depth)  # type: ignore[union-attr]
        else:
            weight += len(key) + 4 + SCALAR_WEIGHT
    return sealed_object(frozen, weight, deepest + 1)


def _object_with(frozen_members: Mapping[str, Data], weight: int, depth: int) -> FrozenDict:
    frozen = FrozenDict.__new__(FrozenDict)
    dict.update(frozen, frozen_members)
    return sealed_object(frozen, weight, depth)


list_of: Callable[[Iterable[Data]], FrozenList] = _list_of if COMPILED is None else COMPILED.list_of
"""Return a frozen list of frozen members, in time linear in their number.

The list has no bounds. Call `check_bounds` before it enters a context.
"""
object_of: Callable[[Mapping[str, Data]], FrozenDict] = _object_of if COMPILED is None else COMPILED.object_of
"""Return a frozen object of frozen members, without bounds as `list_of`."""
object_with: Callable[[Mapping[str, Data], int, int], FrozenDict] = (
    _object_with if COMPILED is None else COMPILED.object_with
)
"""Return a frozen object of frozen members whose weight and depth are known: nearly every item of a fan-out has one."""
