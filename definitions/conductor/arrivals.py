"""Arrivals: the tasks that are to start, each on a route and with a branch, and the joins that wait for more.

    by_lap     Every arrival starts a task. A join starts when enough inbound tasks led to it since its last start.
    by_route   Arrivals at one task on one route merge until it starts. While it runs, they run its action once more.
               Splits open routes. A join counts the inbound tasks whose last visit on the route led to it.

`Semantics.arrivals` selects one of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.executions import describe_execution
from stretto.definitions.conductor.joins import Join
from stretto.definitions.conductor.routes import Routes, splits_of
from stretto.definitions.conductor.visit import Arrival, Visit
from stretto.definitions.data import FrozenDict
from stretto.definitions.model import COMMANDS, Edge, Graph, Task, Workflow, cyclic_tasks, graph_of, once_per_workflow


class WaitingJoin:
    """A join that was reached and has not started, because the `missing` inbound tasks did not lead to it."""

    __slots__ = ("missing", "route", "task")

    def __init__(self, task: str, route: int, missing: Iterable[str]) -> None:
        self.task = task
        self.route = route
        self.missing = tuple(missing)


class Arrivals(Protocol):
    """The tasks that wait to start, in the order of their arrival.

    Attributes:
        waiting: These tasks.
        has_joins: Whether a join may be among the tasks.
    """

    waiting: list[Arrival]
    has_joins: bool

    def begin(self, branch: Branch) -> None:
        """Add the tasks that a run starts with."""

    def started(self, visit: Visit) -> None:
        """Note that a visit has started."""

    def running(self, visit: Visit) -> Visit | None:
        """Return the running visit of the same task that runs the action once more, or None."""

    def arrive(self, source: Visit, edge: Edge, target: str, branch: Branch) -> Arrival | None:
        """Add `target`, reached over an edge of a visit that has ended; return its arrival, or None if it is none."""

    def joining(self) -> list[WaitingJoin]:
        """Return the joins that wait."""

    def unsatisfied(self, *, idle: bool) -> list[WaitingJoin]:
        """Return the joins that can no longer be satisfied. With `idle`, nothing runs and nothing is ready."""

    def status_of(self, task: str, route: int) -> str | None:
        """Return the status of a task's last visit on a route, or on the nearest route that leads to it."""

    def execution_of(self, task: str, route: int, run_id: str) -> FrozenDict | None:
        """Return what `task()` tells of that visit."""


@dataclass(frozen=True, slots=True)
class _Laps:
    """The part of `LapArrivals` that all runs of a workflow share. `joins` has the arrivals that each join needs."""

    inbound: Mapping[str, tuple[str, ...]]
    entries: tuple[str, ...]
    joins: tuple[tuple[str, int], ...]


@once_per_workflow
def _laps_of(workflow: Workflow) -> _Laps:
    graph = graph_of(workflow.tasks)
    return _Laps(
        graph.inbound,
        tuple(name for name in graph.entries if name != workflow.on_cancel),
        tuple((name, graph.needed(task)) for name, task in workflow.tasks.items() if task.join is not None),
    )


_NO_JOINS: Final[Mapping[str, Join]] = {}
"""Shared by all runs of workflows without joins."""


class LapArrivals:
    """Arrivals `by_lap`, on one route."""

    __slots__ = ("_joins", "_laps", "has_joins", "waiting")

    def __init__(self, workflow: Workflow) -> None:
        self.waiting: list[Arrival] = []
        self._laps = laps = _laps_of(workflow)
        self.has_joins = bool(laps.joins)
        self._joins = {name: Join(needed) for name, needed in laps.joins} if laps.joins else _NO_JOINS

    def begin(self, branch: Branch) -> None:
        """Add the entry tasks."""
        for name in self._laps.entries:
            self.waiting.append(Arrival(name, 0, branch))

    def started(self, visit: Visit) -> None:
        """Do nothing: joins count arrivals, not visits."""

    def running(self, visit: Visit) -> None:
        """Return None: every arrival is a visit."""

    def arrive(self, source: Visit, edge: Edge, target: str, branch: Branch) -> Arrival | None:  # noqa: ARG002 - one branch
        """Add `target`, reached over an edge of a visit that has ended."""
        join = self._joins.get(target)
        if join is not None and not join.arrive(source.task.name):
            return None
        arrival = Arrival(target, 0, NO_BRANCH)
        self.waiting.append(arrival)
        return arrival

    def joining(self) -> list[WaitingJoin]:
        """Return the joins that wait."""
        return [
            WaitingJoin(name, 0, join.missing(self._laps.inbound[name]))
            for name, join in self._joins.items()
            if join.waiting
        ]

    def unsatisfied(self, *, idle: bool) -> list[WaitingJoin]:
        """Return the joins that can no longer be satisfied."""
        return self.joining() if idle and self._joins else []

    def status_of(self, task: str, route: int) -> str | None:  # noqa: ARG002 - as the protocol has it
        """Return the status of a task's last visit on the nearest route."""
        return None  # no function of this dialect calls it: expressions read `task.NAME.outcome`

    def execution_of(self, task: str, route: int, run_id: str) -> FrozenDict | None:  # noqa: ARG002 - as above
        """Return what `task()` tells of a task's last visit."""
        return None  # as above


