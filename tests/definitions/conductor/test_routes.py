"""Routes: a task with several inbound edges, no join and in no cycle is visited once for each edge taken."""

from stretto.definitions import Workflow
from stretto.definitions.conductor.routes import Routes, splits_of
from stretto.definitions.model.graph import cyclic_tasks
from tests.support.following import edge_of, orquesta

DIAMOND = orquesta(
    "a: {action: x.y, next: [{do: [b, c]}]}",
    "b: {action: x.y, next: [{do: d}]}",
    "c: {action: x.y, next: [{do: d}]}",
    "d: {action: x.y, next: [{do: [e, f]}]}",
    "e: {action: x.y, next: [{do: g}]}",
    "f: {action: x.y, next: [{do: g}]}",
    "g: {action: x.y}",
)


def routes_of(workflow: Workflow) -> Routes:
    """Return a workflow's routes."""
    return Routes(splits_of(workflow.tasks, cyclic_tasks(workflow.tasks)))


def test_an_edge_to_a_task_with_one_inbound_edge_stays_on_the_route() -> None:
    """Nothing splits there."""
    routes = routes_of(DIAMOND)
    assert routes.after(edge_of(DIAMOND, "a>b"), "b", 0) == 0
    assert routes.after(edge_of(DIAMOND, "d>e"), "e", 7) == 7


def test_each_edge_to_a_split_opens_a_route() -> None:
    """They are numbered in the order in which they are opened, over those of all splits."""
    routes = routes_of(DIAMOND)
    assert routes.after(edge_of(DIAMOND, "c>d"), "d", 0) == 1
    assert routes.after(edge_of(DIAMOND, "b>d"), "d", 0) == 2
    assert [routes.after(edge_of(DIAMOND, "e>g"), "g", route) for route in (1, 2)] == [3, 4]


def test_the_routes_that_lead_to_one_are_given_nearest_first() -> None:
    """Those of other splits are none of them."""
    routes = routes_of(DIAMOND)
    assert routes.after(edge_of(DIAMOND, "b>d"), "d", 0) == 1
    assert routes.after(edge_of(DIAMOND, "c>d"), "d", 0) == 2
    assert routes.after(edge_of(DIAMOND, "e>g"), "g", 1) == 3
    assert routes.leading_to(3) == [3, 1, 0]
    assert routes.leading_to(2) == [2, 0]
    assert routes.leading_to(0) == [0]


def test_an_edge_that_was_passed_on_the_way_opens_no_further_route() -> None:
    """Each split edge is on a route once."""
    routes = routes_of(DIAMOND)
    first = routes.after(edge_of(DIAMOND, "b>d"), "d", 0)
    assert routes.after(edge_of(DIAMOND, "b>d"), "d", first) == first


def test_two_transitions_of_one_task_to_the_same_target_split() -> None:
    """Edges are counted, not tasks."""
    workflow = orquesta("a: {action: x.y, next: [{do: b}, {do: b}]}", "b: {action: x.y}")
    routes = routes_of(workflow)
    assert [routes.after(edge_of(workflow, f"a>b#{number}"), "b", 0) for number in (0, 1)] == [1, 2]


def test_a_join_does_not_split() -> None:
    """It gathers what comes on one route."""
    workflow = orquesta("a: {action: x.y, next: [{do: c}]}", "b: {action: x.y, next: [{do: c}]}", "c: {join: all}")
    routes = routes_of(workflow)
    assert [routes.after(edge_of(workflow, f"{source}>c"), "c", 0) for source in "ab"] == [0, 0]


def test_a_task_in_a_cycle_does_not_split() -> None:
    """It is visited again on the same route."""
    workflow = orquesta(
        "a: {action: x.y, next: [{do: b}]}", "b: {action: x.y, next: [{do: [b, c]}]}", "c: {action: x.y}"
    )
    routes = routes_of(workflow)
    assert routes.after(edge_of(workflow, "a>b"), "b", 0) == 0
    assert routes.after(edge_of(workflow, "b>b"), "b", 0) == 0


def test_an_engine_command_that_several_edges_lead_to_splits() -> None:
    """And one that only one edge leads to does not."""
    workflow = orquesta("a: {action: x.y, next: [{do: [noop, fail]}]}", "b: {action: x.y, next: [{do: noop}]}")
    routes = routes_of(workflow)
    assert routes.after(edge_of(workflow, "a>fail"), "fail", 0) == 0
    assert [routes.after(edge_of(workflow, f"{source}>noop"), "noop", 0) for source in "ab"] == [1, 2]
