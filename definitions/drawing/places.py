"""The places of a drawing: one for each node, and one in each layer that a long edge crosses.

Edges to the same target share the places in the layers that they cross: they meet in one line. An edge that leads up
crosses the layers of both of its ends, too, beside them.
"""

from itertools import pairwise
from typing import Final

from stretto.definitions.drawing.picture import Edge, Picture
from stretto.definitions.errors import LimitExceeded

MAX_PLACES: Final = 50_000
"""The most nodes, and layers that all edges lead through together, in one drawing. Each is a piece of it."""

LARGE: Final = 5_000
"""With more places, a drawing is improved less often, so that it takes no longer than people wait."""

CHARACTER: Final = 8
LINE: Final = 18
PADDING: Final = 12


class Places:
    """The places by number. Nodes come first, in the picture's order.

    Args:
        picture: The nodes and edges.
        layer_of: Each node's layer.

    Attributes:
        numbers: The number of each node.
        layer: The layer of each place.
        width: The width of each place. That of a crossing is 0.
        height: The height of each place.
        above: The places in the layer above that each place is linked with.
        below: Those in the layer below.
        beside: For each end of a crossing that leads up, the node beside it.
        ways: The places of each edge, from its source to its target.
        layers: The places of each layer, in their order from left to right.
    """

    def __init__(self, picture: Picture, layer_of: dict[str, int]) -> None:
        self.numbers = {name: number for number, name in enumerate(picture.nodes)}
        self.layer = [layer_of[name] for name in picture.nodes]
        self.width = [max(map(len, node.lines)) * CHARACTER + 2.0 * PADDING for node in picture.nodes.values()]
        self.height = [len(node.lines) * LINE + float(PADDING) for node in picture.nodes.values()]
        self.above: list[list[int]] = [[] for _ in picture.nodes]
        self.below: list[list[int]] = [[] for _ in picture.nodes]
        self.beside: dict[int, int] = {}
        _check_size(picture, layer_of)
        self._crossings: dict[tuple[int, int, bool], int] = {}
        self._links: set[tuple[int, int]] = set()
        self.ways = [self._way(edge) for edge in picture.edges]
        self.layers: list[list[int]] = [[] for _ in range(max(self.layer, default=0) + 1)]
        for place, layer in enumerate(self.layer):
            self.layers[layer].append(place)

    @property
    def is_large(self) -> bool:
        """Whether there are more than LARGE places."""
        return len(self.layer) > LARGE

    def is_crossing(self, place: int) -> bool:
        """Return whether a place is that of an edge and not of a node."""
        return place >= len(self.numbers)

    def leads_up(self, way: list[int]) -> bool:
        """Return whether an edge leads up, or to its own node."""
        return self.layer[way[-1]] <= self.layer[way[0]]

    def _way(self, edge: Edge) -> list[int]:
        source, target = self.numbers[edge.source], self.numbers[edge.target]
        first, last = self.layer[source], self.layer[target]
        if first < last:
            way = [source, *(self._crossing(target, layer, up=False) for layer in range(first + 1, last)), target]
            for upper, lower in pairwise(way):
                self._link(upper, lower)
            return way
        crossings = [self._crossing(target, layer, up=True) for layer in range(first, last - 1, -1)]
        for lower, upper in pairwise(crossings):
            self._link(upper, lower)
        self.beside[crossings[0]] = source
        self.beside.setdefault(crossings[-1], target)
        return [source, *crossings, target]

    def _crossing(self, target: int, layer: int, *, up: bool) -> int:
        key = target, layer, up
        place = self._crossings.get(key)
        if place is None:
            place = self._crossings[key] = len(self.layer)
            self.layer.append(layer)
            self.width.append(0.0)
            self.height.append(0.0)
            self.above.append([])
            self.below.append([])
        return place

    def _link(self, upper: int, lower: int) -> None:
        if (upper, lower) not in self._links:
            self._links.add((upper, lower))
            self.below[upper].append(lower)
            self.above[lower].append(upper)


def _check_size(picture: Picture, layer_of: dict[str, int]) -> None:
    """Raise LimitExceeded, before any place is made, for a drawing of too many pieces."""
    count = len(picture.nodes) + sum(abs(layer_of[each.target] - layer_of[each.source]) + 1 for each in picture.edges)
    if count > MAX_PLACES:
        raise LimitExceeded(
            f"the graph is too large to be drawn: it has at most {MAX_PLACES:,} tasks, and layers that its edges lead "
            f"through (MAX_PLACES), got {count:,}"
        )
