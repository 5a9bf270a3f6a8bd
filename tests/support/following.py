"""Visits of an Orquesta workflow's tasks, to see what follows on them."""

from collections.abc import Iterable, Mapping
from typing import Any

from stretto.definitions import Workflow
from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.visit import Arrival, Visit
from stretto.definitions.dialects import read_as_orquesta
from stretto.definitions.model.graph import Edge, edges_by_target
from tests.support.evaluating import snapshot_of


def orquesta(*tasks: str, known: Mapping[str, Any] | None = None) -> Workflow:
    """Return a workflow of tasks that are each written on one line; `known` are variables that they may read."""
    text = "version: 1.0\ntasks:\n" + "".join(f"  {task}\n" for task in tasks)
    reading = read_as_orquesta(text, "test.yaml", known or {})
    assert reading.workflow is not None, reading.findings
    assert not reading.findings, reading.findings
    return reading.workflow


def visit_of(
    workflow: Workflow,
    name: str,
    route: int = 0,
    *,
    branch: Branch = NO_BRANCH,
    followed: Iterable[str] = (),
    state: str = "succeeded",
) -> Visit:
    """Return a visit of a task."""
    arrival = Arrival(name, route, branch)
    visit = Visit(workflow.tasks[name], arrival, snapshot_of(), 0.0, workflow.semantics)
    visit.state = state
    visit.followed = frozenset(followed)
    return visit


def edge_of(workflow: Workflow, edge: str) -> Edge:
    """Return the edge that is called `<source>><target>`, or, of several, `<source>><target>#<n>`."""
    pair, _, number = edge.partition("#")
    source, target = pair.split(">")
    return next(each for each in edges_by_target(workflow.tasks[source]) if each.id == f"{target}__t{number or 0}")
