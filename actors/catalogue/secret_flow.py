"""Which inputs of a workflow's tasks are secret: parameters so marked, of actions and of other workflows."""

from collections.abc import Mapping

from stretto.actors.actions import ActionRegistry
from stretto.definitions.context import NO_SECRECY, Fields, Secrecy, secret_fields, within
from stretto.definitions.data import Data, freeze
from stretto.definitions.model import Workflow
from stretto.definitions.validation import secrecy_of

Secrecies = Mapping[str, Secrecy]
Workflows = Mapping[str, Workflow]


def secrecies_of(workflows: Workflows, actions: ActionRegistry) -> dict[str, Secrecy]:
    """Return what each workflow gives to secret parameters, those that give nothing left out.

    What a workflow hands on to one is secret to whoever calls that workflow, too; they may call each other in circles.
    """
    found: dict[str, Secrecy] = {}
    changed = True
    while changed:
        changed = False
        for ref, workflow in workflows.items():
            secrecy = secrecy_among(workflow, found, workflows, actions)
            if secrecy != found.get(ref, NO_SECRECY):
                found[ref] = secrecy
                changed = True
    return found


def secrecy_among(workflow: Workflow, known: Secrecies, workflows: Workflows, actions: ActionRegistry) -> Secrecy:
    """Return what a workflow gives to secret parameters, as far as it is `known` of those that it calls."""
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
