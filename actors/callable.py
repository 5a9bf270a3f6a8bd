"""What a task can name as its action: the registry's actions, and workflows by their ref."""

from collections.abc import Mapping

from stretto.actors.actions import ActionRegistry
from stretto.definitions.model import Parameter, Workflow
from stretto.definitions.validation import KnownAction, KnownInput


class ActionsAndWorkflows:
    """Tells validation what there is to call; an action of the same ref comes before a workflow."""

    def __init__(self, actions: ActionRegistry, workflows: Mapping[str, Mapping[str, Parameter]]) -> None:
        self._actions = actions
        self._workflows = workflows

    def refs(self) -> tuple[str, ...]:
        """Return all refs of either."""
        return (*self._actions.refs(), *self._workflows)

    def parameters_of(self, ref: str) -> KnownAction | None:
        """Return what an action or a workflow takes, or None if there is neither."""
        if ref in self._actions:
            action = self._actions.get(ref)
            inputs = [KnownInput(p.name, p.type, p.required, p.nullable, p.enum) for p in action.parameters]
            return KnownAction({each.name: each for each in inputs}, action.takes_anything)
        parameters = self._workflows.get(ref)
        if parameters is None:
            return None
        # A null that is given does for any parameter that is not required.
        inputs = [
            KnownInput(p.name, p.type, p.required, not p.required, () if p.secret else p.enum)
            for p in parameters.values()
        ]
        return KnownAction({each.name: each for each in inputs})


def parameters_by_ref(workflows: Mapping[str, Workflow]) -> dict[str, Mapping[str, Parameter]]:
    """Return what each workflow takes, as it is now."""
    return {ref: workflow.parameters for ref, workflow in workflows.items()}
