"""Does a run request's input fit the workflow's parameters?"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from stretto.definitions.data import Data, FrozenDict, compiled, freeze, object_of
from stretto.definitions.errors import InvalidInput, NotData, nearest
from stretto.definitions.model.workflow import Parameter, Workflow

MAX_PROBLEMS = 20
"""Problems told of one kind or parameter: more would take longer than anybody reads."""

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "any": (object,),
}


def bind(workflow: Workflow, inputs: Mapping[str, Any]) -> FrozenDict:
    """Return the run's parameters, frozen: what was given, else the default, else null.

    Where `inputs` of the workflow give variables their first values, what neither is given nor has a default is left
    out: they have defaults of their own. Undeclared inputs are refused or dropped, as the dialect has it.

    Raises `InvalidInput` naming every problem: unknown, missing, of the wrong type, outside enum or bounds.
    """
    if not isinstance(inputs, Mapping):
        raise InvalidInput(workflow.ref, [f"inputs are an object, not a {type(inputs).__name__}"])
    refused = workflow.semantics.undeclared_inputs == "refused"
    unknown = [name for name in inputs if name not in workflow.parameters] if refused else []
    problems = []
    for name in unknown[:MAX_PROBLEMS]:
        hint = nearest(str(name), workflow.parameters)
        problems.append(f"there is no parameter {str(name)[:100]!r}" + (f"; {hint}" if hint else ""))
    if len(unknown) > MAX_PROBLEMS:
        problems.append(f"there are {len(unknown) - MAX_PROBLEMS:,} more that there is no parameter for")
    bound: dict[str, Data] = {}
    for name, parameter in workflow.parameters.items():
        if name not in inputs:
            if parameter.required:
                problems.append(f"the parameter {name!r} is required")
            if parameter.default is not None or not workflow.inputs:
                bound[name] = parameter.default
            continue
        try:
            value = freeze(inputs[name], name)
        except NotData as error:
            problems.append(str(error))
            continue
        problems.extend(islice(problems_of(parameter, value), MAX_PROBLEMS))
        bound[name] = value
    if problems:
        raise InvalidInput(workflow.ref, problems)
    return object_of(bound)


def problems_of(parameter: Parameter, value: Data, path: str = "", *, secret: bool = False) -> Iterator[str]:
    """Yield what is wrong with a value given for a parameter; a value of (or in) a secret one is never told."""
    path = path or parameter.name
    secret = secret or parameter.secret
    if value is None:
        if parameter.required:
            yield f"the parameter {path!r} is required and cannot be null"
        return
    kinds = _KINDS[parameter.type]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and object not in kinds):
        yield f"{path!r} is of type {_kind(value)}, where {parameter.type} is expected"
        return
    if parameter.enum and not any(value == option and type(value) is type(option) for option in parameter.enum):
        found = "the value" if secret else repr(value)[:100]
        yield f"{path!r}: {found} is none of {', '.join(map(repr, parameter.enum))}"
    yield from _out_of_bounds(parameter, value, path)
    if parameter.pattern is not None and isinstance(value, str) and not compiled(parameter.pattern).search(value):
        found = "the value" if secret else repr(value)[:100]
        yield f"{path!r}: {found} does not match the pattern {parameter.pattern!r}"
    if parameter.items is not None and isinstance(value, list):
        for index, member in enumerate(value):
            yield from problems_of(parameter.items, member, f"{path}[{index}]", secret=secret)
    if isinstance(value, FrozenDict) and (parameter.properties or parameter.closed or parameter.others):
        yield from _problems_of_members(parameter, value, path, secret=secret)


def _out_of_bounds(parameter: Parameter, value: Data, path: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float | str | list | dict):
        return
    number = isinstance(value, int | float)
    measure = value if isinstance(value, int | float) else len(value)
    what = "value" if number else "length"
    if parameter.minimum is not None and measure < parameter.minimum:
        yield f"{path!r} has a {what} below {parameter.minimum:g}"
    if parameter.maximum is not None and measure > parameter.maximum:
        yield f"{path!r} has a {what} above {parameter.maximum:g}"


def _problems_of_members(parameter: Parameter, value: FrozenDict, path: str, *, secret: bool) -> Iterator[str]:
    for name, member in parameter.properties.items():
        if name in value:
            yield from problems_of(member, value[name], f"{path}.{name}", secret=secret)
        elif member.required:
            yield f"{path!r} needs the field {name!r}"
    for name in value:
        if name in parameter.properties:
            continue
        if parameter.closed:
            hint = nearest(name, parameter.properties)
            yield f"{path!r} has no field {name[:100]!r}" + (f"; {hint}" if hint else "")
        elif parameter.others is not None:
            yield from problems_of(parameter.others, value[name], f"{path}.{name[:100]}", secret=secret)


def _kind(value: Data) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kind in ("string", "integer", "number", "array", "object"):
        if isinstance(value, _KINDS[kind]):
            return kind
    return "null"
