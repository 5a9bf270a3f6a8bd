"""Definitions that are to be drawn."""

from stretto.actors.catalogue import Catalogue


class DrawableCatalogue(Catalogue):
    """Checks all of a definition but what there is to call: a graph is drawn where its actions are not installed."""

    def _known(self) -> None:
        return None
