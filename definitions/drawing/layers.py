"""The layer of each node: one below its last predecessor. Edges that close a cycle do not count."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from stretto.definitions.drawing.picture import Picture

_Targets: TypeAlias = Mapping[str, list[str]]


def layers_of(picture: Picture) -> dict[str, int]:
    """Return each node's layer, from 0 for those without predecessors."""
    targets: dict[str, list[str]] = {name: [] for name in picture.nodes}
    for edge in picture.edges:
        targets[edge.source].append(edge.target)
    order, forward = _walk(picture, targets)
    layer = dict.fromkeys(picture.nodes, 0)
    for name in reversed(order):
        below = layer[name] + 1
        for target in forward[name]:
            layer[target] = max(layer[target], below)
    return layer


def _walk(picture: Picture, targets: _Targets) -> tuple[list[str], _Targets]:
    """Return the nodes in the order in which a search in depth leaves them, and the targets that close no cycle."""
    order: list[str] = []
    forward: dict[str, list[str]] = {name: [] for name in picture.nodes}
    is_open: dict[str, bool] = {}
    entries = [name for name, node in picture.nodes.items() if node.entry]
    for start in [*entries, *picture.nodes]:
        if start in is_open:
            continue
        is_open[start] = True
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(targets[start]))]
        while stack:
            name, left = stack[-1]
            target = next(left, None)
            if target is None:
                is_open[name] = False
                order.append(name)
                stack.pop()
            elif not is_open.get(target):
                forward[name].append(target)
                if target not in is_open:
                    is_open[target] = True
                    stack.append((target, iter(targets[target])))
    return order, forward
