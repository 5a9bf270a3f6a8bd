"""The order of the places in each layer: each follows its neighbours above and below, so that fewer edges cross."""

from collections.abc import Sequence
from typing import Final

from stretto.definitions.drawing.places import Places

_SWEEPS: Final = 4
"""How often all layers are ordered, alternately by those above and by those below. More changes little."""
_SWEEPS_IF_LARGE: Final = 2


def order_layers(places: Places) -> None:
    """Order the places of each layer."""
    at = [0.0] * len(places.layer)
    for layer in places.layers:
        _number(layer, at)
    for sweep in range(_SWEEPS_IF_LARGE if places.is_large else _SWEEPS):
        if sweep % 2 == 0:
            for layer in places.layers[1:]:
                _order(layer, places.above, places, at)
        else:
            for layer in reversed(places.layers[:-1]):
                _order(layer, places.below, places, at)


def _order(layer: list[int], neighbours: Sequence[Sequence[int]], places: Places, at: list[float]) -> None:
    """Order a layer by the mean of its neighbours' positions."""
    means = {}
    for place in layer:
        of_place = neighbours[place]
        if len(of_place) == 1:  # as most crossings have it
            means[place] = at[of_place[0]]
        else:
            means[place] = sum([at[each] for each in of_place]) / len(of_place) if of_place else at[place]
    for place in layer:
        # The sort keeps the order of equal means, in which a crossing follows the node beside it.
        beside = places.beside.get(place)
        if beside is not None and not neighbours[place]:
            means[place] = means.get(beside, at[place])
    layer.sort(key=means.__getitem__)
    _number(layer, at)


def _number(layer: list[int], at: list[float]) -> None:
    step = 1 / max(len(layer), 1)
    for position, place in enumerate(layer):
        at[place] = (position + 0.5) * step
