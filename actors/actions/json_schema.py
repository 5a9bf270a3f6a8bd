"""An action's input and output as JSON Schema (2020-12), for forms, clients and tools."""

from typing import Any, Final, TypeAlias

import msgspec

from stretto.actors.actions.registry import Action
from stretto.actors.actions.schema import ANY, ActionParameter, output_type

Schema: TypeAlias = dict[str, Any]

HIDDEN: Final = frozenset({"default", "enum"})
"""The keywords that a secret input does not show."""


def input_schema(action: Action) -> Schema:
    """Return the JSON Schema of an action's input. Values of inputs that are secret as a whole are left out."""
    secrets = {fields[0] for fields in action.secret if len(fields) == 1}
    properties = {}
    for parameter in action.parameters:
        schema = _of_parameter(parameter)
        if parameter.name in secrets:
            schema = {keyword: value for keyword, value in schema.items() if keyword not in HIDDEN}
            schema["writeOnly"] = True
        properties[parameter.name] = schema
    whole: Schema = {"type": "object", "properties": properties}
    if required := [parameter.name for parameter in action.parameters if parameter.required]:
        whole["required"] = required
    return whole if action.takes_anything else whole | {"additionalProperties": False}


def output_schema(action: Action) -> Schema:
    """Return the JSON Schema of an action's result, as its pack or its function's annotation says. {} is any value."""
    if action.result is not None:
        return dict(action.result)
    kind, nullable = output_type(action.function)
    if kind == ANY:
        return {}
    return {"type": [kind, "null"] if nullable and kind != "null" else kind}


def _of_parameter(parameter: ActionParameter) -> Schema:
    schema: Schema = {}
    if parameter.type != ANY:
        schema["type"] = [parameter.type, "null"] if parameter.nullable else parameter.type
    if parameter.description:
        schema["description"] = parameter.description
    if not parameter.required:
        # A default may be any object of Python's.
        schema["default"] = msgspec.json.decode(msgspec.json.encode(parameter.default, enc_hook=str))
    if parameter.enum:
        schema["enum"] = [*parameter.enum, *([None] if parameter.nullable and None not in parameter.enum else [])]
    return schema
