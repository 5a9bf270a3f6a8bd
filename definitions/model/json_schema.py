"""Parameters as JSON Schema (2020-12), for forms, clients and tools."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from stretto.definitions.data import thaw
from stretto.definitions.model.workflow import Parameter, Workflow

Schema: TypeAlias = dict[str, Any]

_BOUNDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "string": (("minLength", "maxLength"),),
    "integer": (("minimum", "maximum"),),
    "number": (("minimum", "maximum"),),
    "array": (("minItems", "maxItems"),),
    "object": (("minProperties", "maxProperties"),),
    "boolean": (),
    "any": (
        ("minLength", "maxLength"),
        ("minimum", "maximum"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ),
}
"""The keywords of a parameter's bounds, by its type. Each concerns values of one type only."""


def inputs_schema(workflow: Workflow) -> Schema:
    """Return the JSON Schema of a workflow's inputs.

    Defaults of secret parameters are left out, because they are secrets as well.
    """
    return parameters_schema(workflow.parameters, closed=workflow.semantics.undeclared_inputs == "refused")


def parameters_schema(parameters: Mapping[str, Parameter], *, closed: bool) -> Schema:
    """Return the JSON Schema of an object with these parameters.

    Args:
        parameters: The parameters, by name.
        closed: Whether the object has no other members.
    """
    schema: Schema = {
        "type": "object",
        "properties": {name: parameter_schema(each) for name, each in parameters.items()},
    }
    if required := [name for name, each in parameters.items() if each.required]:
        schema["required"] = required
    if closed:
        schema["additionalProperties"] = False
    return schema


def parameter_schema(parameter: Parameter, *, secret: bool = False) -> Schema:
    """Return the JSON Schema of a parameter's values. That of a secret one is `writeOnly`."""
    secret = secret or parameter.secret
    schema: Schema = {}
    if parameter.type != "any":
        schema["type"] = parameter.type if parameter.required else [parameter.type, "null"]
    if parameter.description:
        schema["description"] = parameter.description
    if secret:
        schema["writeOnly"] = True
    else:
        schema |= _of_values(parameter)
    for least, most in _BOUNDS[parameter.type]:
        if parameter.minimum is not None:
            schema[least] = _whole(parameter.minimum)
        if parameter.maximum is not None:
            schema[most] = _whole(parameter.maximum)
    if parameter.pattern is not None:
        schema["pattern"] = parameter.pattern
    return schema | _of_members(parameter, secret=secret)


def _of_values(parameter: Parameter) -> Schema:
    schema: Schema = {} if parameter.default is None else {"default": thaw(parameter.default)}
    if parameter.enum:
        options = [thaw(option) for option in parameter.enum]
        schema["enum"] = options if parameter.required else [*options, None]
    return schema


def _of_members(parameter: Parameter, *, secret: bool) -> Schema:
    schema: Schema = {} if parameter.items is None else {"items": parameter_schema(parameter.items, secret=secret)}
    if parameter.properties:
        schema["properties"] = {
            name: parameter_schema(each, secret=secret) for name, each in parameter.properties.items()
        }
        if required := [name for name, each in parameter.properties.items() if each.required]:
            schema["required"] = required
    if parameter.closed:
        schema["additionalProperties"] = False
    elif parameter.others is not None:
        schema["additionalProperties"] = parameter_schema(parameter.others, secret=secret)
    return schema


def _whole(number: float) -> float:
    """Return a whole number as an integer, which lengths have to be."""
    return int(number) if number == int(number) else number
