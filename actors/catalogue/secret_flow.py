"""Finds the inputs of tasks that are secret: they go to parameters marked so, of actions or of workflows."""

from collections.abc import Mapping

from stretto.actors.actions import ActionRegistry
from stretto.definitions.context import NO_SECRECY, Fields, Secrecy, secret_fields, within
from stretto.definitions.data import Data, freeze
from stretto.definitions.model import Workflow
from stretto.definitions.validation import secrecy_of

Secrecies = Mapping[str, Secrecy]
Workflows = Mapping[str, Workflow]


def secrecies_of(
    workflows: Workflows, actions: ActionRegistry, called: Workflows | None = None, known: Secrecies | None = None
) -> dict[str, Secrecy]:
    """Return what each workflow passes to secret parameters. Those that pass nothing are left out.

    An input that a workflow passes on to a secret parameter is secret to its callers, too. Calls may form circles.

    Args:
        workflows: The workflows to look at.
        actions: The actions that they call.
        called: The workflows that they call, by default the same.
        known: What is known already of other workflows that they call.
    """
    found = {} if known is None else dict(known)
    changed = True
    while changed:
        changed = False
        for ref, workflow in workflows.items():
            secrecy = secrecy_among(workflow, found, workflows if called is None else called, actions)
            if secrecy != found.get(ref, NO_SECRECY):
                found[ref] = secrecy
                changed = True
    return found


def secrecy_among(workflow: Workflow, known: Secrecies, workflows: Workflows, actions: ActionRegistry) -> Secrecy:
    """Return what a workflow passes to secret parameters, given what is `known` of the workflows that it calls."""
    fields: set[Fields]
    inputs: dict[str, frozenset[Fields]] = {}
    defaults: list[Data] = []
    for task in workflow.tasks.values():
        if task.action is None:
            continue
        action = actions.find(task.action, workflow.semantics.core_actions)
        if action is not None:
            fields = set(action.secret)
            given = {parameter.name: parameter.default for parameter in action.parameters}
            defaults += [freeze(default) for path in fields for default in within(given, path)]
        else:
            fields = _parameters_of(task.action, known, workflows)
        if fields:
            inputs[task.name] = frozenset(fields)
    return secrecy_of(workflow, inputs, defaults) if inputs else NO_SECRECY


def _parameters_of(ref: str, known: Secrecies, workflows: Workflows) -> set[Fields]:
    called = workflows.get(ref)
    if called is None:
        return set()
    fields = set(secret_fields(called.parameters))
    for name, paths in known.get(ref, NO_SECRECY).parameters.items():
        fields |= {(name, *path) for path in paths}
    return fields
