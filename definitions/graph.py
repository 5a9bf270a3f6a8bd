"""The graph of a workflow's tasks: who leads to whom, where a run begins, what a join waits for."""

from collections.abc import Mapping
from dataclasses import dataclass

from stretto.definitions.model import Task


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
        seen: set[str] = set()
        coming = list(self.entries)
        while coming:
            name = coming.pop()
            if name not in seen:
                seen.add(name)
                coming += [target for each in tasks[name].transitions for target in each.targets if target in tasks]
        return frozenset(seen)


def graph_of(tasks: Mapping[str, Task]) -> Graph:
    """Return the graph of tasks whose targets all exist."""
    inbound: dict[str, dict[str, None]] = {name: {} for name in tasks}
    for name, task in tasks.items():
        for transition in task.transitions:
            for target in transition.targets:
                if target in inbound:
                    inbound[target][name] = None
    entries = tuple(name for name, sources in inbound.items() if set(sources) <= {name})
    return Graph(entries, {name: tuple(sources) for name, sources in inbound.items()})
