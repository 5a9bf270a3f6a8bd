"""Reads `parameters`, a flat schema with one entry for each parameter.

Keywords of JSON Schema are accepted as other spellings of Stretto's own. The error for an unsupported keyword says
what to write instead.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol, cast, get_args

from stretto.definitions.data import Data, compiled, freeze
from stretto.definitions.dialects.reading import NAME, NAME_RULE, Fields, Reader
from stretto.definitions.model import Parameter, ParameterType, problems_of
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode, to_data

_TYPES = tuple(kind for kind in get_args(ParameterType) if kind != "any")

BOUNDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    side: {
        side: _TYPES,
        f"{side}imum": _TYPES,
        f"{side}_length": _TYPES,
        f"{side}Length": ("string",),
        f"{side}Items": ("array",),
        f"{side}Properties": ("object",),
    }
    for side in ("min", "max")
}
"""The equivalent spellings of the two bounds, with the types that each applies to."""

ANNOTATIONS: Final = ("title", "examples", "format", "uniqueItems", "deprecated", "$comment")
"""Keywords without effect, which give warnings."""

_ANY_VALUE = "leave it out (without `type`, any value is valid)"
_INSTEAD: Final[Mapping[str, str]] = {
    "const": "write `enum` with the one value",
    "exclusiveMinimum": "write `minimum`, which allows the bound itself",
    "exclusiveMaximum": "write `maximum`, which allows the bound itself",
    "nullable": "leave it out (null is valid unless `required` is true)",
    "$ref": "write out the schema that it refers to",
    **dict.fromkeys(("oneOf", "anyOf", "allOf", "not", "if", "then", "else"), _ANY_VALUE),
    "prefixItems": "write `items`, which applies to all members",
    "contains": "write `items`, which applies to all members",
    "patternProperties": "write `additionalProperties` with the schema of the other members",
    "propertyNames": "write `properties`, and `additionalProperties: false`",
    "multipleOf": "leave it out, and let the action check it",
    "dependentRequired": "leave it out, and let the action check it",
}


class _ReadSchema(Protocol):
    """Reads the schema of one parameter."""

    def __call__(self, reader: Reader, node: Node, name: str, what: str, *, required: bool = False) -> Parameter | None:
        """Return the parameter, or None."""


def read_parameters(reader: Reader, node: Node, what: str = "'parameters' of the workflow") -> list[Parameter]:
    """Return the parameters of a flat schema. The error for a nested JSON Schema explains how to flatten it."""
    mapping = reader.mapping(node, what)
    if mapping is None:
        return []
    if isinstance(mapping.members.get("type"), ScalarNode):
        reader.error(
            "json_schema", f"{what} is a JSON Schema", mapping.keys["type"],
            expected="a flat schema of parameter names, each with its type",
            hint="move the entries of `properties` up, and write `required: true` in each required parameter",
        )  # fmt: skip
        return []
    return _flat(reader, mapping, _read)


def _flat(reader: Reader, mapping: MapNode, read: "_ReadSchema") -> list[Parameter]:
    parameters = []
    for name, member in mapping.members.items():
        if not NAME.match(name):
            reader.error(
                "bad_name",
                "the name of a parameter is invalid",
                mapping.keys[name],
                found=repr(name),
                expected=NAME_RULE,
            )
            continue
        parameter = read(reader, member, name, f"the parameter {name!r}")
        if parameter is not None:
            parameters.append(parameter)
    return parameters


def read_pack_parameters(reader: Reader, node: Node, what: str) -> list[Parameter]:
    """Return the parameters of a pack's action, or of its configuration.

    The schema is flat, or a JSON Schema of an object whose properties are the parameters. As in Attune, a parameter
    with a default need not be given, also if it is required.
    """
    mapping = reader.mapping(node, what)
    if mapping is None:
        return []
    kind = mapping.members.get("type")
    if not isinstance(kind, ScalarNode):
        return _flat(reader, mapping, _read_defaulted)
    if reader.choice(kind, f"'type' of {what}", ("object",)) is None:
        return []
    return list(_WholeSchema(reader, mapping, what).read("", required=False).properties.values())


def _read(reader: Reader, node: Node, name: str, what: str, *, required: bool = False) -> Parameter | None:
    mapping = reader.mapping(node, what)
    return None if mapping is None else _Schema(reader, mapping, what).read(name, required=required)


def _read_defaulted(reader: Reader, node: Node, name: str, what: str, *, required: bool = False) -> Parameter | None:
    mapping = reader.mapping(node, what)
    return None if mapping is None else _DefaultedSchema(reader, mapping, what).read(name, required=required)


def _read_member(reader: Reader, node: Node, name: str, what: str, *, required: bool = False) -> Parameter | None:
    mapping = reader.mapping(node, what)
    return None if mapping is None else _MemberSchema(reader, mapping, what).read(name, required=required)


class _Schema:
    """Reads the fields of a parameter."""

    def __init__(self, reader: Reader, node: MapNode, what: str) -> None:
        self._reader = reader
        self._node = node
        self._what = what
        self._fields = Fields(reader, node, what)

    def read(self, name: str, *, required: bool) -> Parameter:
        """Return the parameter. `required` means that the object around it requires it."""
        kind = self._type()
        required, members_required = self._required(required=required)
        secret = any(self._reader.boolean(member, label) for member, label in self._fields.given("secret"))
        description = next((self._reader.text(m, label) or "" for m, label in self._fields.given("description")), "")
        enum: tuple[Data, ...] = ()
        for member, label in self._fields.given("enum"):
            enum = tuple(freeze(to_data(each)) for each in self._reader.sequence(member, label))
        minimum, maximum = self._bound("min", kind), self._bound("max", kind)
        pattern = self._pattern()
        items = next((_read_member(self._reader, m, "", label) for m, label in self._fields.given("items")), None)
        properties = self._properties(members_required)
        closed, others = self._others()
        default_node = self._fields.take("default")
        default = freeze(to_data(default_node)) if default_node is not None else None
        for word in ANNOTATIONS:
            for _member, _label in self._fields.given(word):
                message = f"{word!r} of a parameter has no effect"
                self._reader.warn("ignored_field", message, self._fields.key_place(word))
        self._fields.finish(self._explain)
        parameter = Parameter(
            name=name,
            type=cast("ParameterType", kind),
            place=self._node.place,
            required=required,
            default=default,
            enum=enum,
            secret=secret,
            minimum=minimum,
            maximum=maximum,
            pattern=pattern,
            items=items,
            properties=properties,
            closed=closed,
            others=others,
            description=description,
        )
        if default_node is not None:
            self._check_default(parameter, default_node)
        return parameter

    def _type(self) -> str:
        for member, label in self._fields.given("type"):
            if isinstance(member, ListNode):
                self._reader.error(
                    "bad_choice", f"{label} is a list", member.place, expected=", ".join(_TYPES),
                    hint="write one type (null is valid unless `required` is true), or leave `type` out for any value",
                )  # fmt: skip
                return "any"
            return self._reader.choice(member, label, _TYPES) or "any"
        return "any"

    def _required(self, *, required: bool) -> tuple[bool, list[tuple[str, Node]]]:
        """Return whether the value is required, and which of its members (`required: [a]`, as in JSON Schema)."""
        for member, label in self._fields.given("required"):
            if not isinstance(member, ListNode):
                return self._reader.boolean(member, label) or required, []
            names = [(self._reader.text(each, f"a member of {label}"), each) for each in member.members]
            return required, [(name, each) for name, each in names if name is not None]
        return required, []

    def _bound(self, side: str, kind: str) -> float | None:
        earlier = ""
        bound: float | None = None
        for spelling, types in BOUNDS[side].items():
            for member, label in self._fields.given(spelling):
                place = self._fields.key_place(spelling)
                if earlier:
                    message = f"{label} has the same meaning as {earlier!r}"
                    self._reader.error("said_twice", message, place, hint="remove one of them")
                elif kind not in (*types, "any"):
                    self._reader.error(
                        "wrong_bound", f"{label} only applies to type {types[0]}", place, found=f"type {kind}",
                        hint=f"write `{side}`",
                    )  # fmt: skip
                earlier = spelling
                bound = self._reader.number(member, label)
        return bound

    def _pattern(self) -> str | None:
        for member, label in self._fields.given("pattern"):
            text = self._reader.text(member, label)
            if text is None:
                return None
            try:
                compiled(text)
            except ValueError as error:
                self._reader.error(
                    "bad_pattern", f"{label} is not a valid regular expression: {error}", member.place,
                    found=repr(text)[:100],
                    expected="RE2 syntax, which has no look-around or backreferences",
                )  # fmt: skip
                return None
            return text
        return None

    def _properties(self, required: list[tuple[str, Node]]) -> dict[str, Parameter]:
        given = next(iter(self._fields.given("properties")), None)
        mapping = self._reader.mapping(*given) if given is not None else None
        named = mapping.members if mapping is not None else {}
        for name, node in required:
            if name not in named:
                message = f"'required' of {self._what} names {name!r}, which is not under 'properties'"
                self._reader.error("unknown_property", message, node.place, hint=self._reader.nearest(name, named))
        wanted = {name for name, _ in required}
        read = {
            name: self._property(member, name, f"{name!r} of {self._what}", required=name in wanted)
            for name, member in named.items()
        }
        return {name: each for name, each in read.items() if each is not None}

    def _property(self, node: Node, name: str, what: str, *, required: bool) -> Parameter | None:
        return _read_member(self._reader, node, name, what, required=required)

    def _others(self) -> tuple[bool, Parameter | None]:
        """Return whether an object is closed to members outside `properties`, and their schema if not."""
        for member, label in self._fields.given("additionalProperties"):
            if isinstance(member, MapNode):
                return False, _read_member(self._reader, member, "", label)
            if isinstance(member, ScalarNode) and isinstance(member.value, bool):
                return not member.value, None
            self._reader.wrong_type(label, member, "true, false, or the schema of the other members")
        return False, None

    def _explain(self, name: str) -> tuple[str, str, str] | None:
        if name not in _INSTEAD:
            return None
        return "error", "unsupported_field", f"{name!r} is not supported; {_INSTEAD[name]}"

    def _check_default(self, parameter: Parameter, node: Node) -> None:
        self._warn_of_default(parameter, node)
        for problem in problems_of(parameter, parameter.default) if parameter.default is not None else ():
            self._reader.error("bad_default", f"invalid default: {problem}", node.place)

    def _warn_of_default(self, parameter: Parameter, node: Node) -> None:
        if parameter.required:
            self._reader.warn("useless_default", f"{self._what} is required, so its default is never used", node.place)


class _DefaultedSchema(_Schema):
    """Reads the fields of a parameter that is optional if it has a default."""

    def read(self, name: str, *, required: bool) -> Parameter:
        parameter = super().read(name, required=required)
        return parameter if parameter.default is None else replace(parameter, required=False)

    def _warn_of_default(self, parameter: Parameter, node: Node) -> None:
        """Warn of nothing: the default is used."""


class _WholeSchema(_Schema):
    """Reads a JSON Schema whose properties are parameters."""

    def _property(self, node: Node, name: str, what: str, *, required: bool) -> Parameter | None:
        if NAME.match(name):
            return _read_defaulted(self._reader, node, name, what, required=required)
        message = "the name of a parameter is invalid"
        self._reader.error("bad_name", message, node.place, found=repr(name), expected=NAME_RULE)
        return None


class _MemberSchema(_Schema):
    """Reads the fields of a list's members, or of an object's member."""

    def _warn_of_default(self, _parameter: Parameter, node: Node) -> None:
        self._reader.warn(
            "useless_default", f"{self._what} has a default, which is never used", node.place,
            hint="write `| default(...)` where the member is read",
        )  # fmt: skip
