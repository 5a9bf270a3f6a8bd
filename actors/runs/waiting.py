"""Which tasks of a workflow wait for messages, and which actions are such waits."""

from stretto.actors.actions import ActionRegistry
from stretto.definitions.model import WAITING_ACTIONS, Workflow


def waiting_actions(workflow: Workflow, called: frozenset[str], actions: ActionRegistry) -> frozenset[str]:
    """Return the actions that a workflow may call and that wait. A rehearsal's actions never do.

    Args:
        workflow: The workflow.
        called: What `may_wait` returns for it.
        actions: The actions that it can call.
    """
    core = workflow.semantics.core_actions
    waiting = [ref for ref in called if (found := actions.find(ref, core)) is not None and found.runner == "waits"]
    # The same set for all runs: many of them wait for days.
    return called if len(waiting) == len(called) else frozenset(waiting)


def may_wait(workflow: Workflow) -> frozenset[str]:
    """Return the names of waiting actions that a workflow may call."""
    actions = {task.action for task in workflow.tasks.values()}
    # An expression may give any of them.
    return WAITING_ACTIONS if None in actions else WAITING_ACTIONS & actions
