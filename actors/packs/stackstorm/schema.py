"""StackStorm's schema of parameters: JSON Schema's keywords, and a few of its own."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

from jinja2 import Environment, TemplateSyntaxError

from stretto.actors.packs.stackstorm.stored_names import stored_key, stored_names, with_stored_names
from stretto.definitions.dialects import Reader, read_parameters
from stretto.definitions.errors import Finding, Place, nearest
from stretto.definitions.expressions import RESERVED_FUNCTIONS, STACKSTORM_FILTERS, Site, Template, compile_text
from stretto.definitions.model import Parameter
from stretto.definitions.source import YAML_1_1_OF_PACKS, MapNode, Node, ScalarNode, compose
from stretto.definitions.validation import references_of

PREFIX: Final = "the_parameter_"
"""The prefix, in compiled defaults, of parameters that share their name with a function of the language."""
_SITE: Final = Site(filters=STACKSTORM_FILTERS)
CONFIG: Final = "config_context"
"""The name of the pack's configuration in a default."""
_JINJA: Final = Environment(autoescape=True)
"""Used for its lexer only."""
_OWN_WORDS: Final = frozenset({"immutable", "position"})
_KNOWN: Final = frozenset(
    {
        "type", "required", "default", "enum", "secret", "description", "items", "properties", "additionalProperties",
        "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties",
        "maxProperties",
    }
)  # fmt: skip
_ASKING: Final = re.compile(r"(?:\{\{|\{%).*?(?<![\w.'\"])(action_context|st2kv|st2)\b", re.DOTALL)
"""Matches names in defaults whose values only StackStorm knows."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The contents of a schema: the parameters and StackStorm's additions.

    Attributes:
        parameters: The parameters, by name.
        computed: The defaults with expressions.
        positions: The parameters that a script takes by position.
        immutable: The parameters that a caller cannot give.
        stored: The parameters whose defaults read the key-value store.
        beyond: The parameters whose defaults only StackStorm can compute.
        written: The defaults with expressions, as they are written.
        said: The keywords that each parameter's schema has.
        place: Where the schema begins.
    """

    parameters: dict[str, Parameter] = field(default_factory=dict)
    computed: dict[str, Template] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    immutable: set[str] = field(default_factory=set)
    stored: list[str] = field(default_factory=list)
    beyond: set[str] = field(default_factory=set)
    written: dict[str, ScalarNode] = field(default_factory=dict)
    said: dict[str, frozenset[str]] = field(default_factory=dict)
    place: Place | None = None


def read_schema(reader: Reader, text: str) -> Declared | None:
    """Return the schema in a whole file, or None if the file is empty or cannot be read."""
    root = compose(text, reader.file, reader.report, YAML_1_1_OF_PACKS)
    if isinstance(root, ScalarNode) and root.value is None:
        return None
    return read_declared(reader, root, "the configuration's schema") if root is not None else None


def as_stackstorm_loads(finding: Finding) -> Finding:
    """Return a finding with the severity of StackStorm, which loads a default that its parameter does not accept."""
    return replace(finding, severity="warning") if finding.code == "bad_default" else finding


def read_declared(reader: Reader, node: Node, what: str) -> Declared:
    """Return the contents of an action's schema. The reader collects the findings."""
    declared = _read(reader, node, what)
    for name, default in declared.written.items():
        _take_computed(reader, declared, name, default)
    for name in declared.beyond:
        declared.parameters[name] = replace(declared.parameters[name], required=True)
    return declared


def read_declared_of_workflow(reader: Reader, node: Node, what: str) -> Declared:
    """Return the contents of a workflow's schema, whose parameters have their defaults with expressions."""
    declared = _read(reader, node, what)
    given = {name: default for name, default in declared.written.items() if name not in declared.immutable}
    for name in declared.written.keys() - given.keys():
        message = f"the default of {name!r} has an expression, and the parameter is immutable"
        hint = "remove `immutable`, or set the value in the workflow's `vars`"
        reader.error("computed_default", message, declared.written[name].place, hint=hint)
    if given:
        from stretto.definitions.dialects import read_computed  # noqa: PLC0415 - slow, and few need it

        read_computed(reader, declared.parameters, given)
    for name, default in given.items():
        declared.parameters[name] = replace(declared.parameters[name], computed=default.text, place=default.place)
    return declared


def _read(reader: Reader, node: Node, what: str) -> Declared:
    declared = Declared(place=node.place)
    if isinstance(node, ScalarNode) and node.value is None:
        return declared
    mapping = reader.mapping(node, what)
    if mapping is None:
        return declared
    plain = MapNode(mapping.place, {}, mapping.keys)
    for name, given in mapping.members.items():
        schema = MapNode(given.place) if isinstance(given, ScalarNode) and given.value is None else given
        if isinstance(schema, MapNode):
            _take_own_words(reader, declared, name, schema)
            declared.said[name] = frozenset(schema.members)
            plain.members[name] = _plain(reader, schema, name)
        else:
            plain.members[name] = schema
    for parameter in read_parameters(reader, plain, what):
        declared.parameters[parameter.name] = parameter
    return declared


