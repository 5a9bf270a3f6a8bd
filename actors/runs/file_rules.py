"""Which files the tasks of one run may use, by the run's origin and by who chose the path."""

from collections.abc import Iterator
from typing import Final, Literal

from stretto.actors.files import FileAccess, Opener
from stretto.actors.journal import Origin
from stretto.definitions.expressions import Constant, Template
from stretto.definitions.model import Workflow, once_per_workflow

Use = Literal["items", "results"]
"""The use that a task makes of a file."""


@once_per_workflow
def tasks_with_files(workflow: Workflow) -> tuple[str, ...]:
    """Return the names of the tasks that read items from a file, or write results to one."""
    return tuple(
        name for name, task in workflow.tasks.items() if task.with_items is not None and task.with_items.streams
    )


def paths_of(workflow: Workflow) -> Iterator[Template]:
    """Yield the paths of all files that the tasks of a workflow read or write."""
    for task in tasks_with_files(workflow):
        for _use, template in _paths(workflow, task):
            yield template


def _paths(workflow: Workflow, task: str) -> Iterator[tuple[Use, Template]]:
    with_items = workflow.tasks[task].with_items
    if with_items is None:
        return
    if with_items.kind != "list":
        yield "items", with_items.source
    if with_items.results is not None:
        yield "results", with_items.results


class FileRules:
    """Chooses the opener of each file of a run.

    An owner's run may use every file but the engine's own. So may a remote run if the path is fixed, without an
    expression, in a definition of the operator. All other paths of a remote run are the client's choice, and must be
    below the folders that the operator names.

    Args:
        workflow: The run's definition.
        origin: Who started the run.
        access: The openers of the engine.
    """

    __slots__ = ("_access", "_is_owners", "_workflow")

    def __init__(self, workflow: Workflow, origin: Origin, access: FileAccess) -> None:
        self._workflow: Final = workflow
        self._is_owners: Final = origin == "owner"
        self._access: Final = access

    def check_fixed_paths(self) -> None:
        """Refuse the run if a path is known before it starts and must not be used. This does not block.

        Raises:
            RefusedFile: A path is refused.
        """
        for task in tasks_with_files(self._workflow):
            for use, template in _paths(self._workflow, task):
                if isinstance(template, Constant) and isinstance(template.value, str):
                    self.opener(task, use).check(template.value)

    def opener(self, task: str, use: Use) -> Opener:
        """Return the opener of a task's file of items, or of results."""
        template = dict(_paths(self._workflow, task)).get(use)
        if self._is_owners or (self._workflow.installed and isinstance(template, Constant)):
            return self._access.anywhere
        return self._access.readable if use == "items" else self._access.writable
