"""Immutable JSON data: the values in the context of a run.

A value is frozen once, when it enters the context, and then shared by reference. `FrozenDict` and `FrozenList`
subclass dict and list because only those are plain JSON to json, msgspec and Jinja's filters and read at full speed.
Every mutating method raises `Frozen`. No subclass can intercept C code that bypasses methods, such as `heapq` or
`dict.__setitem__(frozen, ...)`.

Each container stores its `weight`, the approximate size of its JSON text. It is summed while freezing, so the size
of a context is known at no cost.
"""

import math
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from stretto.definitions.errors import NotData, StrettoError

if TYPE_CHECKING:
    from stretto.definitions.data._compiled import Freezer

Data: TypeAlias = "None | bool | int | float | str | FrozenDict | FrozenList"

MAX_DEPTH = 100
MAX_WEIGHT = 2**30
"""Maximum size of a value's JSON text in bytes. Shared members count each time, as they do when serialized."""
MAX_INTEGER_BITS = 64
LEAST_INTEGER = -0x8000000000000000
MOST_INTEGER = 0xFFFFFFFFFFFFFFFF
SCALAR_WEIGHT = 8
PURE_VARIABLE = "STRETTO_PURE_PYTHON"
"""The environment variable that, unless it is empty, leaves the compiled part out."""


COMPILED_VERSION = 2
"""The version of the compiled part that this module works with. One that was built from older sources is left out."""


class Frozen(StrettoError, TypeError):
    """Code tried to change data that all items of a run share."""

    code = "frozen"


def _refuse(self: object, *_args: object, **_kwargs: object) -> NoReturn:
    kind = "object" if isinstance(self, dict) else "list"
    raise Frozen(
        f"this {kind} belongs to the run's shared context and cannot be changed; "
        "work on a private copy: stretto.definitions.thaw(value)"
    )


class FrozenDict(dict[str, Any]):
    """An immutable JSON object, created by `freeze`.

    Attributes:
        weight: The approximate size of its JSON text in bytes.
        depth: The number of nested containers around its deepest member.
    """

    __slots__ = ("depth", "weight")
    depth: int
    weight: int

    if not TYPE_CHECKING:  # a type checker would consider construction itself impossible
        __init__ = __setattr__ = _refuse

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return thaw(self)

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[dict[str, Any]]]:
        return freeze, (dict(self),)


class FrozenList(list[Any]):
    """An immutable JSON array, created by `freeze`. `weight` and `depth` are those of `FrozenDict`."""

    __slots__ = ("depth", "weight")
    depth: int
    weight: int

    if not TYPE_CHECKING:  # a type checker would consider construction itself impossible
        __init__ = __setattr__ = _refuse

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = remove = pop = clear = sort = reverse = _refuse

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return thaw(self)

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[list[Any]]]:
        return freeze, (list(self),)


# The only ways around `_refuse` are the slots' own descriptors and the methods of dict and list.
_set_dict_weight = FrozenDict.weight.__set__  # type: ignore[attr-defined]
_set_dict_depth = FrozenDict.depth.__set__  # type: ignore[attr-defined]
_set_list_weight = FrozenList.weight.__set__  # type: ignore[attr-defined]
_set_list_depth = FrozenList.depth.__set__  # type: ignore[attr-defined]


def sealed_object(frozen: FrozenDict, weight: int, depth: int) -> FrozenDict:
    """Set the slots of a new object, and return it."""
    _set_dict_weight(frozen, weight)
    _set_dict_depth(frozen, depth)
    return frozen


def sealed_list(frozen: FrozenList, weight: int, depth: int) -> FrozenList:
    """Set the slots of a new list, and return it."""
    _set_list_weight(frozen, weight)
    _set_list_depth(frozen, depth)
    return frozen


EMPTY_OBJECT = sealed_object(FrozenDict.__new__(FrozenDict), 2, 1)
EMPTY_LIST = sealed_list(FrozenList.__new__(FrozenList), 2, 1)


def freeze(value: Any, path: str = "value") -> Data:
    """Return `value` as frozen data.

    Frozen data is returned unchanged. Tuples become lists, and subclasses of str, int and float become the plain type.

    Args:
        value: JSON-like data.
        path: The name of the value in error messages.

    Returns:
        The same data in `FrozenDict` and `FrozenList`.

    Raises:
        NotData: The value is not JSON-like. This includes NaN, infinities, integers over 64 bits, lone surrogates,
            nesting deeper than `MAX_DEPTH` (and so any cycle) and more than `MAX_WEIGHT` bytes.
    """
    if value is None or (type(value) is str and value.isascii()):
        return value
    try:
        frozen = _fast_freeze(value, 0)
        _checked_depth(depth_of(frozen))
    except _Unfit as unfit:
        steps = "".join(reversed(unfit.steps))
        raise NotData(f"{path}{steps} {unfit.reason}") from None
    return frozen


def is_frozen(value: Any) -> bool:
    """Return whether `freeze` would return `value` unchanged."""
    kind = type(value)
    if kind is FrozenDict or kind is FrozenList:
        return bool(value.depth <= MAX_DEPTH)
    if kind is int:
        return bool(LEAST_INTEGER <= value <= MOST_INTEGER)
    if kind is float:
        return math.isfinite(value)
    if kind is str:
        return bool(value.isascii()) or _is_text(value)
    return kind is bool or value is None


class _Unfit(Exception):
    """Carries the reason up to `freeze` and collects the path on the way, so paths cost nothing on success."""

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
    # Iterate with the methods of dict, list and tuple themselves: a subclass could iterate forever.
    if isinstance(value, dict):
        return _freeze_object(dict.items(value), depth)
    if isinstance(value, list):
        return _freeze_list(list.__iter__(value), depth)
    if isinstance(value, tuple):
        return _freeze_list(tuple.__iter__(value), depth)
    return _freeze_scalar_subclass(value)


