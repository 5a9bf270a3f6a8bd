"""Finds the names that an expression reads, and whether it always reads them.

`workflow.report.rows` is the path ("workflow", "report", "rows"). A compiled expression does not keep its tree, which
only validation needs, so its source is parsed again here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import nodes

from stretto.definitions.expressions import (
    EACH_PREFIX,
    Expression,
    Malformed,
    Site,
    Source,
    Statements,
    TextSandbox,
    parse,
)

_SANDBOX = TextSandbox()
_ANYWHERE = Site(items=True, completion=True)
_ASKING_FILTERS = frozenset({"default", "d"})
_ASKING_TESTS = frozenset({"defined", "undefined"})


@dataclass(frozen=True, slots=True)
class Reference:
    """A name with the fields read from it.

    Attributes:
        path: The name and the fields.
        certain: Whether every evaluation of the expression reads it.
        asked: Whether the expression only tests that it exists.
        whole: Whether the path is complete, without a field whose name is known only at run time.
    """

    path: tuple[str, ...]
    certain: bool
    asked: bool
    whole: bool


def tree_of(expression: Source) -> nodes.Node | None:
    """Return the tree of a native expression, or None if it is not native or cannot be parsed again."""
    if not isinstance(expression, Expression | Statements):
        return None
    text = expression.source if isinstance(expression, Statements) else f"{{{{ {expression.source} }}}}"
    return _parsed(text)


def references_of(expression: Source) -> tuple[Reference, ...]:
    """Return the names that an expression reads in order, without functions and its own variables."""
    tree = tree_of(expression)
    return _references(tree) if tree is not None else ()


@lru_cache(maxsize=256)
def _parsed(text: str) -> nodes.Node | None:
    try:
        parsed = parse(_SANDBOX, text, _ANYWHERE)
    except (Malformed, RecursionError):
        return None
    if parsed.statements is not None:
        return parsed.statements
    return next((part.tree for part in parsed.parts if not isinstance(part, str)), None)


def _references(tree: nodes.Node) -> tuple[Reference, ...]:
    local = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"} | {"loop"}
    found = _walk(tree, certain=True, asked=False)
    return tuple(reference for reference in found if reference.path[0] not in local)


def _walk(node: nodes.Node, *, certain: bool, asked: bool) -> Iterator[Reference]:
    if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
        yield from _path(node, certain=certain, asked=asked)
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        for argument in (*node.args, *node.kwargs):
            yield from _walk(argument, certain=certain, asked=False)
    else:
        for child, is_certain, is_asked in _children(node):
            yield from _walk(child, certain=certain and is_certain, asked=is_asked)


def _children(node: nodes.Node) -> Iterator[tuple[nodes.Node, bool, bool]]:
    """Yield (child, whether it is always evaluated, whether it is only tested for existence)."""
    asking = (isinstance(node, nodes.Test) and node.name in _ASKING_TESTS) or (
        isinstance(node, nodes.Filter) and node.name in _ASKING_FILTERS
    )
    first: nodes.Node | None = None
    if isinstance(node, nodes.And | nodes.Or):
        first = node.left
    elif isinstance(node, nodes.CondExpr | nodes.If):
        first = node.test
    elif isinstance(node, nodes.For):
        first = node.iter
    elif isinstance(node, nodes.Filter) and node.name.startswith(EACH_PREFIX):
        first = node.node
    for child in node.iter_child_nodes():
        yield child, first is None or child is first, asking


def _path(node: nodes.Name | nodes.Getattr | nodes.Getitem, *, certain: bool, asked: bool) -> Iterator[Reference]:
    steps: list[nodes.Getattr | nodes.Getitem] = []
    base: nodes.Node = node
    while isinstance(base, nodes.Getattr | nodes.Getitem):
        steps.append(base)
        base = base.node
    for step in steps:
        if isinstance(step, nodes.Getitem):
            yield from _walk(step.arg, certain=certain, asked=False)
    if not isinstance(base, nodes.Name):
        yield from _walk(base, certain=certain, asked=asked)
        return
    path = [base.name]
    for step in reversed(steps):
        field = _field(step)
        if field is None:
            break
        path.append(field)
    if base.ctx == "load":
        yield Reference(tuple(path), certain, asked, len(path) == len(steps) + 1)


def _field(step: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(step, nodes.Getattr):
        return step.attr
    return step.arg.value if isinstance(step.arg, nodes.Const) and isinstance(step.arg.value, str) else None
