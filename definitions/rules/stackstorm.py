"""Reads StackStorm's rules: `trigger`, `criteria` with all its operators, `action`."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from stretto.definitions.data import EMPTY_OBJECT, FrozenDict, object_of
from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Template
from stretto.definitions.rules.criteria import Comparison, Search
from stretto.definitions.rules.event import WEBHOOK
from stretto.definitions.rules.foreign_rules import (
    key_place,
    read_comparison,
    read_field,
    read_inputs,
    read_parameters_of_trigger,
)
from stretto.definitions.rules.names import check_names
from stretto.definitions.rules.operators import CONDITIONS, SEARCH
from stretto.definitions.rules.payload_paths import PayloadPath
from stretto.definitions.rules.rule import Criterion, Rule
from stretto.definitions.source import MapNode, Node, ScalarNode

_TRIGGER: Final = ("trigger",)
_ITEM: Final = ("item",)
_NOT_ACTED_ON: Final = frozenset({"context", "metadata_file", "uid", "id"})


def read_stackstorm_rule(reader: Reader, node: MapNode) -> Rule | None:
    """Return the rule of a document, or None if it has no trigger or no action. The reader collects the findings."""
    fields = Fields(reader, node, "the rule")
    texts = dict.fromkeys(("name", "pack", "ref", "description"), "")
    for name in texts:
        for member, what in fields.given(name):
            texts[name] = reader.text(member, what) or ""
    for member, what in fields.given("tags"):
        reader.sequence(member, what)
    _check_type(reader, fields)
    event, parameters = _read_trigger(reader, fields)
    criteria = tuple(
        criterion
        for member, what in fields.given("criteria")
        if (mapping := reader.mapping(member, what)) is not None
        for criterion in _read_criteria(reader, mapping, _TRIGGER)
    )
    target, target_place, inputs = _read_action(reader, fields)
    enabled = all(reader.boolean(member, what) for member, what in fields.given("enabled"))
    fields.finish(
        lambda name: (
            ("warning", "ignored_field", f"{name!r} is known, but has no effect in Stretto")
            if name in _NOT_ACTED_ON
            else None
        )
    )
    if event is None or target is None or target_place is None:
        return None
    name = texts["name"] or PurePath(reader.file).stem
    rule = Rule(
        ref=texts["ref"] or (f"{texts['pack']}.{name}" if texts["pack"] else name), event=event, criteria=criteria,
        target=target, inputs=inputs, place=node.place, target_place=target_place, dialect="stackstorm",
        parameters=parameters, enabled=enabled, description=texts["description"], pack=texts["pack"],
    )  # fmt: skip
    check_names(reader, rule)
    return rule


def _check_type(reader: Reader, fields: Fields) -> None:
    """Report a backstop rule, which would answer what no other rule answers."""
    for member, what in fields.given("type"):
        mapping = reader.mapping(member, what)
        ref = None if mapping is None else mapping.members.get("ref")
        if isinstance(ref, ScalarNode) and ref.text == "backstop":
            reader.error("unsupported_field", "rules of the type 'backstop' are not supported", ref.place)


def _read_trigger(reader: Reader, fields: Fields) -> tuple[str | None, FrozenDict]:
    node = fields.require("trigger")
    mapping = None if node is None else reader.mapping(node, "'trigger' of the rule")
    if mapping is None:
        return None, EMPTY_OBJECT
    trigger = Fields(reader, mapping, "'trigger' of the rule")
    type_node = trigger.require("type")
    event = None if type_node is None else reader.text(type_node, "'type' of 'trigger'")
    parameters = EMPTY_OBJECT
    for member, what in trigger.given("parameters"):
        parameters = read_parameters_of_trigger(reader, member, what)
    for name in ("ref", "description"):
        trigger.take(name)
    trigger.finish(lambda _name: None)
    if event == WEBHOOK and isinstance(parameters.get("url"), str):
        parameters = object_of({**parameters, "url": str(parameters["url"]).strip("/")})
    return event, parameters


def _read_criteria(reader: Reader, node: MapNode, bases: tuple[str, ...]) -> Iterator[Criterion]:
    for name, member in node.members.items():
        place = key_place(node, name)
        mapping = reader.mapping(member, f"the criterion {name!r}")
        path = read_field(reader, name, place, bases)
        if mapping is None:
            continue
        fields = Fields(reader, mapping, f"the criterion {name!r}")
        type_node = fields.require("type")
        operator = None if type_node is None else reader.text(type_node, f"'type' of {fields.what}")
        pattern = fields.take("pattern")
        condition = next((reader.choice(each, what, CONDITIONS) for each, what in fields.given("condition")), None)
        fields.finish(lambda _name: None)
        if path is None or operator is None:
            continue
        if operator.lower() == SEARCH:
            yield from _search(reader, path, condition, pattern, place)
        elif (comparison := read_comparison(reader, path, operator.lower(), pattern, place)) is not None:
            yield comparison


def _search(
    reader: Reader, path: PayloadPath, condition: str | None, pattern: Node | None, place: Place
) -> Iterator[Criterion]:
    if condition is None:
        reader.error("missing_field", "'search' needs the field 'condition'", place, expected=", ".join(CONDITIONS))
    mapping = None if pattern is None else reader.mapping(pattern, "'pattern' of 'search'")
    if mapping is None:
        if pattern is None:
            reader.error("missing_field", "'search' needs the field 'pattern'", place)
        return
    inner = tuple(_read_criteria(reader, mapping, _ITEM))
    plain = tuple(each for each in inner if isinstance(each, Comparison))
    if len(plain) != len(inner):
        reader.error("unsupported_field", "a 'search' within a 'search' is not supported", place)
    if condition is not None:
        yield Search(path, condition, plain, place)


def _read_action(reader: Reader, fields: Fields) -> tuple[str | None, Place | None, dict[str, Template]]:
    node = fields.require("action")
    mapping = None if node is None else reader.mapping(node, "'action' of the rule")
    if mapping is None:
        return None, None, {}
    action = Fields(reader, mapping, "'action' of the rule")
    ref = action.require("ref")
    target = None if ref is None else reader.text(ref, "'ref' of 'action'")
    inputs = {
        name: template
        for member, what in action.given("parameters")
        for name, template in read_inputs(reader, member, what)
    }
    action.finish(lambda _name: None)
    return target, None if ref is None else ref.place, inputs
