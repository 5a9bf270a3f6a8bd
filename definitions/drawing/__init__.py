"""A workflow's graph: as text for other programs, as boxes and lines with places, and as an SVG document.

Workflow --picture_of--> Picture --mermaid, dot--> text
                            |
                          folded --lay_out--> Layout --as_data--> JSON
                                                 '-----svg------> document
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.drawing.folding import MAX_NODES, folded
    from stretto.definitions.drawing.layout import Box, Layout, Line, as_data, lay_out
    from stretto.definitions.drawing.picture import MAX_LABEL, Edge, Group, Node, Picture, picture_of
    from stretto.definitions.drawing.places import MAX_PLACES
    from stretto.definitions.drawing.svg_document import Mark, svg
    from stretto.definitions.drawing.texts import dot, mermaid
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "folding": "MAX_NODES folded",
            "layout": "Box Layout Line as_data lay_out",
            "picture": "MAX_LABEL Edge Group Node Picture picture_of",
            "places": "MAX_PLACES",
            "svg_document": "Mark svg",
            "texts": "dot mermaid",
        },
    )

__all__ = [
    "MAX_LABEL",
    "MAX_NODES",
    "MAX_PLACES",
    "Box",
    "Edge",
    "Group",
    "Layout",
    "Line",
    "Mark",
    "Node",
    "Picture",
    "as_data",
    "dot",
    "folded",
    "lay_out",
    "mermaid",
    "picture_of",
    "svg",
]
