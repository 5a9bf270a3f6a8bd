"""Workflows that can be run, by ref: read, checked against actions and packs."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.catalogue.callables import ActionsAndWorkflows, parameters_by_ref
    from stretto.actors.catalogue.catalogue import Catalogue
    from stretto.actors.catalogue.loading import core_actions
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "callables": "ActionsAndWorkflows parameters_by_ref",
            "catalogue": "Catalogue",
            "loading": "core_actions",
        },
    )

__all__ = [
    "ActionsAndWorkflows",
    "Catalogue",
    "core_actions",
    "parameters_by_ref",
]
