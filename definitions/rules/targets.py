"""Checks what a rule runs: that it exists, and that it takes the inputs."""

from collections.abc import Iterator

from stretto.definitions.dialects import LITERAL_INPUTS
from stretto.definitions.errors import Finding, nearest
from stretto.definitions.expressions import ObjectTemplate
from stretto.definitions.model import NATIVE, ORQUESTA, Semantics, Task, Workflow
from stretto.definitions.rules.rule import Rule
from stretto.definitions.validation import KnownActions, check_calls


def check_rule(rule: Rule, actions: KnownActions) -> tuple[Finding, ...]:
    """Return the findings about what a rule runs, as those about a task that calls it.

    Args:
        rule: The rule.
        actions: The actions and workflows that are known.
    """
    if actions.parameters_of(rule.target, semantics_of(rule).core_actions) is None:
        core = semantics_of(rule).core_actions
        hint = actions.suggestion_for(rule.target, core) or nearest(rule.target, actions.refs(core))
        message = f"there is no workflow and no action {rule.target!r}"
        return (Finding("unknown_action", message, rule.target_place, hint=hint),)
    return (*_calls(rule, actions), *_literals(rule))


def semantics_of(rule: Rule) -> Semantics:
    """Return the semantics of the workflow in which a rule's action runs: those of the rule's origin."""
    return ORQUESTA if rule.dialect == "stackstorm" else NATIVE


def _calls(rule: Rule, actions: KnownActions) -> tuple[Finding, ...]:
    task = Task(
        name="run", action=rule.target, action_place=rule.target_place, place=rule.place,
        input=ObjectTemplate(dict(rule.inputs), rule.target_place),
    )  # fmt: skip
    workflow = Workflow(
        ref="", parameters={}, variables=(), tasks={task.name: task}, output=None, cancellation_policy="allow_finish",
        fail_fast=False, file=rule.file, semantics=semantics_of(rule),
    )  # fmt: skip
    return check_calls(workflow, actions)


def _literals(rule: Rule) -> Iterator[Finding]:
    """Yield the expressions in a native rule's inputs that are code."""
    name = LITERAL_INPUTS.get(rule.target) if semantics_of(rule) is NATIVE else None
    template = None if name is None else rule.inputs.get(name)
    for expression in () if template is None else template.expressions():
        yield Finding(
            "rendered_command",
            f"{name!r} of {rule.target} must be literal text; an expression in it would let data run as code",
            expression.place, hint='pass the value in `env` and write "$NAME" in the command, or use argv',
        )  # fmt: skip
