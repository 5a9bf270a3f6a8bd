"""Tells an author who has written a function as a filter, or one as the other, what to write instead."""

from jinja2 import nodes

from stretto.definitions.expressions.filters import ALLOWED_TESTS, FILTERS
from stretto.definitions.expressions.sandbox import METHODS
from stretto.definitions.expressions.scope import FUNCTION_NAMES

_METHOD_NAMES = frozenset(name for methods in METHODS.values() for name in methods)


def other_form_of_filter(node: nodes.Filter) -> str:
    """Return what a filter is that does not exist, with the form to write, or "" if nothing has its name."""
    operand = "x" if node.node is None else _written(node.node, "x")
    arguments = [_written(each, "...") for each in node.args]
    if node.name in FUNCTION_NAMES:
        return f"{node.name} is a function: write {node.name}({', '.join([operand, *arguments])})"
    return _method_or_test(node.name, operand, arguments)


def other_form_of_call(node: nodes.Call, name: str) -> str:
    """Return what a function is that does not exist, with the form to write, or "" if nothing has its name."""
    operand, *arguments = [_written(each, "...") for each in node.args] or ["x"]
    operand = operand.replace("...", "x")
    if name in FILTERS:
        return f"{name} is a filter: write {operand} | {name}" + (f"({', '.join(arguments)})" if arguments else "")
    return _method_or_test(name, operand, arguments)


def _method_or_test(name: str, operand: str, arguments: list[str]) -> str:
    if name in _METHOD_NAMES:
        return f"{name} is a method: write {operand}.{name}({', '.join(arguments)})"
    if name in ALLOWED_TESTS:
        return f"{name} is a test: write {operand} is {name}" + (f"({', '.join(arguments)})" if arguments else "")
    return ""


def _written(node: nodes.Expr, otherwise: str) -> str:
    """Return the text of a short operand, as an author writes it, or `otherwise`."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        owner = _written(node.node, "")
        return f"{owner}.{node.attr}" if owner else otherwise
    if isinstance(node, nodes.Const) and isinstance(node.value, str | int | float) and len(str(node.value)) <= 20:
        return repr(node.value).lower() if isinstance(node.value, bool) else repr(node.value)
    return otherwise
