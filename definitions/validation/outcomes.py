"""Derives the outcomes of a task for which a condition can be true."""

from jinja2 import nodes

from stretto.definitions.expressions import Template
from stretto.definitions.validation.references import tree_of

Outcomes = frozenset[str]

EVERY: Outcomes = frozenset({"succeeded", "failed", "timed_out", "cancelled"})
NONE: Outcomes = frozenset()


def outcomes_of(when: Template | None) -> Outcomes:
    """Return all outcomes for which `when` may be true, possibly with others."""
    possible = EVERY
    for expression in when.expressions() if when is not None else ():
        tree = tree_of(expression)
        if tree is not None:
            possible &= _possible(tree)
    return possible


def _possible(node: nodes.Node) -> Outcomes:
    if isinstance(node, nodes.And):
        return _possible(node.left) & _possible(node.right)
    if isinstance(node, nodes.Or):
        return _possible(node.left) | _possible(node.right)
    if isinstance(node, nodes.Not):
        asked = _asked(node.node)
        return EVERY - asked if asked else EVERY
    return _asked(node) or EVERY


def _asked(node: nodes.Node) -> Outcomes:
    """Return the outcome that a call such as failed() tests."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return EVERY & {node.node.name}
    return NONE
