"""Plain values of a definition: literals, paths such as `item.name` or `task.load.result[0]`, and their compounds.

They are derived from an expression's parse tree after it has been checked. Nothing is evaluated here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jinja2 import nodes

from stretto.definitions.data import Data, freeze
from stretto.definitions.errors import NotData


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal value."""

    value: Data


@dataclass(frozen=True, slots=True)
class Path:
    """A top-level name and the keys that follow: text for a field, an integer for an index.

    Dots and brackets are equivalent, because they differ only if a field is missing.
    """

    root: str
    keys: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """A text of literal parts and values."""

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
    """Return the plain value of a checked expression, or None if it must be computed."""
    if isinstance(tree, nodes.Const):
        return _literal(tree.value)
    keys: list[str | int] = []
    node: nodes.Expr = tree
    while not isinstance(node, nodes.Name):
        key = key_of(node)
        if key is None:
            return None
        keys.append(key)
        node = node.node  # type: ignore[attr-defined]  # a node with a key has an owner
    return Path(node.name, tuple(reversed(keys)))


def _literal(value: Any) -> Literal | None:
    try:
        return Literal(freeze(value))
    except NotData:
        return None  # its evaluation raises the error


def key_of(node: nodes.Expr) -> str | int | None:
    """Return the constant key of `.key` or `[key]`, or None if it is computed, or the expression anything else."""
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
