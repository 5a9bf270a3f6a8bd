"""Finds the expressions that only read a path: `ctx(x)`, `ctx().x.y[0]`, `item().name`, `result().code` and others.

They are derived from the parse trees of both languages. `plain_code` compiles them.
"""

from typing import Any, Final

from jinja2 import nodes

from stretto.definitions.expressions.base.plain_values import Path, key_of

RESULT: Final = "result()"
"""The root of a path that begins at the result of the current task. It is not a name of a scope."""
_ROOTS: Final = {"ctx": "workflow", "item": "item", "result": RESULT}
_CONSTANTS: Final = frozenset({"Constant", "KeywordConstant"})


def path_in_yaql(tree: Any) -> Path | None:
    """Return the path that an expression of YAQL reads, or None if it does anything else."""
    kind = type(tree).__name__
    if kind == "Wrap":
        return path_in_yaql(tree.expr)
    if kind == "Function":
        return _begun(tree.name, [_constant(each) for each in tree.args])
    if kind == "BinaryOperator" and tree.operator == ".":
        owner, member = tree.args
        name = member.value if type(member).__name__ == "KeywordConstant" else None
        if type(name) is not str or name.startswith("__"):
            return None
        is_ctx = type(owner).__name__ == "Function" and owner.name == "ctx" and not owner.args
        return Path("workflow", (name,)) if is_ctx else _extended(path_in_yaql(owner), name)
    if kind == "IndexExpression" and len(tree.args) == 2:
        return _extended(path_in_yaql(tree.args[0]), _constant(tree.args[1]))
    return None


def path_in_jinja(tree: nodes.Expr, variables: str) -> Path | None:
    """Return the path that a checked expression of Jinja reads, or None if it does anything else.

    Args:
        tree: The expression.
        variables: The name that stands for the variables of `ctx()` in it.
    """
    keys: list[str | int] = []
    node = tree
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        key = key_of(node)
        if key is None:
            return None
        keys.append(key)
        node = node.node
    keys.reverse()
    if isinstance(node, nodes.Name) and node.name == variables and keys and isinstance(keys[0], str):
        return Path("workflow", tuple(keys))
    if not isinstance(node, nodes.Call) or not isinstance(node.node, nodes.Name) or node.kwargs:
        return None
    root = _begun(node.node.name, [each.value if isinstance(each, nodes.Const) else None for each in node.args])
    return None if root is None else Path(root.root, (*root.keys, *keys))


def _constant(tree: Any) -> Any:
    return tree.value if type(tree).__name__ in _CONSTANTS else None


def _begun(function: str, arguments: list[Any]) -> Path | None:
    """Return the path of a function's value."""
    root = _ROOTS.get(function)
    if root is None or len(arguments) > 1:
        return None
    if not arguments:
        return None if function == "ctx" else Path(root)
    name = arguments[0]
    if function == "result" or type(name) is not str or not name or name.startswith("__"):
        return None
    return Path(root, (name,))


def _extended(path: Path | None, key: Any) -> Path | None:
    return Path(path.root, (*path.keys, key)) if path is not None and type(key) in {str, int} else None
