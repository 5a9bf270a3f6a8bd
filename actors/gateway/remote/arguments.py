"""Arguments of the engine's methods as requests have them, and a result that several answers make."""

import os
import uuid
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from stretto.actors.journal import GivenItems
from stretto.actors.locating import is_path, may_be_ref
from stretto.actors.operations import Definition, EntriesAnswer, ExportAnswer
from stretto.actors.text_files import read_text
from stretto.definitions.errors import UnknownWorkflow
from stretto.definitions.model import Workflow


def plain_items(items: GivenItems | None) -> dict[str, Any] | None:
    """Return the items of a rerun as a request has them."""
    return None if items is None else {task: list(ranges) for task, ranges in items.items()}


def key_or_new(given: str | None) -> str:
    """Return the key of a request, which makes it harmless to send the request again."""
    return uuid.uuid4().hex if given is None else given


def listed(names: str | Sequence[str] | None) -> str | list[str] | None:
    """Return one name as it is, and several as a list."""
    return names if names is None or isinstance(names, str) else list(names)


def named_or_read(workflow: str | PathLike[str] | Workflow) -> str | Definition:
    """Return a ref as it is, and a file as its text: a daemon does not open clients' paths.

    A name with slashes is a ref where there is no such file.
    """
    if isinstance(workflow, Workflow):
        if not workflow.text:
            raise UnknownWorkflow(f"a daemon needs the text of {workflow.ref}: read it with read_workflow(text, file)")
        return Definition(workflow.file, workflow.text)
    name = os.fspath(workflow)
    if not is_path(name) or may_be_ref(name):
        return name
    try:
        return Definition(name, read_text(Path(name)))
    except OSError as error:
        raise UnknownWorkflow(f"cannot read the workflow {name!r}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UnknownWorkflow(f"{name} must be UTF-8 text: byte {error.start} cannot be decoded") from None


def run_of_export(answers: list[Any]) -> dict[str, Any]:
    """Return a run of an export's answers."""
    head = next(each for each in answers if isinstance(each, ExportAnswer))
    frames = (each.entries for each in answers if isinstance(each, EntriesAnswer))
    return {**head.run, "entries": [msgspec.json.decode(entry) for frame in frames for entry in frame]}
