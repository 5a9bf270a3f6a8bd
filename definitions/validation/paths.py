"""The paths that lead to each task, and the variables that are published on them.

Sets of tasks and variables are bits of an integer, so following all paths of 500 tasks takes milliseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stretto.definitions.model import Task, Workflow, graph_of
from stretto.definitions.validation.outcomes import Outcomes, outcomes_of

MAX_TASKS = 500
"""Maximum number of tasks for which paths are followed, as the time grows with its square."""
MAX_EDGES = 5_000
"""Maximum number of transitions between tasks for which paths are followed, as the time grows with both."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition from one task to another, with the outcomes for which it can be taken."""

    source: str
    target: str
    transition: int
    outcomes: Outcomes
    conditional: bool


class Paths:
    """The paths of a workflow. `anytime` are the tasks that may start after a cancel, whatever has happened before."""

    def __init__(self, workflow: Workflow) -> None:
        self._tasks = workflow.tasks
        graph = graph_of(workflow.tasks)
        self.inbound = graph.inbound
        self.entries = tuple(name for name in graph.entries if name != workflow.on_cancel)
        self.outcomes = {
            name: [outcomes_of(each.when) for each in task.transitions] for name, task in workflow.tasks.items()
        }
        self.edges = tuple(edge for task in workflow.tasks.values() for edge in self._edges_from(task))
        self._targets: dict[str, list[str]] = {name: [] for name in workflow.tasks}
        for edge in self.edges:
            self._targets[edge.source].append(edge.target)
        self._order = self._order_of_paths()
        self.reachable = self.reachable_from(self.entries)
        self.anytime = self.reachable_from([workflow.on_cancel] if workflow.on_cancel in workflow.tasks else [])
        self._bits = {name: 1 << number for number, name in enumerate(workflow.tasks)}
        self._before = self.closure(self.edges)
        self._variables = {name: 1 << number for number, name in enumerate(published_names(workflow))}
        self._known = self._flow(_bits_of(self._variables, (each.name for each in workflow.variables)))
        self._without: dict[str, frozenset[str]] = {}

    def _edges_from(self, task: Task) -> Iterable[Edge]:
        for number, transition in enumerate(task.transitions):
            for target in transition.targets:
                if target in self._tasks:
                    outcomes = self.outcomes[task.name][number]
                    yield Edge(task.name, target, number, outcomes, transition.when is not None)

    def reachable_from(self, starts: Iterable[str | None], *, avoiding: str = "") -> frozenset[str]:
        """Return the tasks that are reachable from `starts` without passing `avoiding`."""
        seen: set[str] = set()
        pending = [name for name in starts if name is not None]
        while pending:
            name = pending.pop()
            if name not in seen and name != avoiding:
                seen.add(name)
                pending += self._targets[name]
        return frozenset(seen)

    def _order_of_paths(self) -> dict[str, int]:
        """Return the place of each task in an order in which paths without a cycle go forward only."""
        left: list[str] = []
        seen: set[str] = set()
        for start in (*self.entries, *self._tasks):
            if start in seen:
                continue
            seen.add(start)
            ways = [(start, iter(self._targets[start]))]
            while ways:
                target = next(ways[-1][1], None)
                if target is None:
                    left.append(ways.pop()[0])
                elif target not in seen:
                    seen.add(target)
                    ways.append((target, iter(self._targets[target])))
        return {name: place for place, name in enumerate(reversed(left))}

    def _forward(self, edges: Iterable[Edge]) -> list[Edge]:
        """Return edges in such an order that news goes along a path in one look at all of them, but for cycles."""
        return sorted(edges, key=lambda edge: self._order[edge.source])

    def closure(self, edges: Iterable[Edge]) -> dict[str, int]:
        """Return for each task the bits of the tasks from which these edges lead to it."""
        before = dict.fromkeys(self._tasks, 0)
        followed = self._forward(edges)
        changed = True
        while changed:
            changed = False
            for edge in followed:
                more = before[edge.source] | self._bits[edge.source]
                if more & ~before[edge.target]:
                    before[edge.target] |= more
                    changed = True
        return before

    def bit(self, name: str) -> int:
        """Return the bit of a task."""
        return self._bits[name]

    def may_precede(self, earlier: str, later: str) -> bool:
        """Return whether a path leads from `earlier` to `later`."""
        return bool(self._before[later] & self._bits[earlier])

    def only_after(self, later: str, earlier: str) -> bool:
        """Return whether every path to `later` passes `earlier`."""
        if earlier not in self._without:
            self._without[earlier] = self.reachable_from(self.entries, avoiding=earlier)
        return later not in self._without[earlier]

    def may_be_set(self, variable: str, task: Task, transition: int | None = None) -> bool:
        """Return whether a variable may be set when a task starts, or when one of its transitions is evaluated."""
        bit = self._variables.get(variable, 0)
        known = self._known[task.name]
        if transition is not None:
            known |= self._published(task, transition, before=True)
        return bool(known & bit)

    def _published(self, task: Task, transition: int, *, before: bool = False) -> int:
        """Return the variables that a task publishes in transitions that can be taken together with this one."""
        outcomes = self.outcomes[task.name]
        published = 0
        for number, each in enumerate(task.transitions[:transition] if before else task.transitions):
            if outcomes[number] & outcomes[transition]:
                published |= _bits_of(self._variables, (assignment.name for assignment in each.publish))
        return published

    def _flow(self, at_first: int) -> dict[str, int]:
        known = dict.fromkeys(self._tasks, at_first)
        given = [
            (edge, self._published(self._tasks[edge.source], edge.transition)) for edge in self._forward(self.edges)
        ]
        changed = True
        while changed:
            changed = False
            for edge, published in given:
                more = known[edge.source] | published
                if more & ~known[edge.target]:
                    known[edge.target] |= more
                    changed = True
        return known


def published_names(workflow: Workflow) -> tuple[str, ...]:
    """Return all variables that `vars` or a `publish` sets."""
    names = [each.name for each in workflow.variables]
    names += [
        each.name for task in workflow.tasks.values() for transition in task.transitions for each in transition.publish
    ]
    return tuple(dict.fromkeys(names))


def _bits_of(bits: dict[str, int], names: Iterable[str]) -> int:
    total = 0
    for name in names:
        total |= bits.get(name, 0)
    return total
