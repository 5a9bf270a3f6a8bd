"""The text that a field must have for an expression to be true, such as `payload.status == 'firing' and ...`.

Rules are found by it: an event whose field has another text need not be compared with the rule.
"""

from typing import Any, Final, NamedTuple

from jinja2 import Environment, TemplateError, nodes

from stretto.definitions.expressions.templates import Expression, Template

_PARSER: Final = Environment(autoescape=False)  # noqa: S701 - it only parses


class RequiredText(NamedTuple):
    """A field, as the names that lead to it, and the text that it must have."""

    path: tuple[str, ...]
    text: str


def required_text(template: Template) -> RequiredText | None:
    """Return a text without which a condition is not true, or None if none is known.

    Args:
        template: The condition. Without the text it is false, or cannot be evaluated.
    """
    if not isinstance(template, Expression):
        return None
    try:
        tree = _PARSER.parse("{{ " + template.source + " }}").body
    except TemplateError:
        return None
    if len(tree) != 1 or not isinstance(tree[0], nodes.Output) or len(tree[0].nodes) != 1:
        return None
    return _of(tree[0].nodes[0])


def _of(node: Any) -> RequiredText | None:
    if isinstance(node, nodes.And):
        return _of(node.left) or _of(node.right)
    if not isinstance(node, nodes.Compare) or len(node.ops) != 1 or node.ops[0].op != "eq":
        return None
    for field, constant in ((node.expr, node.ops[0].expr), (node.ops[0].expr, node.expr)):
        path = _path(field)
        if path is not None and isinstance(constant, nodes.Const) and isinstance(constant.value, str):
            return RequiredText(path, constant.value)
    return None


def _path(node: Any) -> tuple[str, ...] | None:
    """Return the names of `a.b.c` or `a['b'].c`, or None for anything else."""
    names: list[str] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            names.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            names.append(node.arg.value)
        else:
            return None
        node = node.node
    return (node.name, *reversed(names))
