"""Which actions of a workflow wait for messages."""

from stretto.actors.actions import ActionRegistry
from stretto.definitions.model import WAITING_ACTIONS, Workflow


def waiting_actions(workflow: Workflow, actions: ActionRegistry) -> frozenset[str]:
    """Return the actions that a workflow may call and that wait. A rehearsal's actions never do.

    Args:
        workflow: The workflow.
        actions: The actions that it can call.
    """
    called = {task.action for task in workflow.tasks.values()}
    # An expression may give any of them.
    names = WAITING_ACTIONS if None in called else WAITING_ACTIONS & called
    core = workflow.semantics.core_actions
    return frozenset(ref for ref in names if (found := actions.find(ref, core)) is not None and found.runner == "waits")
