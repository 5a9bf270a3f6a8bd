"""Checks of a definition before it runs.

    YAML text --read--> Workflow --references, paths--> names, shape, conditions, inputs --> findings

Every finding has a stable code (docs/findings.md). Constructs that always fail are errors, doubtful ones warnings.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.validation.environment import EnvironmentName, environment_names, missing_names
    from stretto.definitions.validation.examination import Examination, check, examine, examine_reading
    from stretto.definitions.validation.inputs import (
        CALL_HINT,
        RENDERED_HINT,
        KnownAction,
        KnownActions,
        KnownInput,
        check_calls,
        computed_members,
        rendered_commands,
    )
    from stretto.definitions.validation.references import references_of
    from stretto.definitions.validation.schema import json_schema
    from stretto.definitions.validation.secret_flows import secrecy_of
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "environment": "EnvironmentName environment_names missing_names",
            "examination": "Examination check examine examine_reading",
            "inputs": "CALL_HINT KnownAction KnownActions KnownInput RENDERED_HINT check_calls "
            "computed_members rendered_commands",
            "references": "references_of",
            "schema": "json_schema",
            "secret_flows": "secrecy_of",
        },
    )

__all__ = [
    "CALL_HINT",
    "RENDERED_HINT",
    "EnvironmentName",
    "Examination",
    "KnownAction",
    "KnownActions",
    "KnownInput",
    "check",
    "check_calls",
    "computed_members",
    "environment_names",
    "examine",
    "examine_reading",
    "json_schema",
    "missing_names",
    "references_of",
    "rendered_commands",
    "secrecy_of",
]
