"""The labels of edges: in rows between two layers, each on the line of its edge, over no other if there is room."""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from stretto.definitions.drawing.places import CHARACTER, LINE, Places
from stretto.definitions.drawing.routing import GAP, Ends, Label

MAX_ROWS: Final = 8
"""The most rows of labels between two layers. With more labels, some are drawn over others."""


class _Wanted(NamedTuple):
    """A label that has no row yet: its edge, half of its width, and where its line begins and ends."""

    edge: int
    half: float
    start: float
    end: float
    is_turn: bool

    def at(self, row: int, rows: int) -> float:
        """Return the horizontal position of the edge's line in the height of a row."""
        share = 0.5 if self.is_turn else _share(row, rows)
        return self.start + (self.end - self.start) * share


@cache
def _share(row: int, rows: int) -> float:
    """Return how far a curve between layers has gone horizontally in the height of a row."""
    height = (GAP / 2 + row * LINE) / (GAP + rows * LINE)
    low, high = 0.0, 1.0
    for _ in range(20):
        at = (low + high) / 2
        low, high = (at, high) if 1.5 * at * (1 - at) + at**3 < height else (low, at)
    return 3 * low**2 - 2 * low**3


def place_labels(places: Places, centres: list[float], ends: list[Ends], texts: Sequence[str]) -> dict[int, Label]:
    """Return the labels of edges by the number of the edge, as far as they have texts."""
    by_layer: dict[int, list[_Wanted]] = {}
    for edge, text in enumerate(texts):
        if text:
            way = places.ways[edge]
            following = ends[edge].end if len(way) == 2 else centres[way[1]]
            half = (len(text) + 1) * CHARACTER / 2
            wanted = _Wanted(edge, half, ends[edge].start, following, places.leads_up(way))
            by_layer.setdefault(places.layer[way[0]], []).append(wanted)
    labels: dict[int, Label] = {}
    for layer, of_layer in by_layer.items():
        of_layer.sort(key=lambda each: each.start + each.end)
        rows = next((rows for rows in range(1, MAX_ROWS) if _fits(of_layer, rows)), MAX_ROWS)
        for each, row in zip(of_layer, _rows(of_layer, rows), strict=True):
            labels[each.edge] = Label(layer, row, each.at(row, rows))
    return labels


def _fits(of_layer: list[_Wanted], rows: int) -> bool:
    free = [float("-inf")] * rows
    for each, row in zip(of_layer, _rows(of_layer, rows), strict=True):
        if each.at(row, rows) - each.half < free[row]:
            return False
        free[row] = each.at(row, rows) + each.half
    return True


def _rows(of_layer: list[_Wanted], rows: int) -> list[int]:
    """Return the row of each label: the first one in which it is over no other, else that where it is so the least."""
    free = [float("-inf")] * rows
    chosen = []
    for each in of_layer:
        over = [free[row] - (each.at(row, rows) - each.half) for row in range(rows)]
        row = next((number for number, by in enumerate(over) if by <= 0), over.index(min(over)))
        free[row] = max(free[row], each.at(row, rows) + each.half)
        chosen.append(row)
    return chosen
