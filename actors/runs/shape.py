"""The features of a workflow that most workflows do not use, as one object that all of its runs share."""

from typing import NamedTuple

from stretto.actors.runs.file_rules import tasks_with_files
from stretto.definitions.model import Workflow, once_per_workflow


class RunShape(NamedTuple):
    """The features that the runs of a workflow use. One object, because each look-up is a call of each run.

    Attributes:
        uses_files: Whether a task reads items from a file, or writes results to one.
        has_deadlines: Whether the workflow or a task has deadlines.
        keyed_tasks: The tasks whose items need a permit of a key.
        rated_tasks: The tasks whose items wait for the rate of a key.
    """

    uses_files: bool
    has_deadlines: bool
    keyed_tasks: frozenset[str] = frozenset()
    rated_tasks: frozenset[str] = frozenset()


@once_per_workflow
def shape_of(workflow: Workflow) -> RunShape:
    """Return the shape of the runs of a workflow."""
    tasks = workflow.tasks.values()
    has_deadlines = workflow.deadlines is not None or any(task.deadlines is not None for task in tasks)
    keyed = frozenset(task.name for task in tasks if task.key_limit is not None)
    rated = frozenset(task.name for task in tasks if task.rate is not None)
    return RunShape(bool(tasks_with_files(workflow)), has_deadlines, keyed, rated)
