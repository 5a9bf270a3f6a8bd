"""What is wrong with a definition before it runs: pure checks over a read workflow.

    YAML text --read--> Workflow --references, paths--> names, shape, conditions, inputs --> findings

Every finding has a stable code (docs/findings.md). What surely fails is an error, what is doubtful a warning.
"""

from stretto.definitions.validation.examination import Examination, check, examine
from stretto.definitions.validation.inputs import (
    RENDERED_HINT,
    KnownAction,
    KnownActions,
    KnownInput,
    computed_members,
)
from stretto.definitions.validation.schema import json_schema

__all__ = [
    "RENDERED_HINT",
    "Examination",
    "KnownAction",
    "KnownActions",
    "KnownInput",
    "check",
    "computed_members",
    "examine",
    "json_schema",
]
