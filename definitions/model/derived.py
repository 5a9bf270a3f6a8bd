"""Values that follow from a workflow alone: computed at the first use, and kept by the workflow."""

from collections.abc import Callable
from typing import TypeVar

from stretto.definitions.model.workflow import Workflow

T = TypeVar("T")


def once_per_workflow(compute: Callable[[Workflow], T]) -> Callable[[Workflow], T]:
    """Make a function compute its value once for each workflow, not once for each run.

    Threads that call it for the first time together may compute the value more than once.

    Args:
        compute: A pure function of the workflow. Its value is shared, so it must not be changed.

    Returns:
        The same function, with its value kept by the workflow.
    """

    def derived(workflow: Workflow) -> T:
        known = workflow.derived
        try:
            value: T = known[compute]
        except KeyError:
            value = known[compute] = compute(workflow)
        return value

    return derived
