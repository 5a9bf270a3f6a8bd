"""One reader for each YAML dialect, all giving the same model.

YAML text --recognition--> native or orquesta --> Workflow, and findings
"""

from stretto.definitions.dialects.choosing import (
    MAX_FINDINGS,
    Reading,
    in_order,
    read_as_orquesta,
    read_with_findings,
    read_workflow,
)

__all__ = ["MAX_FINDINGS", "Reading", "in_order", "read_as_orquesta", "read_with_findings", "read_workflow"]
