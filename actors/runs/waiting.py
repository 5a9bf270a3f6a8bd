"""Which tasks of a workflow wait for messages, and which actions are such waits."""

from typing import Final

from stretto.actors.actions import ActionRegistry
from stretto.definitions.model import WAITING_ACTIONS, Workflow, once_per_workflow

_NONE: Final[frozenset[str]] = frozenset()


def waiting_actions(workflow: Workflow, actions: ActionRegistry) -> frozenset[str]:
    """Return the actions that a workflow may call and that wait. A rehearsal's actions never do."""
    called = _called(workflow)
    if not called:
        return called
    core = workflow.semantics.core_actions
    waiting = [ref for ref in called if (found := actions.find(ref, core)) is not None and found.runner == "waits"]
    # The same set for all runs: many of them wait for days.
    return called if len(waiting) == len(called) else frozenset(waiting)


@once_per_workflow
def _called(workflow: Workflow) -> frozenset[str]:
    actions = {task.action for task in workflow.tasks.values()}
    # An expression may give any of them.
    return WAITING_ACTIONS if None in actions else WAITING_ACTIONS & actions
