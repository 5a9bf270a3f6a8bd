"""Routes: where several edges lead to a task without a join, each edge taken opens its own route.

Each route has its own visits of the tasks that follow. The run begins on route 0. A route is identified by the split
edges that lead to it.
"""

from collections.abc import Mapping

from stretto.definitions.model import COMMANDS, Edge, Task


def splits_of(tasks: Mapping[str, Task], cyclic: frozenset[str]) -> frozenset[str]:
    """Return the tasks and engine commands to which each edge opens a route of its own."""
    inbound: dict[str, int] = {}
    for task in tasks.values():
        for transition in task.transitions:
            for target in transition.targets:
                inbound[target] = inbound.get(target, 0) + 1
    return frozenset(
        name
        for name, edges in inbound.items()
        if edges > 1 and name not in cyclic and (name in COMMANDS or tasks[name].join is None)
    )


class Routes:
    """The routes of one run, numbered in the order in which they were opened."""

    __slots__ = ("_passed", "_splits")

    def __init__(self, splits: frozenset[str]) -> None:
        self._splits = splits
        self._passed: list[tuple[str, ...]] = [()]

    def after(self, edge: Edge, target: str, route: int) -> int:
        """Return the route on which `target` is visited when `edge` is taken on `route`."""
        if target not in self._splits:
            return route
        passed = self._passed[route]
        if edge.name in passed:
            return route
        self._passed.append((*passed, edge.name))
        return len(self._passed) - 1

    def leading_to(self, route: int) -> list[int]:
        """Return the route and the routes that lead to it, nearest first."""
        found = [route]
        for earlier in range(route - 1, -1, -1):
            if set(self._passed[earlier]) <= set(self._passed[found[-1]]):
                found.append(earlier)
        return found
