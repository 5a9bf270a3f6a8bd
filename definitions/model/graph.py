"""The graph of a workflow's tasks: who leads to whom, where a run begins, what a join waits for."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stretto.definitions.model.workflow import Task, Transition


@dataclass(frozen=True, slots=True)
class Graph:
    """`inbound` gives each task's distinct predecessors in the file's order, itself included for a self-loop.

    `entries` are the tasks that a run starts with: those without an inbound edge but from themselves.
    """

    entries: tuple[str, ...]
    inbound: Mapping[str, tuple[str, ...]]

    def needed(self, task: Task) -> int:
        """Return how many distinct inbound tasks a join waits for."""
        return len(self.inbound[task.name]) if task.join == "all" else int(task.join or 1)

    def reachable(self, tasks: Mapping[str, Task]) -> frozenset[str]:
        """Return the tasks that some path from an entry leads to."""
        return reachable_from(tasks, self.entries)


def graph_of(tasks: Mapping[str, Task]) -> Graph:
    """Return the graph of tasks; targets that are no tasks are left out."""
    inbound: dict[str, dict[str, None]] = {name: {} for name in tasks}
    for name, task in tasks.items():
        for transition in task.transitions:
            for target in transition.targets:
                if target in inbound:
                    inbound[target][name] = None
    entries = tuple(name for name, sources in inbound.items() if set(sources) <= {name})
    return Graph(entries, {name: tuple(sources) for name, sources in inbound.items()})


def cyclic_tasks(tasks: Mapping[str, Task]) -> frozenset[str]:
    """Return the tasks from which some path leads back to themselves."""
    return frozenset(name for name in tasks if name in reachable_from(tasks, following(tasks, [name])))


def following(tasks: Mapping[str, Task], names: Iterable[str]) -> list[str]:
    """Return the tasks that an edge from one of these leads to."""
    return [
        target
        for name in names
        for transition in tasks[name].transitions
        for target in transition.targets
        if target in tasks
    ]


def reachable_from(tasks: Mapping[str, Task], entries: Iterable[str]) -> frozenset[str]:
    """Return these tasks, and those that some path from them leads to."""
    seen: set[str] = set()
    coming = list(entries)
    while coming:
        name = coming.pop()
        if name not in seen:
            seen.add(name)
            coming += following(tasks, [name])
    return frozenset(seen)


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition as it is looked at: on its own, or once for each of its targets.

    `id` tells it apart among a task's edges (`<target>__t<n>`), `name` among those that split a run
    (`<source>__t<n>`); n counts the edges from the same task to the same target.
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
    """Yield an edge for each target of each transition, sorted by the target's name, then in the file's order."""
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
"""How a task's transitions are looked at, for each value of `Semantics.edges`."""
