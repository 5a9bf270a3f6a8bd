"""A picture with places: boxes in layers, and lines between them that go through no box."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stretto.definitions.drawing.columns import place_columns
from stretto.definitions.drawing.curves import Curve, Point, as_path
from stretto.definitions.drawing.labels import place_labels
from stretto.definitions.drawing.layers import layers_of
from stretto.definitions.drawing.ordering import order_layers
from stretto.definitions.drawing.picture import Edge, Node, Picture
from stretto.definitions.drawing.places import CHARACTER, Places
from stretto.definitions.drawing.routing import GAP, MARGIN, Label, curves_of, ends_of, heights_of, label_height


@dataclass(frozen=True, slots=True)
class Box:
    """A node's rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """An edge's line, and the middle of its label if it has one."""

    edge: Edge
    curves: tuple[Curve, ...]
    label_at: Point | None

    @property
    def path(self) -> str:
        """The data of an SVG path."""
        return as_path(self.curves)


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture with places.

    Attributes:
        picture: The nodes and edges.
        boxes: The box of each node, by its name.
        lines: The line of each edge.
        width: The width of the whole.
        height: The height of the whole.
    """

    picture: Picture
    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    width: float
    height: float

    @property
    def size(self) -> int:
        """The number of boxes and curves."""
        return len(self.boxes) + sum(len(line.curves) for line in self.lines)


def lay_out(picture: Picture) -> Layout:
    """Return a picture with places.

    Args:
        picture: The nodes and edges. Those of a large workflow are `folded`.

    Raises:
        LimitExceeded: It has more than `MAX_PLACES` nodes and crossings of layers.
    """
    places = Places(picture, layers_of(picture))
    order_layers(places)
    centres = place_columns(places)
    ends = ends_of(places, centres)
    labels = place_labels(places, centres, ends, [edge.label for edge in picture.edges])
    left, right = _sides(places, centres, labels, picture)
    shift = MARGIN - left
    centres = [centre + shift for centre in centres]
    ends = [each._replace(start=each.start + shift, end=each.end + shift) for each in ends]
    heights = heights_of(places, labels)
    lines = []
    for number, edge in enumerate(picture.edges):
        label = labels.get(number)
        at = None if label is None else Point(label.x + shift, label_height(label, heights))
        lines.append(Line(edge, tuple(curves_of(places, centres, heights, number, ends[number])), at))
    boxes = {
        name: Box(
            centres[place] - places.width[place] / 2, heights.tops[places.layer[place]], places.width[place],
            places.height[place],
        )
        for name, place in places.numbers.items()
    }  # fmt: skip
    has_turns_below = any(places.leads_up(way) for way in places.ways)
    bottom = max(heights.bottoms, default=0.0) + (GAP if has_turns_below else 0.0)
    return Layout(picture, boxes, tuple(lines), right + shift + MARGIN, bottom + MARGIN)


def _sides(places: Places, centres: list[float], labels: Mapping[int, Label], picture: Picture) -> tuple[float, float]:
    """Return how far boxes, lines and labels reach to the left and to the right."""
    spans = list(zip(centres, places.width, strict=True))
    spans += [(label.x, float(len(picture.edges[edge].label) * CHARACTER)) for edge, label in labels.items()]
    return (
        min((middle - width / 2 for middle, width in spans), default=0.0),
        max((middle + width / 2 for middle, width in spans), default=0.0),
    )


def as_data(layout: Layout) -> dict[str, Any]:
    """Return a layout as plain data.

    Returns:
        {nodes, edges, layout}: each node {name, lines, entry, helper, fans_out, tasks, x, y, width, height}, each edge
        {source, target, label, points, path, label_at}, and the whole's {width, height}.
    """
    return {
        "nodes": [_node_as_data(node, layout.boxes[name]) for name, node in layout.picture.nodes.items()],
        "edges": [_line_as_data(line) for line in layout.lines],
        "layout": {"width": round(layout.width, 1), "height": round(layout.height, 1)},
    }


def _node_as_data(node: Node, box: Box) -> dict[str, Any]:
    return {
        "name": node.name,
        "lines": list(node.lines),
        "entry": node.entry,
        "helper": node.helper,
        "fans_out": node.fans_out,
        "tasks": list(node.tasks),
        "x": round(box.x, 1),
        "y": round(box.y, 1),
        "width": round(box.width, 1),
        "height": round(box.height, 1),
    }


def _line_as_data(line: Line) -> dict[str, Any]:
    return {
        "source": line.edge.source,
        "target": line.edge.target,
        "label": line.edge.label,
        "points": [[round(point.x, 1), round(point.y, 1)] for point in _points(line)],
        "path": line.path,
        "label_at": None if line.label_at is None else [round(line.label_at.x, 1), round(line.label_at.y, 1)],
    }


def _points(line: Line) -> Iterator[Point]:
    """Yield the points where the curves of a line meet, and its ends."""
    last = line.curves[0].start
    yield last
    for curve in line.curves:
        if curve.end != last:
            last = curve.end
            yield last
