"""The transitions of a task that has ended: which are taken, and the values that they publish."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stretto.definitions.conductor.branches import Branch
from stretto.definitions.conductor.contexts import Contexts
from stretto.definitions.conductor.visit import Visit
from stretto.definitions.context import CompletionScope
from stretto.definitions.data import Data
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import Moment
from stretto.definitions.model import EDGES, Edge, Task, Workflow, once_per_workflow

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Followed:
    """The result of following a visit's transitions."""

    taken: list[tuple[Edge, str, Branch]] = field(default_factory=list)
    """The targets, each with its edge and the branch that leads there."""
    matched: list[str] = field(default_factory=list)
    """The targets of all edges whose condition is true, even if they could not publish."""
    errors: list[tuple[ExpressionError, Edge]] = field(default_factory=list)


NONE_FOLLOWED: Final = Followed()
"""Shared by all visits of tasks without transitions. It must not be changed."""


@once_per_workflow
def _edges_of(workflow: Workflow) -> "Mapping[str, tuple[Edge, ...]]":
    """Return the edges of each task in the order in which they are evaluated."""
    order = EDGES[workflow.semantics.edges]
    return {name: tuple(order(task)) for name, task in workflow.tasks.items()}


class Transitions:
    """Follows the transitions of a workflow's tasks according to its semantics."""

    __slots__ = ("_contexts", "_each_target_once", "_edges", "_stops")

    def __init__(self, workflow: Workflow, contexts: Contexts) -> None:
        semantics = workflow.semantics
        self._edges = _edges_of(workflow)
        self._contexts = contexts
        self._stops = semantics.broken_expression == "stops"
        self._each_target_once = semantics.edges == "in_order"

    def any_of(self, task: Task) -> bool:
        """Return whether a task has transitions."""
        return bool(self._edges[task.name])

    def follow(self, visit: Visit, outcome: str, result: Data, moment: Moment) -> Followed:
        """Publish the values of the transitions that match, and return their targets."""
        followed = Followed()
        for edge in self._edges[visit.name]:
            try:
                branch = self._take(edge, visit, outcome, result, moment, followed)
            except ExpressionError as error:
                followed.errors.append((error, edge))
                branch = None
            if followed.errors and self._stops:
                followed.taken.clear()
                break
            if branch is not None:
                self._lead(edge, branch, followed)
        return followed

    def _lead(self, edge: Edge, branch: Branch, followed: Followed) -> None:
        known = {target for _, target, _ in followed.taken} if self._each_target_once else ()
        followed.taken += [(edge, target, branch) for target in dict.fromkeys(edge.targets) if target not in known]

    def _take(  # noqa: PLR0913, PLR0917 - an edge and all that its expressions read
        self, edge: Edge, visit: Visit, outcome: str, result: Data, moment: Moment, followed: Followed
    ) -> Branch | None:
        """Return the branch that an edge leads to, or None if the edge is not taken or cannot publish."""
        transition = edge.transition
        if transition.when is None and not transition.publish:
            followed.matched += edge.targets
            return visit.branch
        publication = self._contexts.publication(visit.branch, visit.route)
        scope = CompletionScope(publication.scope(), outcome, result, task=visit.name)
        if transition.when is not None and not transition.when.evaluate(scope, moment):
            return None
        followed.matched += edge.targets
        broken = False
        for entry in transition.publish:
            scope = CompletionScope(publication.scope(), outcome, result, task=visit.name)
            try:
                publication.publish(entry.name, result if entry.value is None else entry.value.evaluate(scope, moment))
            except ExpressionError as error:
                followed.errors.append((error, edge))
                broken = True
                if self._stops:
                    break
        return None if broken else publication.branch()
