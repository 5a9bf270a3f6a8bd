"""Data that cannot be changed: what the context of a run is made of.

A value is frozen once, when it enters the context, and shared by reference from then on. `FrozenDict` and
`FrozenList` are subclasses of dict and list because nothing else stays plain JSON to json, msgspec and Jinja's
filters and reads at full speed; every method that would change them raises `Frozen` instead. C code that
bypasses methods (`heapq`, `dict.__setitem__(frozen, ...)`) cannot be intercepted by any subclass.

Each container knows its `weight`: about the bytes of its JSON text, summed when it is frozen, so that asking
how large a context is costs nothing.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, SupportsIndex, TypeAlias

from stretto.definitions.errors import LimitExceeded, NotData, StrettoError

Data: TypeAlias = "None | bool | int | float | str | FrozenDict | FrozenList"

MAX_DEPTH = 100
MAX_INTEGER_BITS = 64
SCALAR_WEIGHT = 8


class Frozen(StrettoError, TypeError):
    """Somebody tried to change data that every item of a run shares."""

    code = "frozen"


def _refuse(self: object, *_args: object, **_kwargs: object) -> NoReturn:
    kind = "object" if isinstance(self, dict) else "list"
    raise Frozen(
        f"this {kind} belongs to the run's shared context and cannot be changed; "
        "work on a private copy: stretto.definitions.thaw(value)"
    )


class FrozenDict(dict[str, Any]):
    """A JSON object that cannot be changed; made by `freeze`. `weight` is about its JSON text's bytes."""

    __slots__ = ("weight",)
    weight: int

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return thaw(self)

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[dict[str, Any]]]:
        return freeze, (dict(self),)


class FrozenList(list[Any]):
    """A JSON array that cannot be changed; made by `freeze`. `weight` is about its JSON text's bytes."""

    __slots__ = ("weight",)
    weight: int

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = remove = pop = clear = sort = reverse = _refuse

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return thaw(self)

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[list[Any]]]:
        return freeze, (list(self),)

    def __reduce_ex__(self, _protocol: SupportsIndex) -> tuple[Callable[[Any], Any], tuple[list[Any]]]:
        return self.__reduce__()


EMPTY_OBJECT = FrozenDict()
EMPTY_OBJECT.weight = 2
EMPTY_LIST = FrozenList()
EMPTY_LIST.weight = 2


def freeze(value: Any, path: str = "value") -> Data:
    """Return `value` as frozen data; what is frozen already comes back as it is, untouched.

    Tuples become lists; subclasses of str and int become plain str and int. Raises `NotData` for anything
    that is not JSON-like (with its path), for NaN, infinities, integers over 64 bits and lone surrogates, and
    for a nesting deeper than `MAX_DEPTH` (which a cycle always is).
    """
    try:
        return _freeze(value, 0)
    except _Unfit as unfit:
        steps = "".join(reversed(unfit.steps))
        raise NotData(f"{path}{steps} {unfit.reason}") from None


class _Unfit(Exception):
    """Carries the reason up to `freeze`, collecting the way there: a path costs nothing unless it is told."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.steps: list[str] = []


def _freeze(value: Any, depth: int) -> Data:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _checked_text(value)
    if value is None or kind is bool or kind is FrozenDict or kind is FrozenList:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return _checked_integer(value)
    if kind is float:
        return _checked_number(value)
    if depth >= MAX_DEPTH:
        raise _Unfit(f"is nested deeper than {MAX_DEPTH} levels (or contains itself)")
    if kind is dict or isinstance(value, Mapping):
        return _freeze_object(value, depth)
    if kind is list or isinstance(value, list | tuple):
        return _freeze_list(value, depth)
    return _freeze_scalar_subclass(value)


def _freeze_object(value: Mapping[Any, Any], depth: int) -> FrozenDict:
    frozen = FrozenDict()
    store = super(FrozenDict, frozen).__setitem__
    weight = 2
    for key, member in value.items():
        name = key if type(key) is str else _checked_key(key)
        if not name.isascii():
            _checked_text(name)
        try:
            data = _freeze(member, depth + 1)
        except _Unfit as unfit:
            unfit.steps.append(f".{name}")
            raise
        weight += len(name) + 4 + weigh(data)
        store(name, data)
    frozen.weight = weight
    return frozen


def _freeze_list(value: list[Any] | tuple[Any, ...], depth: int) -> FrozenList:
    frozen = FrozenList()
    store = super(FrozenList, frozen).append
    weight = 2
    for index, member in enumerate(value):
        try:
            data = _freeze(member, depth + 1)
        except _Unfit as unfit:
            unfit.steps.append(f"[{index}]")
            raise
        weight += 2 + weigh(data)
        store(data)
    frozen.weight = weight
    return frozen


def _freeze_scalar_subclass(value: Any) -> Data:
    if isinstance(value, str):
        return _checked_text(str.__str__(value))
    if isinstance(value, int):
        return _checked_integer(int.__int__(value))
    if isinstance(value, float):
        return _checked_number(float.__float__(value))
    kind = type(value).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    raise _Unfit(f"is {article} {kind}, which is no JSON-like data (null, boolean, number, text, list, object)")


def _checked_key(key: object) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    raise _Unfit(f"has the key {key!r}, a {type(key).__name__}; the keys of an object are strings")


def _checked_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Unfit("holds a lone surrogate, which is no text") from None
    return value


def _checked_integer(value: int) -> int:
    if -0x8000000000000000 <= value <= 0xFFFFFFFFFFFFFFFF:
        return value
    raise _Unfit(f"is an integer of {value.bit_length()} bits; {MAX_INTEGER_BITS} are the most")


def _checked_number(value: float) -> float:
    if math.isfinite(value):
        return value
    raise _Unfit(f"is {value}, which is no JSON number")


def weigh(value: Data) -> int:
    """Return about how many bytes the JSON text of `value` has, at once whatever its size."""
    kind = type(value)
    if kind is str:
        return len(value)  # type: ignore[arg-type]
    if kind is FrozenDict or kind is FrozenList:
        return value.weight  # type: ignore[union-attr]
    return SCALAR_WEIGHT


def list_of(frozen_members: list[Data]) -> FrozenList:
    """Return a frozen list of members that are frozen already, without looking into them again."""
    frozen = FrozenList(frozen_members)
    frozen.weight = 2 + sum(map(weigh, frozen_members)) + 2 * len(frozen_members)
    return frozen


def object_of(frozen_members: dict[str, Data]) -> FrozenDict:
    """Return a frozen object of members that are frozen already, without looking into them again."""
    frozen = FrozenDict(frozen_members)
    weight = 2
    for key, member in frozen_members.items():
        weight += len(key) + 4 + weigh(member)
    frozen.weight = weight
    return frozen


def thaw(value: Any) -> Any:
    """Return a private deep copy of `value` in plain dicts and lists, free to be changed."""
    if isinstance(value, dict):
        return {key: thaw(member) for key, member in value.items()}
    if isinstance(value, list):
        return [thaw(member) for member in value]
    return value


def freeze_iterator(values: Iterator[Any], path: str, most: int) -> FrozenList:
    """Return what an iterator yields as frozen data; `LimitExceeded` when it yields more than `most`."""
    members = []
    for index, member in enumerate(values):
        if index >= most:
            raise LimitExceeded(f"{path} yields more than {most} values")
        members.append(freeze(member, f"{path}[{index}]"))
    return list_of(members)
