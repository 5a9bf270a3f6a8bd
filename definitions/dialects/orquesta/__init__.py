"""The Orquesta dialect (version 1.0): StackStorm's workflows, as its library reads and inspects them.

    YAML 1.1 nodes --reading--> forms --building--> Workflow
                                  |
                                  +--graph, names--> findings, as Orquesta's inspection has them

A definition that Orquesta's inspection accepts is never refused here; what is doubtful is a warning.
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
    """Return the workflow that a document defines, as far as it can be read.

    `context` are the names of variables that a run is given beside its inputs.
    """
    form = read_form(reader, root)
    if form is None:
        return None
    workflow = Builder(reader.file, reader.report).workflow(form)
    tasks = Tasks(form.tasks)
    check_graph(reader, form, tasks)
    Names(reader, form, tasks).check(context)
    warnings = tuple(finding for finding in reader.findings if finding.severity == "warning")
    return replace(workflow, warnings=warnings)
