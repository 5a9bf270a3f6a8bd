"""The horizontal positions of places: each as near to its neighbours as the others of its layer let it be."""

from collections.abc import Sequence
from typing import Final

from stretto.definitions.drawing.places import Places

BETWEEN_NODES: Final = 40.0
_BESIDE_CROSSINGS: Final = 16.0
_ROUNDS: Final = 3
_ROUNDS_IF_LARGE: Final = 1
_WEIGHT_OF_CROSSINGS: Final = 4.0
"""Long edges are straightened before nodes are centred."""


def place_columns(places: Places) -> list[float]:
    """Return the centre of each place. Those of a layer keep their order and do not overlap."""
    centres = [0.0] * len(places.layer)
    offsets = [_offsets(layer, places) for layer in places.layers]
    for layer, of_layer in zip(places.layers, offsets, strict=True):
        for place, offset in zip(layer, of_layer, strict=True):
            centres[place] = offset - of_layer[-1] / 2
    down = list(zip(places.layers, offsets, strict=True))
    for _ in range(_ROUNDS_IF_LARGE if places.is_large else _ROUNDS):
        for layer, of_layer in down[1:]:
            _align(layer, of_layer, places.above, places, centres)
        for layer, of_layer in reversed(down[:-1]):
            _align(layer, of_layer, places.below, places, centres)
    return [round(centre, 1) for centre in centres]


def _offsets(layer: list[int], places: Places) -> list[float]:
    """Return the centres of a layer's places if they are as near to each other as they may be."""
    offsets: list[float] = []
    edge = 0.0
    for number, place in enumerate(layer):
        half = places.width[place] / 2
        if number:
            has_crossing = places.is_crossing(place) or places.is_crossing(layer[number - 1])
            edge += _BESIDE_CROSSINGS if has_crossing else BETWEEN_NODES
        offsets.append(edge + half)
        edge += 2 * half
    first = offsets[0] if offsets else 0.0
    return [offset - first for offset in offsets]


def _align(
    layer: list[int], offsets: list[float], neighbours: Sequence[Sequence[int]], places: Places, centres: list[float]
) -> None:
    """Move a layer's places to the means of their neighbours, as far as their order and distances allow.

    The squares of the distances to the means are least (regression of a rising sequence, by pooling of neighbours that
    violate it).
    """
    wanted = _wanted(layer, neighbours, places, centres)
    blocks: list[tuple[float, float, int]] = []  # the mean, the weight, the number of places
    nodes = len(places.numbers)
    for place, offset in zip(layer, offsets, strict=True):
        weight = 1.0 if place < nodes else _WEIGHT_OF_CROSSINGS
        mean, count = wanted[place] - offset, 1
        while blocks and blocks[-1][0] > mean:
            earlier, of_earlier, more = blocks.pop()
            mean = (mean * weight + earlier * of_earlier) / (weight + of_earlier)
            weight += of_earlier
            count += more
        blocks.append((mean, weight, count))
    position = 0
    for mean, _, count in blocks:
        for _ in range(count):
            centres[layer[position]] = offsets[position] + mean
            position += 1


def _wanted(
    layer: list[int], neighbours: Sequence[Sequence[int]], places: Places, centres: list[float]
) -> dict[int, float]:
    """Return where each place of a layer would be without the others."""
    wanted = {}
    for place in layer:
        of_place = neighbours[place]
        if len(of_place) == 1:  # as most crossings have it
            wanted[place] = centres[of_place[0]]
        else:
            wanted[place] = sum([centres[each] for each in of_place]) / len(of_place) if of_place else centres[place]
    for place in layer:
        beside = places.beside.get(place)
        if beside is not None and not neighbours[place]:
            distance = places.width[beside] / 2 + _BESIDE_CROSSINGS
            wanted[place] = wanted[beside] + (distance if centres[place] >= centres[beside] else -distance)
    return wanted
