"""What an Orquesta definition asks of StackStorm, which is not here, and what to write instead."""

import re
from typing import Final

from stretto.definitions.expressions.orquesta.stackstorm import BEYOND
from stretto.definitions.model import Workflow
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.uses import uses_of

_AS_AN_OBJECT: Final = re.compile(r"(?<![\w.\"'])(st2kv|config_context|action_context)\s*\.")
_INSTEAD: Final = {
    **BEYOND,
    "config_context": "give the value as an input of the workflow, or in the action's own configuration",
    "action_context": "give the value as an input of the workflow",
}


def check_for_stackstorm(workflow: Workflow, findings: Findings) -> None:
    """Warn of what will fail as it is evaluated, because only StackStorm could answer."""
    for use in uses_of(workflow):
        for expression in use.template.expressions():
            asked = sorted(expression.calls & set(BEYOND) | set(_AS_AN_OBJECT.findall(expression.source)))
            for name in asked:
                message = f"{name} asks StackStorm, which is not here: the expression fails as it is evaluated"
                findings.warn("needs_stackstorm", message, expression.place, hint=_INSTEAD[name])