def _freeze_object(members: Iterable[tuple[Any, Any]], depth: int) -> FrozenDict:
    frozen = FrozenDict.__new__(FrozenDict)
    store = super(FrozenDict, frozen).__setitem__
    weight, deepest = 2, 0
    for key, member in members:
        name = key if type(key) is str else _checked_key(key)
        if not name.isascii():
            _checked_text(name)
        if type(member) is str and member.isascii():
            weight += len(name) + 4 + len(member)
            store(name, member)
            continue
        try:
            data = _freeze(member, depth + 1)
        except _Unfit as unfit:
            unfit.steps.append(f".{name}")
            raise
        if type(data) is FrozenDict or type(data) is FrozenList:
            weight += len(name) + 4 + data.weight
            deepest = max(deepest, data.depth)
        else:
            weight += len(name) + 4 + (len(data) if type(data) is str else SCALAR_WEIGHT)
        store(name, data)
    return sealed_object(frozen, _checked_weight(weight), _checked_depth(deepest + 1))


def _freeze_list(members: Iterable[Any], depth: int) -> FrozenList:
    frozen = FrozenList.__new__(FrozenList)
    store = super(FrozenList, frozen).append
    weight, deepest = 2, 0
    for index, member in enumerate(members):
        try:
            data = _freeze(member, depth + 1)
        except _Unfit as unfit:
            unfit.steps.append(f"[{index}]")
            raise
        if type(data) is FrozenDict or type(data) is FrozenList:
            weight += 2 + data.weight
            deepest = max(deepest, data.depth)
        else:
            weight += 2 + (len(data) if type(data) is str else SCALAR_WEIGHT)
        store(data)
    return sealed_list(frozen, _checked_weight(weight), _checked_depth(deepest + 1))


def _checked_depth(depth: int) -> int:
    if depth > MAX_DEPTH:
        raise _Unfit(f"is nested deeper than {MAX_DEPTH} levels")
    return depth


def _checked_weight(weight: int) -> int:
    if weight > MAX_WEIGHT:
        raise _Unfit(f"is larger than {MAX_WEIGHT:,} bytes as JSON text")
    return weight


def _freeze_scalar_subclass(value: Any) -> Data:
    if isinstance(value, str):
        return _checked_text(str.__str__(value))
    if isinstance(value, int):
        return _checked_integer(int.__int__(value))
    if isinstance(value, float):
        return _checked_number(float.__float__(value))
    kind = type(value).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    raise _Unfit(f"is {article} {kind}, which is not JSON-like data (null, boolean, number, text, list, object)")


def _checked_key(key: object) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    raise _Unfit(f"has the key {key!r}, a {type(key).__name__}; the keys of an object must be strings")


def _checked_text(value: str) -> str:
    if _is_text(value):
        return value
    raise _Unfit("contains a lone surrogate, which is not valid text")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _checked_integer(value: int) -> int:
    if LEAST_INTEGER <= value <= MOST_INTEGER:
        return value
    raise _Unfit(f"is an integer of {value.bit_length()} bits; the maximum is {MAX_INTEGER_BITS}")


def _checked_number(value: float) -> float:
    if math.isfinite(value):
        return value
    raise _Unfit(f"is {value}, which is not a JSON number")


def weigh(value: Data) -> int:
    """Return the approximate size of the JSON text of `value` in bytes, in constant time."""
    kind = type(value)
    if kind is str:
        return len(value)  # type: ignore[arg-type]
    if kind is FrozenDict or kind is FrozenList:
        return value.weight  # type: ignore[union-attr]
    return SCALAR_WEIGHT


def depth_of(value: Data) -> int:
    """Return the number of nested containers around the deepest member of `value`, 0 for a scalar."""
    kind = type(value)
    if kind is FrozenDict or kind is FrozenList:
        return value.depth  # type: ignore[union-attr]
    return 0


def _made_compiled() -> "Freezer | None":
    """Return the compiled half of this module, or None where it was not built or is not wanted."""
    if os.environ.get(PURE_VARIABLE):
        return None
    try:
        from stretto.definitions.data import _compiled  # noqa: PLC0415 - not everywhere
    except ImportError:
        return None
    if getattr(_compiled, "VERSION", 1) != COMPILED_VERSION:
        return None
    return _compiled.Freezer(FrozenDict, FrozenList, _freeze, _Unfit, MAX_DEPTH, MAX_WEIGHT, SCALAR_WEIGHT)


COMPILED: "Freezer | None" = _made_compiled()
"""Freezes and decodes plain values in C, with the same results as `_freeze`. None where it is missing."""
_fast_freeze: Callable[[Any, int], Data] = _freeze if COMPILED is None else COMPILED.freeze


def check_bounds(data: Data, path: str = "value") -> Data:
    """Return `data`, or raise `NotData` if it is too deep or too large."""
    try:
        _checked_depth(depth_of(data))
        _checked_weight(weigh(data))
    except _Unfit as unfit:
        raise NotData(f"{path} {unfit.reason}") from None
    return data


def thaw(value: Any) -> Any:
    """Return a private deep copy of `value` in plain dicts and lists.

    Args:
        value: Frozen data.

    Returns:
        A copy that can be changed.
    """
    if isinstance(value, dict):
        return {key: thaw(member) for key, member in value.items()}
    if isinstance(value, list):
        return [thaw(member) for member in value]
    return value
