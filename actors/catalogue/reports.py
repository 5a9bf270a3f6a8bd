"""Definitions and actions as plain data, for clients."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from stretto.actors.actions import Action, input_schema, output_schema
from stretto.actors.catalogue.catalogue import Catalogue
from stretto.actors.catalogue.definition import text_of
from stretto.definitions.context import Mask
from stretto.definitions.errors import Finding, InvalidDefinition, UnknownWorkflow, nearest
from stretto.definitions.model import Workflow, inputs_schema

MAX_LISTED_FINDINGS: Final = 20
"""The most findings of one definition in a list. The report of the definition has all of them."""

Sees = Callable[[str], bool]
"""Returns whether the caller sees a workflow, by its ref."""


def sees_all(_ref: str) -> bool:
    """Return True: the caller is not restricted."""
    return True


def list_definitions(catalogue: Catalogue, q: str | None = None, sees: Sees = sees_all) -> list[dict[str, Any]]:
    """Return all definitions: refused ones first, then by ref.

    Args:
        catalogue: The definitions.
        q: Only those with this text in their ref, label, description or file, in upper or lower case.
        sees: Whether the caller sees a workflow. Files without a ref are for callers without a restriction.

    Returns:
        A list of {ref, label, description, version, tags, file, usable, errors, warnings, findings}. `ref` is None for
        a file from which none could be read, `errors` and `warnings` are numbers, and `findings` has the first ones.
    """
    found = [each for each in _all_of(catalogue) if _is_seen(each, sees) and _matches(q, each)]
    found.sort(key=lambda each: (each["usable"], each["ref"] or "", each["file"]))
    for each in found:
        del each["findings"][MAX_LISTED_FINDINGS:]
    return found


def describe_definition(catalogue: Catalogue, ref: str) -> dict[str, Any]:
    """Return a definition.

    Args:
        catalogue: The definitions.
        ref: The ref of a workflow, also of one whose definition has errors.

    Returns:
        What `list_definitions` returns of it with all findings, and its `parameters` as JSON Schema, the number of its
        `tasks`, the refs that it `calls`, and the `digest` of its text. These are None for a definition with errors.

    Raises:
        UnknownWorkflow: There is no such definition.
    """
    workflow = catalogue.workflows().get(ref)
    if workflow is not None:
        return _usable(catalogue, workflow) | {
            "parameters": inputs_schema(workflow),
            "tasks": len(workflow.tasks),
            "calls": sorted(set(called_refs(workflow))),
            "digest": _digest(workflow.text),
        }
    error = _refusal_of(catalogue, ref)
    unknown = {"parameters": None, "tasks": None, "calls": None, "digest": None}
    return _refused(ref, _file_of(error), error.findings) | unknown


def workflow_of(catalogue: Catalogue, ref: str) -> Workflow:
    """Return the workflow of a ref, and of nothing else that `Catalogue.find` takes.

    Raises:
        UnknownWorkflow: There is no such definition.
        InvalidDefinition: The definition has errors.
    """
    workflow = catalogue.workflows().get(ref)
    if workflow is None:
        raise _refusal_of(catalogue, ref)
    return workflow


def definition_source(catalogue: Catalogue, ref: str) -> dict[str, Any]:
    """Return a definition's text: {ref, file, text, digest}. Defaults of secret parameters are masked.

    That of a definition with errors is read from its file.

    Raises:
        UnknownWorkflow: There is no such definition, or its file cannot be read.
        InvalidDefinition: Its file is not UTF-8 text.
    """
    workflow = catalogue.workflows().get(ref)
    if workflow is not None:
        file, text, mask = workflow.file, workflow.text, Mask(workflow.secret_defaults)
    else:
        file = _file_of(_refusal_of(catalogue, ref))
        text, mask = text_of(Path(file)), Mask()
    return {"ref": ref, "file": file, "text": mask.text(text), "digest": _digest(text)}


def list_actions(
    catalogue: Catalogue, q: str | None = None, pack: str | None = None, sees: Sees = sees_all
) -> list[dict[str, Any]]:
    """Return all actions by ref: {ref, description, pack, runner, used_by} each.

    Args:
        catalogue: The actions, and the workflows that use them.
        q: Only those with this text in their ref or description, in upper or lower case.
        pack: Only those of this pack. That of Stretto's own ones is `core`.
        sees: Whether the caller sees a workflow.
    """
    users = _users(catalogue, sees)
    return [
        report
        for ref in catalogue.actions.refs()
        if pack is None or _pack_of(ref) == pack
        if _matches(q, report := _action(catalogue.actions.get(ref), users.get(ref, [])))
    ]


def describe_action(catalogue: Catalogue, ref: str, sees: Sees = sees_all) -> dict[str, Any]:
    """Return an action: {ref, description, pack, runner, used_by, place, parameters, output}.

    `parameters` and `output` are JSON Schema.

    Raises:
        UnknownAction: There is no such action.
    """
    action = catalogue.actions.get(ref)
    return _action(action, _users(catalogue, sees).get(ref, [])) | {
        "place": action.place,
        "parameters": input_schema(action),
        "output": output_schema(action),
    }


def called_refs(workflow: Workflow) -> Iterator[str]:
    """Yield the refs that a workflow's tasks call, as far as they are fixed."""
    for task in workflow.tasks.values():
        if task.action is not None and task.action_expression is None:
            yield task.action


