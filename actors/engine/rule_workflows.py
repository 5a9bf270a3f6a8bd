"""The workflows that rules run: their targets, or a workflow of one task around an action."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stretto.actors.actions import Action
from stretto.actors.journal import Match
from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, FrozenList, encode_json
from stretto.definitions.dialects import read_as_orquesta, read_workflow
from stretto.definitions.errors import Finding, InvalidDefinition, Place
from stretto.definitions.model import CoreActions, Workflow

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue

TASK: Final = "action"
"""The name of the task that calls the action."""
_MARKS: Final = ("{{", "{%", "<%")


def workflow_of_match(match: Match, catalogue: "Catalogue") -> Workflow:
    """Return the workflow to run for a match.

    Args:
        match: The match, with its inputs.
        catalogue: The workflows and actions.

    Raises:
        UnknownWorkflow: There is no such workflow and no such action.
        InvalidDefinition: The workflow has errors, or the inputs cannot be passed to the action.
    """
    core: CoreActions = "stackstorm" if match.dialect == "stackstorm" else "stretto"
    action = None if match.target in catalogue.workflows() else catalogue.actions.find(match.target, core)
    if action is None:
        return catalogue.find_ref(match.target)
    return _around(match, action)


def _around(match: Match, action: Action) -> Workflow:
    inputs: FrozenDict = match.inputs if match.inputs is not None else EMPTY_OBJECT
    rendered = [name for name in inputs if name not in match.fixed]
    secret = {fields[0] for fields in action.secret}
    if match.dialect == "stackstorm":
        return _in_orquesta(match, inputs, rendered)
    text = encode_json(
        {
            "ref": action.ref, "label": f"{action.ref}, run by the rule {match.rule}", "version": "1",
            "parameters": {name: {"type": _type_of(inputs[name]), "secret": name in secret} for name in rendered},
            "tasks": [{"name": TASK, "action": action.ref, "input": {
                name: f"{{{{ parameters['{name}'] }}}}" if name in rendered else value for name, value in inputs.items()
            }}],
        }
    )  # fmt: skip
    return read_workflow(text.decode(), _file(match))


def _in_orquesta(match: Match, inputs: FrozenDict, rendered: list[str]) -> Workflow:
    """Return the workflow of a StackStorm rule's action, in Orquesta: core actions are StackStorm's there.

    Orquesta renders the texts of inputs. So a value with an expression is refused: it came with the event.
    """
    for name in rendered:
        if any(mark in text for text in _texts(inputs[name]) for mark in _MARKS):
            message = f"the input {name!r} has text that Orquesta would evaluate as an expression"
            raise InvalidDefinition([Finding("expression_in_value", message, Place(_file(match), 1, 1))])
    text = encode_json(
        {
            "version": 1.0, "input": rendered,
            "tasks": {TASK: {"action": match.target, "input": {
                name: f"<% ctx('{name}') %>" if name in rendered else value for name, value in inputs.items()
            }}},
        }
    )  # fmt: skip
    return replace(read_as_orquesta(text.decode(), _file(match)).usable(), ref=match.target)


def _type_of(value: Data) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = ((int, "integer"), (float, "number"), (FrozenList, "array"), (FrozenDict, "object"))
    return next((kind for types, kind in kinds if isinstance(value, types)), "string")


def _file(match: Match) -> str:
    return f"(rule {match.rule})"


def _texts(value: Data) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, FrozenDict):
        for key, member in value.items():
            yield key
            yield from _texts(member)
    elif isinstance(value, FrozenList):
        for member in value:
            yield from _texts(member)
