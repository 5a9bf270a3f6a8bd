"""The core actions whose items wait for a message, and the name of the inquiries that other tasks wait for."""

from typing import Final

from stretto.definitions.model.derived import once_per_workflow
from stretto.definitions.model.workflow import Workflow

WAITING_ACTIONS: Final = frozenset({"core.ask", "core.wait_for"})
"""The actions whose items wait for people or for an event."""
MAX_WAIT_SECONDS: Final = 10.0 * 365 * 86_400
"""The longest timeout, delay, deadline or wait before a retry: ten years. It keeps a backoff from overflowing."""
INQUIRIES: Final = "inquiry"
"""The variable that holds the inquiries for which tasks have waited: {TASK: {id, status, response, ...}}."""


@once_per_workflow
def may_ask(workflow: Workflow) -> bool:
    """Return whether a run of a workflow may ask people, whose answers may be secret."""
    return any(
        task.may_ask or task.action == "core.ask" or task.action_expression is not None
        for task in workflow.tasks.values()
    )
