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
    """Return the tasks that are part of a cycle, in time that grows with the edges."""
    return frozenset(
        name for part in _strong_parts(tasks) for name in part if len(part) > 1 or name in following(tasks, [name])
    )


def _strong_parts(tasks: Mapping[str, Task]) -> Iterator[list[str]]:
    """Yield the largest sets of tasks each of which leads to all others of its set (Tarjan's algorithm)."""
    number: dict[str, int] = {}
    least: dict[str, int] = {}
    open_tasks: list[str] = []
    is_open: set[str] = set()
    for start in tasks:
        if start in number:
            continue
        ways = [(start, iter(following(tasks, [start])))]
        number[start] = least[start] = len(number)
        open_tasks.append(start)
        is_open.add(start)
        while ways:
            name, targets = ways[-1]
            target = next(targets, None)
            if target is not None and target not in number:
                number[target] = least[target] = len(number)
                open_tasks.append(target)
                is_open.add(target)
                ways.append((target, iter(following(tasks, [target]))))
            elif target is not None:
                if target in is_open:
                    least[name] = min(least[name], number[target])
            else:
                ways.pop()
                if ways:
                    before = ways[-1][0]
                    least[before] = min(least[before], least[name])
                if least[name] == number[name]:
                    part = [open_tasks.pop()]
                    while part[-1] != name:
                        part.append(open_tasks.pop())
                    is_open.difference_update(part)
                    yield part


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
