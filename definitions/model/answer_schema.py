"""The JSON Schema of an answer, read into a parameter: what an inquiry's answer must be."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast, get_args

from stretto.definitions.data import FrozenDict, compiled, freeze, object_of
from stretto.definitions.errors import Place, StrettoError, nearest, refused_choice
from stretto.definitions.model.workflow import Parameter, ParameterType

MAX_SCHEMAS: Final = 1_000
"""The schemas, one in another, that the schema of an answer has."""
_TYPES: Final = tuple(kind for kind in get_args(ParameterType) if kind != "any")
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
_ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "$comment", "title", "examples", "format", "deprecated", "position", "immutable", "readOnly"}
)
"""The keywords without effect."""
_READ: Final = frozenset(
    {
        "type", "description", "default", "enum", "const", "secret", "writeOnly", "required", "pattern", "items",
        "properties", "additionalProperties", *(word for pair in _BOUNDS.values() for word in pair),
    }
)  # fmt: skip
_KEYWORDS: Final = _READ | _ANNOTATIONS
_NOWHERE: Final = Place("", 1, 1)


class InvalidAnswerSchema(StrettoError):
    """The schema of an inquiry's answer cannot be used."""

    code = "invalid_answer_schema"


def as_object_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of an object for Attune's flat form, and any other schema as it is.

    The flat form has a schema for each member: {approved: {type: boolean, required: true}}. At least one of them says
    its type, and one has a name that is not a keyword: so no JSON Schema is read in another way.
    """
    members = schema.values()
    says_type = any(isinstance(each, Mapping) and isinstance(each.get("type"), str | list) for each in members)
    if not says_type or schema.keys() <= _KEYWORDS or not all(isinstance(each, Mapping) for each in members):
        return schema
    return object_of({"type": "object", "properties": freeze(schema)})


def read_answer_schema(schema: Any) -> Parameter:
    """Return what an answer must be.

    Besides JSON Schema's list of `required` members, each member may say `required: true`, as in StackStorm.

    Args:
        schema: The JSON Schema. It needs a type for each value whose bounds it gives.

    Raises:
        InvalidAnswerSchema: It has a keyword that is not supported, or a value that a keyword cannot have.
    """
    return _Reader().read(freeze(schema), "answer", "the schema", required=True)


def secret_values(schema: Parameter, value: Any) -> Iterator[Any]:
    """Yield the parts of an answer that its schema says are secret."""
    if schema.secret:
        yield value
    elif isinstance(value, list) and schema.items is not None:
        for member in value:
            yield from secret_values(schema.items, member)
    elif isinstance(value, dict):
        for name, member in value.items():
            known = schema.properties.get(name, schema.others)
            if known is not None:
                yield from secret_values(known, member)


class _Reader:
    """Reads a schema and those in it, as many as `MAX_SCHEMAS`."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, schema: Any, name: str, what: str, *, required: bool) -> Parameter:
        self._count += 1
        if self._count > MAX_SCHEMAS:
            raise InvalidAnswerSchema(
                f"the schema of an answer must have at most {MAX_SCHEMAS:,} schemas (MAX_SCHEMAS)"
            )
        if not isinstance(schema, FrozenDict):
            raise InvalidAnswerSchema(f"{what} must be an object, got {schema!r:.100}")
        for word in schema:
            if word not in _KEYWORDS:
                hint = nearest(word, _READ)
                raise InvalidAnswerSchema(
                    f"{what} has the keyword {word!r}, which is not supported; {hint}".rstrip("; ")
                )
        kind, nullable = self._type(schema, what)
        least, most = self._bounds(schema, kind, what)
        members = schema.get("required")
        needs = members if isinstance(members, list) else ()
        if isinstance(members, bool):
            required = members
        closed, others = self._others(schema, what)
        return Parameter(
            name=name, type=cast("ParameterType", kind), place=_NOWHERE, required=required and not nullable,
            default=schema.get("default"), enum=_enum(schema, what),
            secret=bool(schema.get("secret") or schema.get("writeOnly")), minimum=least, maximum=most,
            pattern=_pattern(schema, what),
            items=self.read(schema["items"], "", f"`items` of {what}", required=False) if "items" in schema else None,
            properties=self._properties(schema, needs, what), closed=closed, others=others,
            description=_text(schema, "description"), needed=frozenset(needs),
        )  # fmt: skip

    @staticmethod
    def _type(schema: FrozenDict, what: str) -> tuple[str, bool]:
        """Return the type of the values, and whether null is one of them."""
        given = schema.get("type")
        kinds = [given] if isinstance(given, str) else list(given) if isinstance(given, list) else []
        named = [each for each in kinds if each != "null"]
        if given is None or (kinds and not named):
            return "any", True
        if len(named) != 1 or named[0] not in _TYPES:
            if len(named) == 1 and isinstance(named[0], str):
                raise InvalidAnswerSchema(refused_choice(f"`type` of {what}", _TYPES, named[0]))
            raise InvalidAnswerSchema(f"`type` of {what} must be one of {', '.join(_TYPES)}, got {given!r:.100}")
        return str(named[0]), "null" in kinds

    @staticmethod
    def _bounds(schema: FrozenDict, kind: str, what: str) -> tuple[float | None, float | None]:
        words = _BOUNDS.get(kind, ("", ""))
        for word in (each for pair in _BOUNDS.values() for each in pair):
            if word in schema and word not in words:
                raise InvalidAnswerSchema(f"{word!r} of {what} does not apply to values of type {kind}")
        for word in words:
            value = schema.get(word)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise InvalidAnswerSchema(f"{word!r} of {what} must be a number, got {value!r:.100}")
        return cast("tuple[float | None, float | None]", (schema.get(words[0]), schema.get(words[1])))

    def _properties(self, schema: FrozenDict, needs: Any, what: str) -> dict[str, Parameter]:
        given = schema.get("properties", {})
        if not isinstance(given, dict):
            raise InvalidAnswerSchema(f"`properties` of {what} must be an object, got {given!r:.100}")
        for name in needs:
            if not isinstance(name, str) or name not in given:
                raise InvalidAnswerSchema(f"`required` of {what} names {name!r:.100}, which is not under `properties`")
        return {
            name: self.read(each, name, f"{name!r} of {what}", required=name in needs) for name, each in given.items()
        }

    def _others(self, schema: FrozenDict, what: str) -> tuple[bool, Parameter | None]:
        given = schema.get("additionalProperties", True)
        if isinstance(given, bool):
            return not given, None
        return False, self.read(given, "", f"`additionalProperties` of {what}", required=False)


def _enum(schema: FrozenDict, what: str) -> tuple[Any, ...]:
    if "const" in schema:
        return (schema["const"],)
    given = schema.get("enum", ())
    if not isinstance(given, list | tuple):
        raise InvalidAnswerSchema(f"`enum` of {what} must be a list, got {given!r:.100}")
    return tuple(given)


def _pattern(schema: FrozenDict, what: str) -> str | None:
    given = schema.get("pattern")
    if given is None:
        return None
    try:
        compiled(given)
    except (TypeError, ValueError) as error:
        raise InvalidAnswerSchema(f"`pattern` of {what} is not a valid regular expression of RE2: {error}") from None
    return str(given)


def _text(schema: FrozenDict, word: str) -> str:
    given = schema.get(word)
    return given if isinstance(given, str) else ""
