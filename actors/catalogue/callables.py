"""The actions and workflows that a task can call."""

from collections.abc import Callable, Mapping

from stretto.actors.actions import Action, ActionRegistry, Requested
from stretto.definitions.errors import Finding
from stretto.definitions.model import CoreActions, Resources, Workflow
from stretto.definitions.validation import KnownAction, KnownInput, rendered_commands


class Callables:
    """Describes the callable refs to validation. An action wins over a workflow of the same ref.

    `unusable` gives the reason for each ref whose definition has errors. `find_more` registers actions that are loaded
    only when a ref is unknown. `requested_by` is who asks for runs: more is refused to remote clients. `pools` are the
    pools, each with what a worker has if that counts, or None if they are not known.
    """

    def __init__(  # noqa: PLR0913 - keywords, each a part of what is known
        self,
        actions: ActionRegistry,
        workflows: Mapping[str, Workflow],
        unusable: Mapping[str, str] | None = None,
        find_more: Callable[[], None] | None = None,
        *,
        requested_by: Requested = "owner",
        pools: Mapping[str, Resources | None] | None = None,
    ) -> None:
        self._actions = actions
        self._workflows = workflows
        self._unusable = {} if unusable is None else unusable
        self._find_more = find_more
        self._requested_by = requested_by
        self.pools = pools

    def refs(self, core: CoreActions) -> tuple[str, ...]:
        """Return all refs."""
        return (*self._actions.refs(core), *self._workflows)

    def suggestion_for(self, ref: str, core: CoreActions) -> str:
        """Return why a ref cannot be called, or its replacement. Empty if neither is known."""
        return self._unusable.get(ref) or self._actions.suggestion_for(ref, core)

    def is_unusable(self, ref: str) -> bool:
        """Return whether a ref is a workflow's whose definition has errors."""
        return ref in self._unusable

    def parameters_of(self, ref: str, core: CoreActions) -> KnownAction | None:
        """Return the inputs of an action or a workflow, or None if the ref is unknown."""
        action = self._action(ref, core)
        if action is not None:
            inputs = [KnownInput(p.name, p.type, p.required, p.nullable, p.enum) for p in action.parameters]
            literal, doubtful = self._code(action, core)
            return KnownAction(
                {each.name: each for each in inputs}, action.takes_anything, literal, doubtful,
                self._actions.refuses_call(action, core, self._requested_by),
            )  # fmt: skip
        workflow = self._workflows.get(ref)
        if workflow is None:
            return None
        # Null is valid for every parameter that is not required.
        inputs = [
            KnownInput(p.name, p.type, p.required, not p.required, () if p.secret else p.enum)
            for p in workflow.parameters.values()
        ]
        return KnownAction({each.name: each for each in inputs}, is_workflow=True)

    def _code(self, action: Action, core: CoreActions) -> tuple[frozenset[str], frozenset[str]]:
        """Return the inputs that must be literal, and those that should be."""
        if self._actions.refuses_rendered(core, self._requested_by):
            return action.literal, frozenset()
        return frozenset(), frozenset() if self._actions.rendered_commands == "allow" else action.literal

    def _action(self, ref: str, core: CoreActions) -> Action | None:
        action = self._actions.find(ref, core)
        if action is None and ref not in self._workflows and self._find_more is not None:
            self._find_more()
            action = self._actions.find(ref, core)
        return action


def refused_to_remote(workflow: Workflow, actions: ActionRegistry) -> tuple[Finding, ...]:
    """Return an error for each task with a command that a remote client's run may not render."""
    if not actions.refuses_rendered(workflow.semantics.core_actions, "remote"):
        return ()
    return rendered_commands(workflow, Callables(actions, {}, requested_by="remote"))
