"""Warns about functions of Orquesta definitions that Stretto lacks, with their replacements."""

import re
from typing import Final

from stretto.definitions.errors import Place
from stretto.definitions.expressions.orquesta import NOT_HERE, Expression, Statements, function_names
from stretto.definitions.model import Workflow
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.uses import uses_of

_AS_AN_OBJECT: Final = re.compile(r"(?<![\w.\"'])(st2kv|config_context|action_context)\s*\.")
_INSTEAD: Final = {
    **NOT_HERE,
    "config_context": "pass the value to the workflow as an input, or write it in Jinja: {{ config_context.NAME }}",
    "action_context": "pass the value to the workflow as an input",
    "st2kv": "call it: st2kv('system.NAME')",
}
_NEEDS_STACKSTORM: Final = frozenset({"action_context", "config_context", "st2kv"})


def check_functions(workflow: Workflow, findings: Findings) -> None:
    """Warn about calls that fail because they need StackStorm or because there is no such function."""
    for use in uses_of(workflow):
        for expression in use.template.expressions():
            asked = {*(expression.calls & NOT_HERE.keys()), *_AS_AN_OBJECT.findall(expression.source)}
            if isinstance(expression, Expression | Statements) and expression.language == "jinja":
                asked.discard("config_context")
            for name in sorted(asked):
                _warn_of(name, expression.place, findings)
            if isinstance(expression, Expression | Statements):
                _check_names(expression, findings)


def _warn_of(name: str, place: Place, findings: Findings) -> None:
    if name in _NEEDS_STACKSTORM:
        message = f"{name} needs StackStorm, so the expression fails when it is evaluated"
        findings.warn("needs_stackstorm", message, place, hint=_INSTEAD[name])
    else:
        message = f"{name} could give another value in a replay, so the expression fails when it is evaluated"
        findings.warn("not_repeatable", message, place, hint=_INSTEAD[name])


def _check_names(expression: Expression | Statements, findings: Findings) -> None:
    if expression.language == "yaql" and "def" in expression.calls:
        return  # it defines functions of its own
    known = function_names(expression.language)
    for name in sorted(expression.calls - known - NOT_HERE.keys()):
        kind = "function or method" if expression.language == "yaql" else "function or filter"
        message = f"there is no {kind} {name}, so the expression fails when it is evaluated"
        findings.warn("unknown_function", message, expression.place, hint=findings.nearest(name, known))
