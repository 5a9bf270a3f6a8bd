"""The needs of a run: what another daemon must have to go on with it."""

from stretto.actors.files import FileAccess
from stretto.actors.journal import NO_NEEDS, Needs, need
from stretto.actors.pools import HERE
from stretto.actors.runs.file_rules import paths_of
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.definitions.expressions import Constant, Template, Text
from stretto.definitions.model import Workflow, once_per_workflow

_CORE = "core."
"""How the refs begin that every Stretto has."""


def needs_of(services: Services, request: RunRequest) -> Needs:
    """Return what a run needs of the engines that share the store: actions, workflows, pools, the host of its files.

    Names that this engine does not have either are no needs: their items fail wherever the run is.
    """
    if not services.journal.is_shared:
        return NO_NEEDS
    workflow = request.workflow
    core = workflow.semantics.core_actions
    found = {
        need("action", ref)
        for ref in _calls(workflow)
        if ref in request.nested or services.actions.find(ref, core) is not None
    }
    found.update(need("pool", name) for name in _pools(workflow) if name in (services.pools or ()))
    access = services.files.access
    if request.shape.uses_files and not all(_is_shared(each, access) for each in paths_of(workflow)):
        found.add(need("host", access.host))
    return frozenset(found)


@once_per_workflow
def _calls(workflow: Workflow) -> frozenset[str]:
    """Return the actions and workflows that a definition names without an expression."""
    refs = (task.action for task in workflow.tasks.values())
    return frozenset(each for each in refs if each is not None and not each.startswith(_CORE))


@once_per_workflow
def _pools(workflow: Workflow) -> frozenset[str]:
    """Return the pools that a definition names without an expression."""
    templates = (task.runs_on for task in workflow.tasks.values())
    names = (each.value for each in templates if isinstance(each, Constant))
    return frozenset(each for each in names if isinstance(each, str) and each != HERE)


def _is_shared(path: Template, access: FileAccess) -> bool:
    """Return whether a file is below a folder that all daemons have, as far as its path has no expression."""
    if isinstance(path, Constant):
        return isinstance(path.value, str) and access.is_shared(path.value)
    return isinstance(path, Text) and access.is_shared(path.beginning)
