"""Whether a value fits a parameter of an action, and the words for one that does not."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from stretto.actors.actions.schema import ANY, ActionParameter
from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.errors import nearest

_PYTHON_TYPES: Final[Mapping[str, frozenset[type]]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "array": frozenset({list, FrozenList, tuple}),
    "object": frozenset((dict, FrozenDict)),
}
_SUBCLASSES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "array": (list, tuple),
    "object": Mapping,
}
_NAMES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    ((list, tuple), "array"),
    (Mapping, "object"),
)


def accepted_types(parameter: ActionParameter) -> frozenset[type] | None:
    """Return the types of valid values, or None if all are."""
    if parameter.type == ANY and parameter.nullable:
        return None
    types = _PYTHON_TYPES.get(parameter.type) or frozenset().union(*_PYTHON_TYPES.values())
    return types | {type(None)} if parameter.nullable else types


def fits(parameter: ActionParameter, value: Any) -> bool:
    """Return whether a value is valid for a parameter."""
    if value is None:
        return parameter.nullable
    if parameter.type != ANY and type(value) not in _PYTHON_TYPES[parameter.type]:
        subclasses = _SUBCLASSES.get(parameter.type, ())
        if isinstance(value, bool) or not isinstance(value, subclasses):
            return False
    # 1 == True in Python, not in JSON.
    return not parameter.enum or any(
        value == member and isinstance(value, bool) == isinstance(member, bool) for member in parameter.enum
    )


def expected(parameter: ActionParameter) -> str:
    """Return what a parameter takes, in words."""
    if parameter.enum:
        return f"one of {', '.join(map(repr, parameter.enum))}"
    if parameter.type == ANY:
        return "any value" if parameter.nullable else "any value except null"
    return _with_article(parameter.type) + (" or null" if parameter.nullable else "")


def described(value: Any) -> str:
    """Return the type of a value. The value itself is not shown, because inputs may hold secrets."""
    if value is None:
        return "null"
    return _with_article(next((name for types, name in _NAMES if isinstance(value, types)), type(value).__name__))


def _with_article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def hint_for(name: str, known: Iterable[str]) -> str:
    """Return the nearest of the known names, or all of them, as the end of a sentence."""
    if near := nearest(name, known):
        return f", {near}"
    return f" (known: {', '.join(known)})" if known else " (it takes no input)"
