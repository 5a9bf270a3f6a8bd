"""A layout as an SVG document.

It has no style and no script of its own, so that a page with a strict policy may contain it: colours are attributes,
which a page's style sheet overrides by the classes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from stretto.definitions.drawing.layout import Box, Layout, Line
from stretto.definitions.drawing.picture import Node
from stretto.definitions.drawing.places import LINE, PADDING

_ARROW: Final = (
    '<defs><marker id="end" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L10 5L0 10z"/></marker></defs>'
)
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that an XML document must not have, not even escaped."""
_ROUNDING: Final = 6
_HALO: Final = 'text-anchor="middle" paint-order="stroke" stroke="white" stroke-width="5"'


class Mark(NamedTuple):
    """How a node is marked.

    Attributes:
        name: The name of the class, behind `status-`.
        symbol: The sign in the corner of the box.
        title: A sentence about the node.
    """

    name: str
    symbol: str
    title: str


NO_MARKS: Final[Mapping[str, Mark]] = {}


def svg(layout: Layout, marks: Mapping[str, Mark] = NO_MARKS) -> str:
    """Return a layout as an SVG document.

    Args:
        layout: The boxes and lines.
        marks: The marks of nodes, by their names.
    """
    width, height = f"{layout.width:.0f}", f"{layout.height:.0f}"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" class="graph" role="img" font-family="monospace" font-size="13">'
        ),
        f"<title>{_text(layout.picture.ref)}</title>",
        _ARROW,
        *map(_line, layout.lines),
        *map(_label, [line for line in layout.lines if line.label_at is not None]),
    ]
    for node in layout.picture.nodes.values():
        parts += _node(node, layout.boxes[node.name], marks.get(node.name))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(line: Line) -> str:
    edge = line.edge
    title = f"{edge.source} leads to {edge.target}" + (f" if {edge.label}" if edge.label else "")
    path = f'<path d="{line.path}" fill="none" stroke="black" marker-end="url(#end)"/>'
    return f'<g class="edge"><title>{_text(title)}</title>{path}</g>'


def _label(line: Line) -> str:
    x, y = line.label_at or (0.0, 0.0)
    attributes = f'class="label" x="{x:.1f}" y="{y:.1f}" {_HALO}'
    return f"<text {attributes}>{_text(line.edge.label)}</text>"


def _node(node: Node, box: Box, mark: Mark | None) -> Iterator[str]:
    classes = ["node", *(["entry"] if node.entry else []), *(["helper"] if node.helper else [])]
    classes += ["fan-out"] if node.fans_out else []
    classes += ["folded"] if len(node.tasks) > 1 else []
    classes += [f"status-{mark.name}"] if mark is not None else []
    yield f'<g class="{" ".join(classes)}" data-node="{_text(node.name)}">'
    yield f"<title>{_text(mark.title if mark is not None else ', '.join(node.lines))}</title>"
    width = 3 if node.entry else 1
    dashes = ' stroke-dasharray="4 3"' if node.helper else ""
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{_ROUNDING}" '
        f'fill="white" stroke="black" stroke-width="{width}"{dashes}/>'
    )
    for number, text in enumerate(node.lines):
        weight = ' font-weight="bold"' if number == 0 else ""
        x, y = box.x + box.width / 2, box.y + PADDING / 2 + LINE * (number + 0.75)
        yield f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle"{weight}>{_text(text)}</text>'
    if mark is not None:
        x, y = box.x + box.width, box.y + _ROUNDING
        yield f'<text class="mark" x="{x:.1f}" y="{y:.1f}" {_HALO}>{_text(mark.symbol)}</text>'
    yield "</g>"


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})
