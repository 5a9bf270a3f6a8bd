"""Checks a run request's input against the workflow's parameters."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, compiled, freeze, object_of
from stretto.definitions.errors import InvalidInput, NotData, nearest
from stretto.definitions.expressions import RUNNING, this_thread
from stretto.definitions.model.workflow import Parameter, Workflow

MAX_PROBLEMS = 20
"""Problems to report for each parameter and for unknown names."""

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
    """Check inputs and return the run's parameters.

    A parameter's value is the input, else the default, else null. If the workflow has `inputs` of its own, which have
    their own defaults, a parameter without input and default is left out.

    Args:
        workflow: The workflow to run.
        inputs: The values by parameter name. The dialect decides whether undeclared inputs are refused or dropped.

    Returns:
        The frozen parameters.

    Raises:
        InvalidInput: Inputs are unknown, missing, of the wrong type, or outside an enum or bounds. All problems are
            listed, at most `MAX_PROBLEMS` for each parameter.
    """
    if not workflow.parameters and type(inputs) is dict and not inputs:
        return EMPTY_OBJECT
    thread = this_thread()
    try:
        RUNNING[thread] = (workflow, inputs)
        return _bound(workflow, inputs)
    finally:
        RUNNING[thread] = None


def _bound(workflow: Workflow, inputs: Mapping[str, Any]) -> FrozenDict:
    if not isinstance(inputs, Mapping):
        raise InvalidInput(workflow.ref, [f"inputs must be an object, got a {type(inputs).__name__}"])
    refused = workflow.semantics.undeclared_inputs == "refused"
    unknown = [name for name in inputs if name not in workflow.parameters] if refused else []
    problems = []
    for name in unknown[:MAX_PROBLEMS]:
        hint = nearest(str(name), workflow.parameters)
        problems.append(f"there is no parameter {str(name)[:100]!r}" + (f"; {hint}" if hint else ""))
    if len(unknown) > MAX_PROBLEMS:
        problems.append(f"{len(unknown) - MAX_PROBLEMS:,} more inputs have no parameter")
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
    """Yield the problems of a value for a parameter, without showing the values of secret parameters."""
    path = path or parameter.name
    secret = secret or parameter.secret
    if value is None:
        if parameter.required:
            yield f"the parameter {path!r} is required and cannot be null"
        return
    kinds = _KINDS[parameter.type]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and object not in kinds):
        yield f"{path!r} must be of type {parameter.type}, got {_kind(value)}"
        return
    if parameter.enum and not any(value == option and type(value) is type(option) for option in parameter.enum):
        texts = [each for each in parameter.enum if isinstance(each, str)]
        hint = nearest(value, texts) if isinstance(value, str) and not secret else ""
        given = _but_got(value, secret=secret) + (f"; {hint}" if hint else "")
        yield f"{path!r} must be one of {', '.join(map(repr, parameter.enum))}{given}"
    yield from _out_of_bounds(parameter, value, path)
    if parameter.pattern is not None and isinstance(value, str) and not compiled(parameter.pattern).search(value):
        yield f"{path!r} must match the pattern {parameter.pattern!r}{_but_got(value, secret=secret)}"
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
    measured = "be" if number else "have a length of"
    if parameter.minimum is not None and measure < parameter.minimum:
        yield f"{path!r} must {measured} at least {parameter.minimum:g}"
    if parameter.maximum is not None and measure > parameter.maximum:
        yield f"{path!r} must {measured} at most {parameter.maximum:g}"


def _problems_of_members(parameter: Parameter, value: FrozenDict, path: str, *, secret: bool) -> Iterator[str]:
    for name, member in parameter.properties.items():
        if name in value:
            yield from problems_of(member, value[name], f"{path}.{name}", secret=secret)
        elif member.required or name in parameter.needed:
            yield f"{path!r} needs the field {name!r}"
    for name in value:
        if name in parameter.properties:
            continue
        if parameter.closed:
            hint = nearest(name, parameter.properties)
            yield f"{path!r} has no field {name[:100]!r}" + (f"; {hint}" if hint else "")
        elif parameter.others is not None:
            yield from problems_of(parameter.others, value[name], f"{path}.{name[:100]}", secret=secret)


def _but_got(value: Data, *, secret: bool) -> str:
    return "" if secret else f", got {repr(value)[:100]}"


def _kind(value: Data) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kind in ("string", "integer", "number", "array", "object"):
        if isinstance(value, _KINDS[kind]):
            return kind
    return "null"