@dataclass(frozen=True, slots=True)
class _RouteMap:
    """The part of `RouteArrivals` that all runs of a workflow share: reachable inbound tasks, entries and splits."""

    inbound: Mapping[str, tuple[str, ...]]
    entries: tuple[str, ...]
    splits: frozenset[str]


@once_per_workflow
def _route_map_of(workflow: Workflow) -> _RouteMap:
    tasks, graph = workflow.tasks, graph_of(workflow.tasks)
    entries = tuple(sorted(name for name in graph.entries if not graph.inbound[name]))
    reachable = Graph(entries, graph.inbound).reachable(tasks)
    inbound = {
        name: tuple(source for source in sources if source in reachable) for name, sources in graph.inbound.items()
    }
    return _RouteMap(inbound, entries, splits_of(tasks, cyclic_tasks(tasks)))


class RouteArrivals:
    """Arrivals `by_route`."""

    __slots__ = ("_entries", "_inbound", "_last", "_routes", "_tasks", "has_joins", "waiting")

    def __init__(self, workflow: Workflow) -> None:
        self.waiting: list[Arrival] = []
        self.has_joins = True
        self._tasks = workflow.tasks
        shared = _route_map_of(workflow)
        self._entries, self._inbound = shared.entries, shared.inbound
        self._routes = Routes(shared.splits)
        self._last: dict[tuple[str, int], Visit] = {}

    def begin(self, branch: Branch) -> None:
        """Add the entry tasks."""
        self.waiting += [Arrival(name, 0, branch) for name in self._entries]

    def started(self, visit: Visit) -> None:
        """Remember the visit as its task's last one on its route."""
        self._last[visit.name, visit.route] = visit

    def running(self, visit: Visit) -> Visit | None:
        """Return the running visit of the same task and route, unless it has items."""
        last = self._last.get((visit.name, visit.route))
        # A second list of items would need the same indexes, so with items each arrival is a visit.
        return last if last is not None and last.state == "running" and visit.task.with_items is None else None

    def arrive(self, source: Visit, edge: Edge, target: str, branch: Branch) -> Arrival | None:
        """Add `target`, reached over an edge of a visit that has ended."""
        route = self._routes.after(edge, target, source.route)
        arrival = next((each for each in self.waiting if (each.task, each.route) == (target, route)), None)
        if arrival is None:
            arrival = Arrival(target, route, branch)
            self.waiting.append(arrival)
        else:
            arrival.branch = arrival.branch.joined(branch)
        arrival.ready = self._is_satisfied(target, source.route)
        return arrival

    def _is_satisfied(self, target: str, route: int) -> bool:
        task = self._joining(target)
        if task is None:
            return True
        return sum(led is True for led in self._led_to(target, route)) >= self._needed(task)

    def _joining(self, target: str) -> Task | None:
        task = None if target in COMMANDS else self._tasks[target]
        return None if task is None or task.join is None else task

    def _needed(self, task: Task) -> int:
        return len(self._inbound[task.name]) if task.join == "all" else int(task.join or 1)

    def _led_to(self, target: str, route: int) -> list[bool | None]:
        """Return for each inbound task whether its last visit led to the target, or None before its first visit."""
        visits = [self._last.get((source, route)) for source in self._inbound[target]]
        return [None if visit is None else target in visit.followed for visit in visits]

    def joining(self) -> list[WaitingJoin]:
        """Return the joins that wait."""
        return [each for each, _ in self._waiting_joins()]

    def unsatisfied(self, *, idle: bool) -> list[WaitingJoin]:
        """Return the joins that can no longer be satisfied."""
        return [each for each, can_be in self._waiting_joins() if idle or not can_be]

    def _waiting_joins(self) -> Iterator[tuple[WaitingJoin, bool]]:
        """Yield the waiting joins, each with whether an inbound task without a visit can still lead to it."""
        for arrival in self.waiting:
            if arrival.ready or self._joining(arrival.task) is None:
                continue
            led = self._led_to(arrival.task, arrival.route)
            names = zip(self._inbound[arrival.task], led, strict=True)
            yield WaitingJoin(arrival.task, arrival.route, [name for name, each in names if not each]), None in led

    def status_of(self, task: str, route: int) -> str | None:
        """Return the status of a task's last visit on the nearest route."""
        visit = self._last_of(task, route)
        return None if visit is None else visit.state

    def execution_of(self, task: str, route: int, run_id: str) -> FrozenDict | None:
        """Return what `task()` tells of a task's last visit on the nearest route."""
        visit = self._last_of(task, route)
        return None if visit is None else describe_execution(visit, run_id)

    def _last_of(self, task: str, route: int) -> Visit | None:
        for each in self._routes.leading_to(route):
            visit = self._last.get((task, each))
            if visit is not None:
                return visit
        return None


ARRIVALS: Final[Mapping[str, type[LapArrivals] | type[RouteArrivals]]] = {
    "by_lap": LapArrivals,
    "by_route": RouteArrivals,
}
"""The class for each value of `Semantics.arrivals`."""
