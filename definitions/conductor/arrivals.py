"""Which tasks are to start, on which route and with which branch: arrivals, and the joins that wait for them.

    by_lap     every arrival starts a task; a join starts when enough inbound tasks have led to it since it last did
    by_route   arrivals at one task on one route fall together until it starts, and have its action performed once more
               while it runs; splits open routes; a join counts the inbound tasks whose last visit on the route led
               to it

See `Semantics.arrivals`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.fan_out import Arrival, FanOut
from stretto.definitions.conductor.joins import Join
from stretto.definitions.conductor.routes import Routes
from stretto.definitions.model import COMMANDS, Edge, Graph, Task, Workflow, cyclic_tasks


class WaitingJoin:
    """A join that has been reached and not started; the `missing` inbound tasks have not led to it."""

    __slots__ = ("missing", "route", "task")

    def __init__(self, task: str, route: int, missing: Iterable[str]) -> None:
        self.task = task
        self.route = route
        self.missing = tuple(missing)


class Arrivals(Protocol):
    """What waits to start, in the order of its arrival."""

    waiting: list[Arrival]

    def begin(self, branch: Branch) -> None:
        """Have the tasks arrive that a run starts with."""

    def started(self, visit: FanOut) -> None:
        """Take note of a visit."""

    def running(self, visit: FanOut) -> FanOut | None:
        """Return the visit of the same task that still runs, if it is to perform the action once more."""

    def arrive(self, source: FanOut, edge: Edge, target: str, branch: Branch) -> Arrival | None:
        """Have `target` arrive over an edge of a visit that has ended; return what waits now, if anything does."""

    def joining(self) -> list[WaitingJoin]:
        """Return the joins that wait."""

    def unsatisfied(self, *, idle: bool) -> list[WaitingJoin]:
        """Return the joins that cannot be satisfied any more; `idle`: nothing runs, and nothing is ready to."""

    def status_of(self, task: str, route: int) -> str | None:
        """Return the status of a task's last visit on a route, or on the nearest that leads to it."""


class LapArrivals:
    """See the module: `by_lap`. There is one route."""

    def __init__(self, workflow: Workflow, graph: Graph) -> None:
        self.waiting: list[Arrival] = []
        self._graph = graph
        self._entries = [name for name in graph.entries if name != workflow.on_cancel]
        self._joins = {name: Join(graph.needed(task)) for name, task in workflow.tasks.items() if task.join is not None}

    def begin(self, branch: Branch) -> None:
        self.waiting += [Arrival(name, 0, branch) for name in self._entries]

    def started(self, visit: FanOut) -> None:
        """Take no note: joins are counted by arrivals."""

    def running(self, visit: FanOut) -> None:
        """Return none: every arrival is a visit."""

    def arrive(self, source: FanOut, edge: Edge, target: str, branch: Branch) -> Arrival | None:  # noqa: ARG002 - one branch
        join = self._joins.get(target)
        if join is not None and not join.arrive(source.task.name):
            return None
        arrival = Arrival(target, 0, NO_BRANCH)
        self.waiting.append(arrival)
        return arrival

    def joining(self) -> list[WaitingJoin]:
        return [
            WaitingJoin(name, 0, join.missing(self._graph.inbound[name]))
            for name, join in self._joins.items()
            if join.waiting
        ]

    def unsatisfied(self, *, idle: bool) -> list[WaitingJoin]:
        return self.joining() if idle else []

    def status_of(self, task: str, route: int) -> str | None:  # noqa: ARG002 - as the protocol has it
        return None  # no function of this dialect asks: expressions read `task.NAME.outcome`


class RouteArrivals:
    """See the module: `by_route`."""

    def __init__(self, workflow: Workflow, graph: Graph) -> None:
        self.waiting: list[Arrival] = []
        self._tasks = workflow.tasks
        entries = {name for name in graph.entries if not graph.inbound[name]}
        reachable = Graph(tuple(entries), graph.inbound).reachable(workflow.tasks)
        self._entries = sorted(entries)
        self._inbound = {
            name: tuple(source for source in sources if source in reachable) for name, sources in graph.inbound.items()
        }
        self._routes = Routes(workflow.tasks, cyclic_tasks(workflow.tasks))
        self._last: dict[tuple[str, int], FanOut] = {}

    def begin(self, branch: Branch) -> None:
        self.waiting += [Arrival(name, 0, branch) for name in self._entries]

    def started(self, visit: FanOut) -> None:
        self._last[visit.name, visit.route] = visit

    def running(self, visit: FanOut) -> FanOut | None:
        last = self._last.get((visit.name, visit.route))
        # Items cannot be told apart twice: with them, each arrival is a visit.
        return last if last is not None and last.state == "running" and visit.task.with_items is None else None

    def arrive(self, source: FanOut, edge: Edge, target: str, branch: Branch) -> Arrival | None:
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
        led = [led for led in self._led(target, route) if led]
        return len(led) >= self._needed(task)

    def _joining(self, target: str) -> Task | None:
        task = None if target in COMMANDS else self._tasks[target]
        return None if task is None or task.join is None else task

    def _needed(self, task: Task) -> int:
        return len(self._inbound[task.name]) if task.join == "all" else int(task.join or 1)

    def _led(self, target: str, route: int) -> list[bool | None]:
        """Tell of each inbound task whether its last visit led to the target; None: there was no visit yet."""
        visits = [self._last.get((source, route)) for source in self._inbound[target]]
        return [None if visit is None else target in visit.led_to for visit in visits]

    def joining(self) -> list[WaitingJoin]:
        return [each for each, _ in self._waiting_joins()]

    def unsatisfied(self, *, idle: bool) -> list[WaitingJoin]:
        return [each for each, can_be in self._waiting_joins() if idle or not can_be]

    def _waiting_joins(self) -> Iterator[tuple[WaitingJoin, bool]]:
        """Yield the joins that wait, each with whether an inbound task that was not visited can still lead to it."""
        for arrival in self.waiting:
            if arrival.ready or self._joining(arrival.task) is None:
                continue
            led = self._led(arrival.task, arrival.route)
            names = zip(self._inbound[arrival.task], led, strict=True)
            yield WaitingJoin(arrival.task, arrival.route, [name for name, each in names if not each]), None in led

    def status_of(self, task: str, route: int) -> str | None:
        for each in self._routes.leading_to(route):
            visit = self._last.get((task, each))
            if visit is not None:
                return visit.state
        return None


ARRIVALS: Final[Mapping[str, type[LapArrivals] | type[RouteArrivals]]] = {
    "by_lap": LapArrivals,
    "by_route": RouteArrivals,
}
"""What waits to start, for each value of `Semantics.arrivals`."""
