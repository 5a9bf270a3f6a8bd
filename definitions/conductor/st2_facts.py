"""The variable `st2`: what StackStorm tells each workflow about its own execution."""

import re
from typing import Final

from stretto.definitions.data import FrozenDict, object_of
from stretto.definitions.model import Workflow, once_per_workflow

_NAMED: Final = re.compile(r"\b(st2|action_context|st2kv)\b")
"""The variable's name, that by which ActionChains read it, and the function that needs the run's user."""


@once_per_workflow
def reads_st2(workflow: Workflow) -> bool:
    """Return whether a workflow may read the variable. Most do not, and need no memory for it."""
    return not workflow.text or _NAMED.search(workflow.source) is not None


def st2_facts(workflow: Workflow, run_id: str, user: str) -> FrozenDict:
    """Return {action_execution_id, workflow_execution_id, api_url, user, pack, action, runner}.

    A run is both an execution of an action and one of a workflow. `api_url` is "": nothing here has StackStorm's API.
    """
    return object_of(
        {
            "action_execution_id": run_id,
            "workflow_execution_id": run_id,
            "api_url": "",
            "user": user,
            "pack": workflow.ref.rpartition(".")[0],
            "action": workflow.ref,
            "runner": "orquesta",
        }
    )
