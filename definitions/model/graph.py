"""The graph of a workflow's tasks: edges, entry tasks and the inbound tasks of joins."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stretto.definitions.model.workflow import Task, Transition


@dataclass(frozen=True, slots=True)
class Graph:
    """The entry tasks and the inbound tasks of a workflow.

    Attributes:
        entries: The tasks that a run starts with. They have no inbound edge except from themselves.
        inbound: Each task's distinct predecessors in the file's order. A task with a self-loop is its own.
    """

    entries: tuple[str, ...]
    inbound: Mapping[str, tuple[str, ...]]

    def needed(self, task: Task) -> int:
        """Return the number of distinct inbound tasks that a join waits for."""
        return len(self.inbound[task.name]) if task.join == "all" else int(task.join or 1)

    def reachable(self, tasks: Mapping[str, Task]) -> frozenset[str]:
        """Return the tasks that are reachable from the entries."""
        return reachable_from(tasks, self.entries)


def graph_of(tasks: Mapping[str, Task]) -> Graph:
    """Return the graph of the tasks, without targets that are not tasks."""
    inbound: dict[str, dict[str, None]] = {name: {} for name in tasks}
    for name, task in tasks.items():
        for transition in task.transitions:
            for target in transition.targets:
                if target in inbound:
                    inbound[target][name] = None
    entries = tuple(name for name, sources in inbound.items() if set(sources) <= {name})
    return Graph(entries, {name: tuple(sources) for name, sources in inbound.items()})


def cyclic_tasks(tasks: Mapping[str, Task]) -> frozenset[str]:
    """Return the tasks that are part of a cycle."""
    return frozenset(name for name in tasks if name in reachable_from(tasks, following(tasks, [name])))


def following(tasks: Mapping[str, Task], names: Iterable[str]) -> list[str]:
    """Return the targets of all edges from the named tasks."""
    return [
        target
        for name in names
        for transition in tasks[name].transitions
        for target in transition.targets
        if target in tasks
    ]


def reachable_from(tasks: Mapping[str, Task], entries: Iterable[str]) -> frozenset[str]:
    """Return the entries and all tasks that are reachable from them."""
    seen: set[str] = set()
    pending = list(entries)
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += following(tasks, [name])
    return frozenset(seen)


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition as it is evaluated: as a whole, or once for each of its targets.

    Attributes:
        transition: The transition.
        targets: The targets of this edge.
        id: Unique among a task's edges, `<target>__t<n>`. n counts the edges from the same task to the same target.
        name: Unique among the edges that split a run, `<source>__t<n>`.
    """

    transition: Transition
    targets: tuple[str, ...]
    id: str = ""
    name: str = ""


def edges_in_order(task: Task) -> Iterator[Edge]:
    """Yield an edge for each transition, in the file's order."""
    for transition in task.transitions:
        yield Edge(transition, transition.targets)


def edges_by_target(task: Task) -> Iterator[Edge]:
    """Yield an edge for each target of each transition, sorted by target, then in the file's order."""
    known: Counter[str] = Counter()
    named = [(target, each) for each in task.transitions for target in dict.fromkeys(each.targets)]
    for target, transition in sorted(named, key=lambda pair: pair[0]):
        number = known[target]
        known[target] += 1
        yield Edge(transition, (target,), f"{target}__t{number}", f"{task.name}__t{number}")


EDGES: Final[Mapping[str, Callable[[Task], Iterator[Edge]]]] = {
    "in_order": edges_in_order,
    "by_target": edges_by_target,
}
"""The order in which a task's transitions are evaluated, for each value of `Semantics.edges`."""