def _all_of(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    usable = catalogue.workflows().values()
    for workflow in usable:
        yield _usable(catalogue, workflow)
    files = {workflow.file for workflow in usable}
    refs = {_file_of(error): ref for ref, error in catalogue.refused().items()}
    for file, findings in catalogue.findings.items():
        if file not in files and any(each.severity == "error" for each in findings):  # else it is no workflow
            yield _refused(refs.get(file), file, findings)


def _usable(catalogue: Catalogue, workflow: Workflow) -> dict[str, Any]:
    return {
        "ref": workflow.ref,
        "label": workflow.label,
        "description": workflow.description,
        "version": workflow.version,
        "tags": list(workflow.tags),
        "file": workflow.file,
        "usable": True,
        **_found(catalogue.findings.get(workflow.file, ())),
    }


def _refused(ref: str | None, file: str, findings: Iterable[Finding]) -> dict[str, Any]:
    texts = {"label": "", "description": "", "version": "", "tags": []}
    return {"ref": ref, **texts, "file": file, "usable": False, **_found(findings)}


def _found(findings: Iterable[Finding]) -> dict[str, Any]:
    listed = list(findings)
    errors = sum(each.severity == "error" for each in listed)
    return {
        "errors": errors,
        "warnings": len(listed) - errors,
        "findings": [each.as_json() for each in listed],
    }


def _refusal_of(catalogue: Catalogue, ref: str) -> InvalidDefinition:
    refused = catalogue.refused()
    if ref in refused:
        return refused[ref]
    hint = nearest(ref, (*catalogue.refs(), *refused))
    raise UnknownWorkflow(f"there is no workflow {ref!r}" + (f"; {hint}" if hint else ""))


def _file_of(error: InvalidDefinition) -> str:
    return error.findings[0].place.file


def _is_seen(report: dict[str, Any], sees: Sees) -> bool:
    return sees is sees_all or (report["ref"] is not None and sees(report["ref"]))


def _matches(q: str | None, report: dict[str, Any]) -> bool:
    if q is None:
        return True
    wanted = q.casefold()
    texts = (report.get(name) for name in ("ref", "label", "description", "file"))
    return any(wanted in text.casefold() for text in texts if text)


def _users(catalogue: Catalogue, sees: Sees) -> dict[str, list[str]]:
    """Return the workflows that call each ref, sorted."""
    users: dict[str, list[str]] = {}
    for ref in filter(sees, catalogue.refs()):
        for called in set(called_refs(catalogue.workflows()[ref])):
            users.setdefault(called, []).append(ref)
    return users


def _action(action: Action, used_by: list[str]) -> dict[str, Any]:
    return {
        "ref": action.ref,
        "description": action.description,
        "pack": _pack_of(action.ref),
        "runner": action.runner,
        "isolation": action.isolation,
        "used_by": used_by,
    }


def _pack_of(ref: str) -> str:
    return ref.partition(".")[0]


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
