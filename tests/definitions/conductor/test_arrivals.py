"""Arrivals: the tasks that are to start, each on a route and with a branch."""

from collections.abc import Iterable

from immutables import Map

from stretto.definitions import Workflow, thaw
from stretto.definitions.conductor.arrivals import ARRIVALS, Arrivals, LapArrivals, RouteArrivals
from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.visit import Arrival
from stretto.definitions.model.graph import Edge, edges_in_order
from stretto.definitions.model.semantics import NATIVE, ORQUESTA
from tests.support.evaluating import frozen_object, reading
from tests.support.following import edge_of, orquesta, visit_of

JOINED = orquesta(
    "a: {action: x.y, next: [{do: d}]}",
    "b: {action: x.y, next: [{do: d}]}",
    "c: {action: x.y, next: [{do: d}]}",
    "d: {action: x.y, join: 2, next: [{do: e}]}",
    "e: {action: x.y}",
)
NATIVE_JOIN = reading(
    'version: "1"\non_cancel: clean\ntasks:\n'
    "  - {name: b, action: core.noop, next: [{do: [d]}]}\n"
    "  - {name: a, action: core.noop, next: [{do: [d]}]}\n"
    "  - {name: d, action: core.noop, join: all}\n"
    "  - {name: clean, action: core.noop}\n"
)


def by_route(workflow: Workflow) -> RouteArrivals:
    """Return a workflow's arrivals."""
    return RouteArrivals(workflow)


def by_lap(workflow: Workflow) -> LapArrivals:
    """Return a native workflow's arrivals."""
    return LapArrivals(workflow)


def publishing(**values: object) -> Branch:
    """Return a branch on which these were published."""
    return NO_BRANCH.published(frozen_object(values), lambda _: None)


def comes(
    arrivals: RouteArrivals, workflow: Workflow, edge: str, branch: Branch = NO_BRANCH, route: int = 0
) -> Arrival:
    """End a task, and lead over an edge."""
    source, _, target = edge.partition("#")[0].partition(">")
    visit = visit_of(workflow, source, route, followed=[target])
    arrivals.started(visit)
    arrival = arrivals.arrive(visit, edge_of(workflow, edge), target, branch)
    assert arrival is not None
    return arrival


def waiting(arrivals: Arrivals) -> list[tuple[str, int, bool]]:
    """Return (task, route, ready) of what waits."""
    return [(each.task, each.route, each.ready) for each in arrivals.waiting]


def test_each_meaning_has_its_arrivals() -> None:
    """As the constants name them."""
    assert (ARRIVALS[NATIVE.arrivals], ARRIVALS[ORQUESTA.arrivals]) == (LapArrivals, RouteArrivals)


def test_a_run_begins_with_the_tasks_that_nothing_leads_to() -> None:
    """Each with the first branch."""
    arrivals = by_route(JOINED)
    branch = Branch(Map({"n": 1}))
    arrivals.begin(branch)
    assert waiting(arrivals) == [("a", 0, True), ("b", 0, True), ("c", 0, True)]
    assert all(each.branch is branch for each in arrivals.waiting)


def test_a_task_that_only_leads_to_itself_does_not_start_by_route_but_does_by_lap() -> None:
    """An edge from itself is an inbound edge."""
    workflow = orquesta("a: {action: x.y}", "loop: {action: x.y, next: [{do: loop}]}")
    arrivals = by_route(workflow)
    arrivals.begin(NO_BRANCH)
    assert waiting(arrivals) == [("a", 0, True)]
    native = reading(
        'version: "1"\ntasks: [{name: loop, action: core.noop, next: [{when: "{{ failed() }}", do: [loop]}]}]\n'
    )
    laps = by_lap(native)
    laps.begin(NO_BRANCH)
    assert waiting(laps) == [("loop", 0, True)]


def test_a_join_is_ready_when_enough_inbound_tasks_have_led_to_it() -> None:
    """All arrivals fall together, their branches joined in the order in which they came."""
    arrivals = by_route(JOINED)
    assert not comes(arrivals, JOINED, "b>d", publishing(x="b", b=1)).ready
    arrival = comes(arrivals, JOINED, "a>d", publishing(x="a", a=1))
    assert arrival.ready
    comes(arrivals, JOINED, "c>d", publishing(c=1))
    assert waiting(arrivals) == [("d", 0, True)]
    assert {name: thaw(value) for name, value in arrival.branch.variables.items()} == {"x": "a", "a": 1, "b": 1, "c": 1}


def test_edges_of_one_task_count_once() -> None:
    """Inbound tasks are counted, not edges."""
    workflow = orquesta(
        "a: {action: x.y, next: [{do: c}, {do: c}]}", "b: {action: x.y, next: [{do: c}]}", "c: {action: x.y, join: 2}"
    )
    arrivals = by_route(workflow)
    assert not comes(arrivals, workflow, "a>c#0").ready
    assert not comes(arrivals, workflow, "a>c#1").ready
    assert comes(arrivals, workflow, "b>c").ready


def test_a_join_of_none_needs_one() -> None:
    """`join: 0` is `join: 1`."""
    workflow = orquesta("a: {action: x.y, next: [{do: c}]}", "b: {action: x.y, next: [{do: c}]}", "c: {join: 0}")
    assert comes(by_route(workflow), workflow, "a>c").ready


def test_a_join_counts_routes_apart() -> None:
    """Arrivals on another route do not satisfy it."""
    arrivals = by_route(JOINED)
    assert not comes(arrivals, JOINED, "a>d", route=1).ready
    assert not comes(arrivals, JOINED, "b>d", route=2).ready
    assert comes(arrivals, JOINED, "b>d", route=1).ready
    assert waiting(arrivals) == [("d", 1, True), ("d", 2, False)]


