"""Detection of Python files that need StackStorm to run."""

import ast
from pathlib import Path

from stretto.definitions.errors import Finding, Place

_PORT = (
    "make it a plain script: parameters = json.load(sys.stdin), then json.dump(RESULT, sys.stdout); workflows still "
    "read it as result().result; see docs/stackstorm.md"
)
_PACKAGES = frozenset({"st2common", "st2client", "st2reactor", "st2actions"})


def needs_stackstorm(program: Path) -> Finding | None:
    """Return the reason why a file cannot run without StackStorm or is not Python 3, or None."""
    try:
        tree = ast.parse(program.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        message = f"the file is not valid Python 3: {getattr(error, 'msg', None) or error}"
        return Finding(
            "not_python", message, Place(str(program), line, column), hint="fix it, or port it from Python 2"
        )
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(_name(base).endswith("Action") for base in node.bases):
            base = next(_name(base) for base in node.bases if _name(base).endswith("Action"))
            message = f"the class {node.name} derives from {base}, which needs StackStorm"
            return Finding(
                "stackstorm_action", message, Place(str(program), node.lineno, node.col_offset + 1), hint=_PORT
            )
    for node in ast.walk(tree):
        if package := _PACKAGES & {name.partition(".")[0] for name in _imported(node)}:
            message = f"the file imports {next(iter(package))}, which is part of StackStorm"
            place = Place(str(program), node.lineno, node.col_offset + 1)  # type: ignore[attr-defined]
            return Finding("stackstorm_action", message, place, hint=_PORT)
    return None


def _name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
