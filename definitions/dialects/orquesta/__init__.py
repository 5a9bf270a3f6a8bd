"""Reads the Orquesta dialect (version 1.0), StackStorm's workflows.

    YAML 1.1 nodes --reading--> forms --building--> Workflow
                                  |
                                  +--graph, names--> findings, as in Orquesta's inspection

Every definition that Orquesta's inspection accepts is accepted here. Doubtful constructs give warnings.
"""

from collections.abc import Collection
from dataclasses import replace

from stretto.definitions.dialects.orquesta.building import Builder
from stretto.definitions.dialects.orquesta.graph import Tasks, check_graph
from stretto.definitions.dialects.orquesta.inspection import inspection
from stretto.definitions.dialects.orquesta.names import Names
from stretto.definitions.dialects.orquesta.reading import read_form
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.model import Workflow
from stretto.definitions.source import Node

__all__ = ["inspection", "read_orquesta"]


def read_orquesta(reader: Reader, root: Node, context: Collection[str]) -> Workflow | None:
    """Read a workflow from a document.

    Args:
        reader: Collects the findings.
        root: The document.
        context: The names of variables that a run gets in addition to its inputs.

    Returns:
        The workflow without the parts that cannot be read, or None.
    """
    form = read_form(reader, root)
    if form is None:
        return None
    workflow = Builder(reader.file, reader.report, reader.work).workflow(form)
    tasks = Tasks(form.tasks)
    check_graph(reader, form, tasks)
    Names(reader, form, tasks).check(context)
    warnings = tuple(finding for finding in reader.findings if finding.severity == "warning")
    return replace(workflow, warnings=warnings)
