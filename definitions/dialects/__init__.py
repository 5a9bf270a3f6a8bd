"""Readers of the YAML dialects, which all give the same model.

YAML text --recognition--> native or orquesta --> Workflow, and findings
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.dialects.choosing import (
        Reading,
        in_order,
        read_as_orquesta,
        read_with_findings,
        read_workflow,
    )
    from stretto.definitions.dialects.computed_defaults import read_computed, with_computed_defaults
    from stretto.definitions.dialects.event_waits import FIELD, MAX_TYPE_CHARACTERS, awaited_events
    from stretto.definitions.dialects.item_files import ON_BAD_LINE, RESULTS, SOURCES
    from stretto.definitions.dialects.key_limits import MAX_KEY_LENGTH, MAX_KEY_LIMIT
    from stretto.definitions.dialects.native_tasks import (
        ACTION,
        IGNORED_FIELDS,
        KEPT_FIELDS,
        LITERAL_INPUTS,
        TASK_KINDS,
    )
    from stretto.definitions.dialects.orquesta.inspection import inspection
    from stretto.definitions.dialects.parallel import fork_name
    from stretto.definitions.dialects.parameters import ANNOTATIONS, BOUNDS, read_pack_parameters, read_parameters
    from stretto.definitions.dialects.rate_limits import (
        MAX_RATE_LIMIT,
        MAX_RATE_SECONDS,
        least_burst,
    )
    from stretto.definitions.dialects.reading import MAX_FINDINGS, NAME, NAME_RULE, Fields, Reader
    from stretto.definitions.dialects.recognition import is_trigger_document
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "choosing": "Reading in_order read_as_orquesta read_with_findings read_workflow",
            "computed_defaults": "read_computed with_computed_defaults",
            "event_waits": "FIELD MAX_TYPE_CHARACTERS awaited_events",
            "item_files": "ON_BAD_LINE RESULTS SOURCES",
            "key_limits": "MAX_KEY_LENGTH MAX_KEY_LIMIT",
            "native_tasks": "ACTION IGNORED_FIELDS KEPT_FIELDS LITERAL_INPUTS TASK_KINDS",
            "orquesta.inspection": "inspection",
            "parallel": "fork_name",
            "parameters": "ANNOTATIONS BOUNDS read_pack_parameters read_parameters",
            "rate_limits": "MAX_RATE_LIMIT MAX_RATE_SECONDS least_burst",
            "reading": "MAX_FINDINGS Fields NAME NAME_RULE Reader",
            "recognition": "is_trigger_document",
        },
    )

__all__ = [
    "ACTION",
    "ANNOTATIONS",
    "BOUNDS",
    "FIELD",
    "IGNORED_FIELDS",
    "KEPT_FIELDS",
    "LITERAL_INPUTS",
    "MAX_FINDINGS",
    "MAX_KEY_LENGTH",
    "MAX_KEY_LIMIT",
    "MAX_RATE_LIMIT",
    "MAX_RATE_SECONDS",
    "MAX_TYPE_CHARACTERS",
    "NAME",
    "NAME_RULE",
    "ON_BAD_LINE",
    "RESULTS",
    "SOURCES",
    "TASK_KINDS",
    "Fields",
    "Reader",
    "Reading",
    "awaited_events",
    "fork_name",
    "in_order",
    "inspection",
    "is_trigger_document",
    "least_burst",
    "read_as_orquesta",
    "read_computed",
    "read_pack_parameters",
    "read_parameters",
    "read_with_findings",
    "read_workflow",
    "with_computed_defaults",
]
