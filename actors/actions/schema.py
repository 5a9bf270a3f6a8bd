"""An action's parameters, read from a function's signature, annotations and docstring.

A parameter takes any value if its annotation is not a JSON type (a union of several types, a type variable, a name
that only a type checker can see). So an annotation never makes an action unusable.
"""

import inspect
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stretto.actors.actions.errors import InvalidAction

ANY: Final = "any"

# bool comes before int because bool is a subclass of int.
_TYPES: Final[tuple[tuple[type, str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (Mapping, "object"),
    (list, "array"),
    (tuple, "array"),
)
# Compared by identity: str and Mapping are subclasses of these.
_ABSTRACT_ARRAYS: Final = frozenset({Sequence, MutableSequence, Collection, Iterable})
_DOCUMENTED = re.compile(r"^(?P<indent> +)\*{0,2}(?P<name>\w+)(?: *\([^)]*\))?: *(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class ActionParameter:
    """One input of an action.

    Attributes:
        name: The keyword argument.
        type: "string", "integer", "number", "boolean", "array", "object" or "any".
        required: Whether a call must give it.
        default: The value of a call that does not give it.
        nullable: Whether null is valid.
        enum: The only valid values, or empty for no such limit.
        description: The text of the docstring's `Args:` section.
    """

    name: str
    type: str
    required: bool
    default: Any = None
    nullable: bool = False
    enum: tuple[Any, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's parameters, and whether it takes any others (**kwargs)."""

    parameters: tuple[ActionParameter, ...]
    takes_anything: bool


def read_signature(ref: str, function: Callable[..., Any]) -> Signature:
    """Return a function's parameters, or raise InvalidAction if one cannot be passed by keyword."""
    described = _parameter_descriptions(inspect.getdoc(function) or "")
    parameters = []
    takes_anything = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_anything = True
        elif parameter.kind in {parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL}:
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
            raise InvalidAction(
                f"action {ref}: the parameter {stars}{parameter.name} of {function.__qualname__} must be a keyword "
                "parameter, because inputs are passed by keyword"
            )
        else:
            parameters.append(_read_parameter(function, parameter, described.get(parameter.name, "")))
    return Signature(tuple(parameters), takes_anything)


def first_paragraph(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a function's docstring on one line."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n", 1)[0].split())


def output_type(function: Callable[..., Any]) -> tuple[str, bool]:
    """Return the JSON type that a function is annotated to return, "any" if it is not known, and whether also null."""
    annotations = getattr(inspect.unwrap(function), "__annotations__", {})
    annotation = _resolve(function, annotations.get("return", inspect.Parameter.empty))
    if annotation is types.NoneType:
        return "null", True
    kind, nullable, _ = _read_annotation(annotation)
    return kind, nullable


def _read_parameter(function: Callable[..., Any], parameter: inspect.Parameter, description: str) -> ActionParameter:
    required = parameter.default is parameter.empty
    annotation = _resolve(function, parameter.annotation)
    kind, nullable, enum = _read_annotation(annotation)
    return ActionParameter(
        name=parameter.name,
        type=kind,
        required=required,
        default=None if required else parameter.default,
        nullable=nullable or parameter.default is None,
        enum=enum,
        description=description,
    )


def _resolve(function: Callable[..., Any], annotation: Any) -> Any:
    if annotation is inspect.Parameter.empty:
        return Any
    holder = types.SimpleNamespace(__annotations__={"parameter": annotation})
    names = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return typing.get_type_hints(holder, globalns=names)["parameter"]
    except Exception:  # noqa: BLE001 - an annotation may evaluate the user's own code, which may raise anything
        return Any


def _read_annotation(annotation: Any) -> tuple[str, bool, tuple[Any, ...]]:
    """Return an annotation's JSON type, whether it allows null, and its enum."""
    if isinstance(annotation, typing.NewType):
        return _read_annotation(annotation.__supertype__)
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Union or origin is types.UnionType:
        members = [member for member in arguments if member is not types.NoneType]
        nullable = len(members) < len(arguments)
        if len(members) != 1:
            return ANY, nullable, ()
        kind, member_nullable, enum = _read_annotation(members[0])
        return kind, nullable or member_nullable, enum
    if origin is typing.Literal:
        return _read_literal(arguments)
    kind = _type_name(origin or annotation)
    return kind, kind == ANY, ()


def _read_literal(members: tuple[Any, ...]) -> tuple[str, bool, tuple[Any, ...]]:
    values = tuple(member for member in members if member is not None)
    kinds = {_type_name(type(value)) for value in values}
    return (kinds.pop() if len(kinds) == 1 else ANY), len(values) < len(members), values


def _type_name(annotation: Any) -> str:
    if not isinstance(annotation, type):
        return ANY
    for python_type, name in _TYPES:
        if issubclass(annotation, python_type):
            return name
    return "array" if annotation in _ABSTRACT_ARRAYS else ANY


def _parameter_descriptions(docstring: str) -> dict[str, str]:
    """Return {parameter: text} of the docstring's `Args:` section (Google style)."""
    lines = iter(docstring.splitlines())
    if not any(line.strip() in {"Args:", "Arguments:", "Parameters:"} for line in lines):
        return {}
    return _described(lines)


def _described(lines: Iterable[str]) -> dict[str, str]:
    described: dict[str, str] = {}
    name = indent = ""
    for line in lines:
        if not line.strip():
            continue
        if not line.startswith(" "):
            break
        match = _DOCUMENTED.match(line)
        if match and (not indent or match["indent"] == indent):
            name, indent = match["name"], match["indent"]
            described[name] = match["text"].strip()
        elif name:
            described[name] = f"{described[name]} {line.strip()}".strip()
    return described
