"""The lines of edges: vertical beside the boxes of a layer, curved only between layers, where there are no boxes."""

from typing import Final, NamedTuple

from stretto.definitions.drawing.curves import Curve, Point, between_layers, straight, turn
from stretto.definitions.drawing.places import LINE, PADDING, Places

MARGIN: Final = 24.0
GAP: Final = 56.0
"""The height between two layers without labels."""
_TURN: Final = 28.0
"""How deep a line that leads up goes below its source and above its target."""
_PORTS: Final = 18.0
"""The most between the beginnings of two lines at one box."""


class Ends(NamedTuple):
    """Where the lines of an edge begin and end, horizontally."""

    start: float
    end: float


class Heights(NamedTuple):
    """The upper and the lower height of each layer."""

    tops: list[float]
    bottoms: list[float]


class Label(NamedTuple):
    """The middle of an edge's label: its row below the layer of its source, from 0, and its horizontal position."""

    layer: int
    row: int
    x: float


def ends_of(places: Places, centres: list[float]) -> list[Ends]:
    """Return where the line of each edge begins at its source, and where it ends at its target.

    Lines from the same box begin beside each other, in the order in which they go on. So do those to the same box,
    except for those that come from the same place.
    """
    leaving: dict[int, list[tuple[float, int]]] = {}
    arriving: dict[int, set[tuple[float, int]]] = {}
    for edge, way in enumerate(places.ways):
        leaving.setdefault(way[0], []).append((centres[way[1]], edge))
        arriving.setdefault(way[-1], set()).add((centres[way[-2]], way[-2]))
    starts: dict[int, float] = {}
    for place, lines in leaving.items():
        for number, (_, edge) in enumerate(sorted(lines)):
            starts[edge] = _port(places, centres, place, number, len(lines))
    ends: dict[tuple[int, int], float] = {}
    for place, origins in arriving.items():
        for number, (_, origin) in enumerate(sorted(origins)):
            ends[place, origin] = _port(places, centres, place, number, len(origins))
    return [Ends(starts[edge], ends[way[-1], way[-2]]) for edge, way in enumerate(places.ways)]


def _port(places: Places, centres: list[float], place: int, number: int, count: int) -> float:
    distance = min(_PORTS, (places.width[place] - PADDING) / count)
    return centres[place] + (number - (count - 1) / 2) * distance


def heights_of(places: Places, labels: dict[int, Label]) -> Heights:
    """Return the heights of the layers, with room for labels and turns between them."""
    rows = [0] * len(places.layers)
    for each in labels.values():
        rows[each.layer] = max(rows[each.layer], each.row + 1)
    has_turn_above = any(places.leads_up(way) and places.layer[way[-1]] == 0 for way in places.ways)
    top = MARGIN + (_TURN if has_turn_above else 0.0)
    tops, bottoms = [], []
    for layer, of_labels in zip(places.layers, rows, strict=True):
        tops.append(top)
        bottoms.append(top + max((places.height[place] for place in layer), default=0.0))
        top = bottoms[-1] + GAP + of_labels * LINE
    return Heights(tops, bottoms)


def curves_of(places: Places, centres: list[float], heights: Heights, edge: int, ends: Ends) -> list[Curve]:
    """Return the curves of an edge, each from the end of the one before."""
    way = places.ways[edge]
    first, last = places.layer[way[0]], places.layer[way[-1]]
    begin = Point(ends.start, heights.tops[first] + places.height[way[0]])
    leaving, end = Point(ends.start, heights.bottoms[first]), Point(ends.end, heights.tops[last])
    crossings = [(centres[place], places.layer[place]) for place in way[1:-1]]
    if first < last:
        return _downwards(begin, leaving, crossings, heights, end)
    (x, layer), *others = crossings
    at = Point(x, heights.bottoms[layer])
    curves = [straight(begin, leaving), turn(leaving, at, _TURN)]
    for other, upper in others:
        if other != x:
            top = Point(x, heights.tops[upper + 1])
            curves += [straight(at, top), between_layers(top, Point(other, heights.bottoms[upper]))]
            at, x = Point(other, heights.bottoms[upper]), other
    top = Point(x, heights.tops[last])
    return [*curves, straight(at, top), turn(top, end, -_TURN)]


def _downwards(
    begin: Point, leaving: Point, crossings: list[tuple[float, int]], heights: Heights, end: Point
) -> list[Curve]:
    curves = []
    at, bottom = begin, leaving
    for x, layer in crossings:
        if x != bottom.x:
            top = Point(x, heights.tops[layer])
            curves += [straight(at, bottom), between_layers(bottom, top)]
            at = top
        bottom = Point(x, heights.bottoms[layer])
    return [*curves, straight(at, bottom), between_layers(bottom, end)]


def label_height(label: Label, heights: Heights) -> float:
    """Return the vertical position of a label's middle."""
    return heights.bottoms[label.layer] + GAP / 2 + (label.row + 0.25) * LINE
