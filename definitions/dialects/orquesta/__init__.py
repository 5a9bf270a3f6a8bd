"""The Orquesta dialect (version 1.0): StackStorm's workflows, as its library reads and inspects them.

    YAML 1.1 nodes --reading--> forms --building--> Workflow
                                  |
                                  +--graph, names--> findings, as Orquesta's inspection has them

A definition that Orquesta's inspection accepts is never refused here; what is doubtful is a warning.
"""

from collections.abc import Collection

from stretto.definitions.dialects.orquesta.building import Builder
from stretto.definitions.dialects.orquesta.reading import read_form
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.model import Workflow
from stretto.definitions.yaml_source import Node

__all__ = ["read_orquesta"]


def read_orquesta(reader: Reader, root: Node, context: Collection[str]) -> Workflow | None:
    """Return the workflow that a document defines, as far as it can be read.

    `context` are the names of variables that a run is given beside its inputs.
    """
    form = read_form(reader, root)
    if form is None:
        return None
    return Builder(reader.file, reader.report).workflow(form)
