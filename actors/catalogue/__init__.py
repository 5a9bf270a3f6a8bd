"""The workflows that can run, by ref, checked against the actions and packs that they call."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.catalogue.callables import Callables, refused_to_remote
    from stretto.actors.catalogue.catalogue import Catalogue
    from stretto.actors.catalogue.definition import duplicate_ref, is_rehearsal_document, not_utf8
    from stretto.actors.catalogue.loading import Library, core_actions, load_library
    from stretto.actors.catalogue.reports import (
        Sees,
        called_refs,
        definition_source,
        describe_action,
        describe_definition,
        list_actions,
        list_definitions,
        sees_all,
        workflow_of,
    )
    from stretto.actors.catalogue.rules import Rules, log_nothing
    from stretto.actors.catalogue.triggers import UnknownRule
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "callables": "Callables refused_to_remote",
            "catalogue": "Catalogue",
            "rules": "Rules log_nothing",
            "triggers": "UnknownRule",
            "definition": "duplicate_ref is_rehearsal_document not_utf8",
            "loading": "Library core_actions load_library",
            "reports": (
                "Sees called_refs definition_source describe_action describe_definition list_actions "
                "list_definitions sees_all workflow_of"
            ),
        },
    )

__all__ = [
    "Callables",
    "Catalogue",
    "Library",
    "Rules",
    "Sees",
    "UnknownRule",
    "called_refs",
    "core_actions",
    "definition_source",
    "describe_action",
    "describe_definition",
    "duplicate_ref",
    "is_rehearsal_document",
    "list_actions",
    "list_definitions",
    "load_library",
    "log_nothing",
    "not_utf8",
    "refused_to_remote",
    "sees_all",
    "workflow_of",
]
