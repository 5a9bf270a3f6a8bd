"""The workflows that can run, by ref, checked against the actions and packs that they call."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.catalogue.callables import Callables
    from stretto.actors.catalogue.catalogue import Catalogue, Rules, log_nothing
    from stretto.actors.catalogue.definition import duplicate_ref, is_rehearsal_document, not_utf8
    from stretto.actors.catalogue.loading import Library, core_actions, load_library
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "callables": "Callables",
            "catalogue": "Catalogue Rules log_nothing",
            "definition": "duplicate_ref is_rehearsal_document not_utf8",
            "loading": "Library core_actions load_library",
        },
    )

__all__ = [
    "Callables",
    "Catalogue",
    "Library",
    "Rules",
    "core_actions",
    "duplicate_ref",
    "is_rehearsal_document",
    "load_library",
    "log_nothing",
    "not_utf8",
]
