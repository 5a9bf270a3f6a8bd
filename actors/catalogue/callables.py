"""What a task can name as its action: the registry's actions, and workflows by their ref."""

from collections.abc import Mapping

from stretto.actors.actions import ActionRegistry
from stretto.definitions.model import CoreActions, Parameter, Workflow
from stretto.definitions.validation import KnownAction, KnownInput


class ActionsAndWorkflows:
    """Tells validation what there is to call; an action of the same ref comes before a workflow."""

    def __init__(self, actions: ActionRegistry, workflows: Mapping[str, Mapping[str, Parameter]]) -> None:
        self._actions = actions
        self._workflows = workflows

    def refs(self, core: CoreActions) -> tuple[str, ...]:
        """Return all refs of either."""
        return (*self._actions.refs(core), *self._workflows)

    def suggestion_for(self, ref: str, core: CoreActions) -> str:
        """Return why there is neither, and what to write instead; "" if nothing is known of it."""
        return self._actions.suggestion_for(ref, core)

    def parameters_of(self, ref: str, core: CoreActions) -> KnownAction | None:
        """Return what an action or a workflow takes, or None if there is neither."""
        action = self._actions.find(ref, core)
        if action is not None:
            inputs = [KnownInput(p.name, p.type, p.required, p.nullable, p.enum) for p in action.parameters]
            literal = action.literal if self._actions.refuses_rendered(core) else frozenset()
            return KnownAction({each.name: each for each in inputs}, action.takes_anything, literal)
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