def test_an_inbound_task_counts_by_its_last_visit() -> None:
    """One that has started anew has not led to the join."""
    arrivals = by_route(JOINED)
    comes(arrivals, JOINED, "a>d")
    arrivals.started(visit_of(JOINED, "a", state="running"))
    assert not comes(arrivals, JOINED, "b>d").ready


def test_a_join_of_all_does_not_wait_for_what_no_run_reaches() -> None:
    """An island of tasks never leads anywhere."""
    workflow = orquesta(
        "a: {action: x.y, next: [{do: c}]}", "island: {action: x.y, next: [{do: [island, c]}]}", "c: {join: all}"
    )
    assert comes(by_route(workflow), workflow, "a>c").ready


def test_what_splits_waits_on_routes_of_its_own() -> None:
    """A visit for each edge."""
    workflow = orquesta("a: {action: x.y, next: [{do: c}]}", "b: {action: x.y, next: [{do: c}]}", "c: {action: x.y}")
    arrivals = by_route(workflow)
    comes(arrivals, workflow, "a>c")
    comes(arrivals, workflow, "b>c")
    assert waiting(arrivals) == [("c", 1, True), ("c", 2, True)]


def test_a_join_waits_in_vain_when_nothing_more_can_lead_to_it() -> None:
    """Tasks that were not visited yet may come, unless the run is idle; those that led elsewhere will not."""
    arrivals = by_route(JOINED)
    comes(arrivals, JOINED, "a>d")
    assert arrivals.unsatisfied(idle=False) == []
    (join,) = arrivals.unsatisfied(idle=True)
    assert (join.task, join.route, join.missing) == ("d", 0, ("b", "c"))
    for name in "bc":
        arrivals.started(visit_of(JOINED, name))
    assert [each.missing for each in arrivals.unsatisfied(idle=False)] == [("b", "c")]
    comes(arrivals, JOINED, "b>d")
    assert arrivals.unsatisfied(idle=True) == []


def test_only_joins_wait_in_vain() -> None:
    """A ready arrival is still to start."""
    arrivals = by_route(JOINED)
    arrivals.begin(NO_BRANCH)
    comes(arrivals, JOINED, "d>e")
    assert arrivals.unsatisfied(idle=True) == []


def test_a_visit_that_runs_performs_its_action_once_more() -> None:
    """Not one that has ended, or runs on another route, or has items."""
    workflow = orquesta("a: {action: x.y}", "b: {action: x.y, with: '<% list(1, 2) %>'}")
    arrivals = by_route(workflow)
    visit = visit_of(workflow, "a", state="running")
    arrivals.started(visit)
    assert arrivals.running(visit_of(workflow, "a")) is visit
    assert arrivals.running(visit_of(workflow, "a", 1)) is None
    visit.state = "succeeded"
    assert arrivals.running(visit_of(workflow, "a")) is None
    arrivals.started(visit_of(workflow, "b", state="running"))
    assert arrivals.running(visit_of(workflow, "b")) is None


def test_a_status_is_that_of_the_last_visit_on_the_nearest_route() -> None:
    """None of what has not run there."""
    workflow = orquesta("a: {action: x.y, next: [{do: c}]}", "b: {action: x.y, next: [{do: c}]}", "c: {action: x.y}")
    arrivals = by_route(workflow)
    comes(arrivals, workflow, "a>c")
    comes(arrivals, workflow, "b>c")
    arrivals.started(visit_of(workflow, "c", 1, state="failed"))
    assert (arrivals.status_of("c", 1), arrivals.status_of("c", 2), arrivals.status_of("c", 0)) == (
        "failed",
        None,
        None,
    )
    assert arrivals.status_of("a", 2) == "succeeded"
    arrivals.started(visit_of(workflow, "a", state="running"))
    assert arrivals.status_of("a", 2) == "running"


def test_by_lap_a_run_begins_without_what_cleans_up() -> None:
    """In the order of the file, and each arrival is a visit."""
    arrivals: Arrivals = by_lap(NATIVE_JOIN)
    arrivals.begin(NO_BRANCH)
    assert waiting(arrivals) == [("b", 0, True), ("a", 0, True)]
    assert arrivals.running(visit_of(NATIVE_JOIN, "a", state="running")) is None
    assert arrivals.status_of("a", 0) is None


def test_by_lap_a_join_waits_for_its_lap() -> None:
    """It is reported only when nothing runs any more. A join that was never reached is not."""
    arrivals = by_lap(NATIVE_JOIN)
    assert arrivals.unsatisfied(idle=True) == []
    assert come_by_lap(arrivals, ["a"]) == [None]
    assert arrivals.unsatisfied(idle=False) == []
    assert [(each.task, each.missing) for each in arrivals.unsatisfied(idle=True)] == [("d", ("b",))]
    assert [each is not None for each in come_by_lap(arrivals, ["b", "b", "a"])] == [True, False, True]
    assert arrivals.unsatisfied(idle=True) == []


def come_by_lap(arrivals: LapArrivals, sources: Iterable[str]) -> list[Arrival | None]:
    """Lead tasks to the join, one after the other."""
    edges: dict[str, Edge] = {name: next(edges_in_order(NATIVE_JOIN.tasks[name])) for name in "ab"}
    return [arrivals.arrive(visit_of(NATIVE_JOIN, each), edges[each], "d", NO_BRANCH) for each in sources]
