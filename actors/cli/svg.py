"""Draws a workflow's graph as SVG. Each task is on the layer below its last predecessor. Edges are curves.

The layout is written by hand: workflows are small, and every maintained layout library needs a binary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from stretto.definitions.drawing import Edge, Node, Picture

_CHARACTER: Final = 8
_LINE: Final = 18
_PADDING: Final = 12
_BETWEEN: Final = 40
_LAYERS: Final = 80
_MARGIN: Final = 24
_ARROW: Final = (
    '<defs><marker id="end" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L10 5L0 10z"/></marker></defs>'
)
_SWEEPS: Final = 4
"""How often each layer is ordered by its neighbours. More changes little."""


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float


def svg(picture: Picture) -> str:
    """Return the drawing as an SVG document."""
    layer_of = _layers(picture)
    boxes = _place(picture, _ordered(picture, layer_of))
    lanes = [edge for edge in picture.edges if layer_of[edge.target] <= layer_of[edge.source]]
    side = max(box.x + box.width for box in boxes.values())
    width = side + _MARGIN + sum(len(edge.label) * _CHARACTER + _BETWEEN for edge in lanes)
    height = max(box.y + box.height for box in boxes.values()) + _MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="13">'
        ),
        f"<title>{escape(picture.ref)}</title>",
        _ARROW,
    ]
    for edge in picture.edges:
        if edge in lanes:
            parts.append(_back(edge, boxes, side + _BETWEEN / 2))
            side += len(edge.label) * _CHARACTER + _BETWEEN
        else:
            parts.append(_down(edge, boxes))
    parts += [_drawn(node, boxes[node.name]) for node in picture.nodes.values()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _layers(picture: Picture) -> dict[str, int]:
    """Return each node's layer: one below its last predecessor, edges that close a cycle left aside."""
    targets: dict[str, list[str]] = {name: [] for name in picture.nodes}
    for edge in picture.edges:
        targets[edge.source].append(edge.target)
    order: list[str] = []
    state: dict[str, str] = {}
    forward: list[tuple[str, str]] = []
    entries = [name for name, node in picture.nodes.items() if node.entry]
    for start in [*entries, *picture.nodes]:
        stack = [(start, iter(targets[start]))] if start not in state else []
        state.setdefault(start, "open")
        while stack:
            name, left = stack[-1]
            target = next(left, None)
            if target is None:
                state[name] = "done"
                order.append(name)
                stack.pop()
            elif state.get(target) != "open":
                forward.append((name, target))
                if target not in state:
                    state[target] = "open"
                    stack.append((target, iter(targets[target])))
    layer = dict.fromkeys(picture.nodes, 0)
    for name in reversed(order):
        for source, target in forward:
            if source == name:
                layer[target] = max(layer[target], layer[name] + 1)
    return layer


def _ordered(picture: Picture, layer_of: Mapping[str, int]) -> list[list[str]]:
    """Return the layers, each in an order that follows its neighbours above and below: fewer edges cross."""
    layers: list[list[str]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for name, layer in layer_of.items():
        layers[layer].append(name)
    neighbours: dict[str, list[str]] = {name: [] for name in picture.nodes}
    for edge in picture.edges:
        neighbours[edge.source].append(edge.target)
        neighbours[edge.target].append(edge.source)
    for sweep in range(_SWEEPS):
        for layer_names in layers if sweep % 2 == 0 else reversed(layers):
            at = {name: place / len(names) for names in layers for place, name in enumerate(names)}
            means = {
                name: sum(at[each] for each in neighbours[name]) / len(neighbours[name])
                if neighbours[name]
                else at[name]
                for name in layer_names
            }
            layer_names.sort(key=means.__getitem__)
    return layers


def _place(picture: Picture, layers: Sequence[Sequence[str]]) -> dict[str, _Box]:
    sizes = {
        name: (
            max(map(len, node.lines)) * _CHARACTER + 2 * _PADDING,
            len(node.lines) * _LINE + _PADDING,
        )
        for name, node in picture.nodes.items()
    }
    widths = [sum(sizes[name][0] for name in names) + _BETWEEN * (len(names) - 1) for names in layers]
    boxes: dict[str, _Box] = {}
    y = float(_MARGIN)
    for names, width in zip(layers, widths, strict=True):
        x = _MARGIN + (max(widths) - width) / 2
        for name in names:
            boxes[name] = _Box(x, y, *sizes[name])
            x += sizes[name][0] + _BETWEEN
        y += max(sizes[name][1] for name in names) + _LAYERS
    return boxes


def _down(edge: Edge, boxes: Mapping[str, _Box]) -> str:
    source, target = boxes[edge.source], boxes[edge.target]
    x1, y1 = source.x + source.width / 2, source.y + source.height
    x2, y2 = target.x + target.width / 2, target.y
    bend = (y2 - y1) / 2
    path = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}"
    return _edge(path, edge.label, (x1 + x2) / 2, (y1 + y2) / 2, "middle")


def _back(edge: Edge, boxes: Mapping[str, _Box], lane: float) -> str:
    """Draw an edge that leads up, or to its own task, in a lane of its own on the right."""
    source, target = boxes[edge.source], boxes[edge.target]
    x1, y1 = source.x + source.width, source.y + source.height * 0.7
    x2, y2 = target.x + target.width, target.y + target.height * 0.3
    path = f"M{x1:.1f} {y1:.1f}C{lane:.1f} {y1:.1f} {lane:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return _edge(path, edge.label, lane, (y1 + y2) / 2, "start")


def _edge(path: str, label: str, x: float, y: float, anchor: str) -> str:
    line = f'<path d="{path}" fill="none" stroke="black" marker-end="url(#end)"/>'
    if not label:
        return line
    text = f'text-anchor="{anchor}" paint-order="stroke" stroke="white" stroke-width="5"'
    return f'{line}\n<text x="{x:.1f}" y="{y:.1f}" {text}>{escape(label)}</text>'


def _drawn(node: Node, box: _Box) -> str:
    width = 3 if node.entry else 1
    dashes = ' stroke-dasharray="4 3"' if node.helper else ""
    rectangle = (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6" '
        f'fill="white" stroke="black" stroke-width="{width}"{dashes}/>'
    )
    lines = [rectangle]
    for number, text in enumerate(node.lines):
        weight = ' font-weight="bold"' if number == 0 else ""
        x, y = box.x + box.width / 2, box.y + _PADDING / 2 + _LINE * (number + 0.75)
        lines.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle"{weight}>{escape(text)}</text>')
    return "\n".join(lines)
