"""Plain values of a definition: literals, paths such as `item.name` or `task.load.result[0]`, and what is made of them.

What an expression is, is read off its parse tree, once it has been checked. Nothing here evaluates anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jinja2 import nodes

from stretto.definitions.data import Data, freeze
from stretto.definitions.errors import NotData


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written down."""

    value: Data


@dataclass(frozen=True, slots=True)
class Path:
    """A top-level name, and the keys that lead on from there: a text is a field's name, an integer a list's index.

    Whether a field is read with a dot or in brackets makes no difference as long as it is there.
    """

    root: str
    keys: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """A text: literal texts, and values with text around them."""

    parts: tuple[str | Literal | Path, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """An object."""

    members: Mapping[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list."""

    members: tuple["Plain", ...]


Plain: TypeAlias = Literal | Path | Joined | Members | Listed


def plain_of(tree: nodes.Expr) -> Literal | Path | None:
    """Return what a checked expression comes to, or None where it has to be computed."""
    if isinstance(tree, nodes.Const):
        return _literal(tree.value)
    keys: list[str | int] = []
    node: nodes.Expr = tree
    while not isinstance(node, nodes.Name):
        key = _key(node)
        if key is None:
            return None
        keys.append(key)
        node = node.node  # type: ignore[attr-defined]  # whatever has a key has an owner
    return Path(node.name, tuple(reversed(keys)))


def _literal(value: Any) -> Literal | None:
    try:
        return Literal(freeze(value))
    except NotData:
        return None  # evaluating it tells what is wrong with it


def _key(node: nodes.Expr) -> str | int | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if not isinstance(node, nodes.Getitem):
        return None
    argument = node.arg
    sign = 1
    if isinstance(argument, nodes.Neg):
        argument, sign = argument.node, -1
    key = argument.value if isinstance(argument, nodes.Const) else None
    if type(key) is int:
        return sign * key
    return key if type(key) is str and sign == 1 else None
