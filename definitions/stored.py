"""The stored form of a definition: its source text and the metadata from elsewhere.

Reading parses the text again, so a stored definition means the same as its file.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

import msgspec

from stretto.definitions.data import freeze
from stretto.definitions.dialects import read_as_orquesta, read_with_findings
from stretto.definitions.errors import Finding, InvalidDefinition, Place, StrettoError
from stretto.definitions.model import ORQUESTA, Parameter, ParameterType, Workflow

FORM: Final = 1
"""The version of the stored form."""


class NoText(StrettoError):
    """A workflow without source text cannot be stored."""

    code = "no_definition_text"


class _Parameter(msgspec.Struct, omit_defaults=True):
    """`Parameter` field by field. `place` is file, line, column and path."""

    name: str
    type: ParameterType
    place: tuple[str, int, int, str]
    required: bool = False
    default: Any = None
    enum: list[Any] = []
    secret: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    pattern: str | None = None
    items: "_Parameter | None" = None
    properties: "dict[str, _Parameter]" = {}
    closed: bool = False
    others: "_Parameter | None" = None
    description: str = ""
    computed: str = ""


class _Stored(msgspec.Struct, omit_defaults=True):
    """A stored definition. Pack metadata may set `parameters`, `ref`, `label` and `description`."""

    form: int
    dialect: Literal["native", "orquesta"]
    file: str
    text: str
    ref: str
    label: str
    description: str
    parameters: dict[str, _Parameter]
    installed: bool = False


class _Form(msgspec.Struct):
    form: int


_FORM_DECODER = msgspec.json.Decoder(_Form)
_DECODER = msgspec.json.Decoder(_Stored)


def to_stored(workflow: Workflow) -> bytes:
    """Serialize a definition as JSON. Equal definitions give equal bytes.

    Args:
        workflow: A workflow that was read from text.

    Returns:
        The JSON bytes.

    Raises:
        NoText: The workflow has no source text.
    """
    if not workflow.text:
        raise NoText(
            f"cannot store the workflow {workflow.ref!r} because it has no source text; "
            "read its definition with read_workflow(text, file)"
        )
    return msgspec.json.encode(
        _Stored(
            form=FORM,
            dialect=_dialect_of(workflow),
            file=workflow.file,
            text=workflow.text,
            ref=workflow.ref,
            label=workflow.label,
            description=workflow.description,
            parameters=_stored_parameters(workflow.parameters),
            installed=workflow.installed,
        )
    )


def from_stored(data: bytes) -> Workflow:
    """Return the definition that `to_stored` serialized.

    Args:
        data: The bytes that `to_stored` returned.

    Returns:
        The workflow.

    Raises:
        InvalidDefinition: This version of Stretto cannot read the definition.
    """
    stored = _decoded(data)
    if stored.dialect == "orquesta":
        workflow = read_as_orquesta(stored.text, stored.file).usable()
    else:
        workflow = read_with_findings(stored.text, stored.file).usable()
    if _dialect_of(workflow) != stored.dialect:
        raise _unreadable_error(f"its dialect must be {stored.dialect}, got {_dialect_of(workflow)}", stored.file)
    completed = replace(
        workflow,
        ref=stored.ref,
        label=stored.label,
        description=stored.description,
        parameters=_parameters_of(stored.parameters),
        installed=stored.installed,
    )
    if not any(each.computed for each in completed.parameters.values()):
        return completed
    from stretto.definitions.dialects import with_computed_defaults  # noqa: PLC0415 - slow, and few need it

    return with_computed_defaults(completed)


def _decoded(data: bytes) -> _Stored:
    try:
        form = _FORM_DECODER.decode(data).form
        if form != FORM:
            raise _unreadable_error(f"its form must be {FORM}, got {form} (from another version of Stretto)")
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise _unreadable_error(f"the data is not a stored definition: {error}") from None


def _unreadable_error(problem: str, file: str = "") -> InvalidDefinition:
    place = Place(file or "a stored definition", 1, 1)
    return InvalidDefinition([Finding("unreadable_definition", f"cannot read the stored definition: {problem}", place)])


def _dialect_of(workflow: Workflow) -> Literal["native", "orquesta"]:
    return "orquesta" if workflow.semantics == ORQUESTA else "native"


def _stored_parameter(parameter: Parameter) -> _Parameter:
    place = parameter.place
    return _Parameter(
        name=parameter.name,
        type=parameter.type,
        place=(place.file, place.line, place.column, place.path),
        required=parameter.required,
        default=parameter.default,
        enum=list(parameter.enum),
        secret=parameter.secret,
        minimum=parameter.minimum,
        maximum=parameter.maximum,
        pattern=parameter.pattern,
        items=None if parameter.items is None else _stored_parameter(parameter.items),
        properties=_stored_parameters(parameter.properties),
        closed=parameter.closed,
        others=None if parameter.others is None else _stored_parameter(parameter.others),
        description=parameter.description,
        computed=parameter.computed,
    )


def _stored_parameters(parameters: Mapping[str, Parameter]) -> dict[str, _Parameter]:
    return {name: _stored_parameter(each) for name, each in parameters.items()}


def _parameters_of(stored: Mapping[str, _Parameter]) -> dict[str, Parameter]:
    return {name: _parameter_of(each) for name, each in stored.items()}


def _parameter_of(stored: _Parameter) -> Parameter:
    return Parameter(
        name=stored.name,
        type=stored.type,
        place=Place(*stored.place),
        required=stored.required,
        default=freeze(stored.default),
        enum=tuple(map(freeze, stored.enum)),
        secret=stored.secret,
        minimum=stored.minimum,
        maximum=stored.maximum,
        pattern=stored.pattern,
        items=None if stored.items is None else _parameter_of(stored.items),
        properties=_parameters_of(stored.properties),
        closed=stored.closed,
        others=None if stored.others is None else _parameter_of(stored.others),
        description=stored.description,
        computed=stored.computed,
    )