def _take_own_words(reader: Reader, declared: Declared, name: str, node: MapNode) -> None:
    if "immutable" in node.members and reader.boolean(node.members["immutable"], f"'immutable' of {name!r}"):
        declared.immutable.add(name)
    if "position" in node.members:
        position = reader.integer(node.members["position"], f"'position' of {name!r}", 0)
        if position is not None:
            declared.positions[name] = position
    default = node.members.get("default")
    if isinstance(default, ScalarNode) and isinstance(default.value, str) and _has_expression(default.value):
        declared.written[name] = default


def _take_computed(reader: Reader, declared: Declared, name: str, default: ScalarNode) -> None:
    text = with_stored_names(default.text)
    asked = _ASKING.search(text)
    if asked is None:
        declared.computed[name] = _compiled(text, default, reader)
        if any(stored_names(text)):
            declared.stored.append(name)
        return
    message = f"the default of {name!r} reads {asked[1]!r}, which needs StackStorm"
    if name in declared.immutable:
        hint = "remove `immutable`, so that callers can give the value"
        reader.error("needs_stackstorm", message, default.place, hint=hint)
    else:
        hint = "give the value as an input in the workflow that calls the action"
        reader.warn("needs_stackstorm", message, default.place, hint=hint)
        if name in declared.parameters:
            declared.beyond.add(name)


def _compiled(text: str, node: ScalarNode, reader: Reader) -> Template:
    """Compile a default with expressions. A name shared with a function means the parameter, as in StackStorm."""
    renamed = without_functions(text)
    return compile_text(renamed, lambda offset: node.locate(min(offset, len(text))), _SITE, reader.report)


def without_functions(text: str) -> str:
    """Return a text whose expressions use the prefix for each name that is also a function's."""
    try:
        tokens = list(_JINJA.lex(text))
    except TemplateSyntaxError:
        return text
    meant = [index for index, (_line, kind, _value) in enumerate(tokens) if kind != "whitespace"]
    pieces = [value for _line, _kind, value in tokens]
    for before, index, after in zip([-1, *meant], meant, [*meant[1:], -1], strict=False):
        _line, kind, value = tokens[index]
        follows, leads = tokens[before][2] if before >= 0 else "", tokens[after][2] if after >= 0 else ""
        is_read = kind == "name" and follows not in {".", "|", "is"} and leads not in {"(", "="}
        if is_read and value in RESERVED_FUNCTIONS:
            pieces[index] = PREFIX + value
    return "".join(pieces)


def _has_expression(text: str) -> bool:
    return "{{" in text or "{%" in text


def _plain(reader: Reader, node: MapNode, name: str) -> MapNode:
    """Return a parameter's schema in known keywords. A default makes the parameter optional."""
    plain = MapNode(node.place, {}, node.keys)
    default = node.members.get("default")
    has_default = default is not None and not (isinstance(default, ScalarNode) and default.value is None)
    for word, member in node.members.items():
        computed = word == "default" and isinstance(member, ScalarNode) and _has_expression(member.text)
        if word in _OWN_WORDS or computed or (word == "required" and has_default):
            continue
        if isinstance(member, ScalarNode) and member.value is None:
            continue
        if word not in _KNOWN:
            reader.warn("not_acted_on", f"{word!r} of the parameter {name!r} is not acted on", node.keys[word])
            continue
        plain.members[word] = _nested(reader, word, member, name)
    return plain


def _nested(reader: Reader, word: str, member: Node, name: str) -> Node:
    if not isinstance(member, MapNode):
        return member
    if word in {"items", "additionalProperties"}:
        return _plain(reader, member, name)
    if word == "properties":
        plain = {
            key: _plain(reader, each, name) if isinstance(each, MapNode) else each
            for key, each in member.members.items()
        }
        return MapNode(member.place, plain, member.keys)
    return member


def check_computed(reader: Reader, declared: Declared, known: Collection[str]) -> None:
    """Report unknown names in defaults with expressions. `known` includes the runner's parameters."""
    for name, template in declared.computed.items():
        for expression in template.expressions():
            for read in sorted({reference.path[0].removeprefix(PREFIX) for reference in references_of(expression)}):
                if read not in known and read != CONFIG and stored_key(read) is None:
                    message = f"the default of {name!r} reads {read!r}, which is not a parameter"
                    reader.error("unknown_name", message, expression.place, hint=nearest(read, known))
