"""Reads Attune's rules: `trigger_ref`, `conditions`, `action_ref`, `action_params`."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Final

from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.dialects import IGNORED_FIELDS, Fields, Reader
from stretto.definitions.rules.foreign_rules import (
    SITE,
    read_comparison,
    read_field,
    read_inputs,
    read_parameters_of_trigger,
)
from stretto.definitions.rules.names import check_names
from stretto.definitions.rules.native import Condition
from stretto.definitions.rules.rule import Criterion, Rule
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode

_OPERATORS: Final[Mapping[str, str]] = {"equals": "equals", "not_equals": "nequals", "contains": "contains"}
_BASES: Final = ("event", "payload")


def read_attune_rule(reader: Reader, node: MapNode) -> Rule | None:
    """Return the rule of a document, or None if it has no trigger or no action. The reader collects the findings."""
    fields = Fields(reader, node, "the rule")
    texts = dict.fromkeys(("ref", "pack_ref", "label", "description"), "")
    for name in texts:
        for member, what in fields.given(name):
            texts[name] = reader.text(member, what) or ""
    for member, what in fields.given("tags"):
        reader.sequence(member, what)
    trigger_node, action_node = fields.require("trigger_ref"), fields.require("action_ref")
    event = None if trigger_node is None else reader.text(trigger_node, "'trigger_ref' of the rule")
    target = None if action_node is None else reader.text(action_node, "'action_ref' of the rule")
    parameters = EMPTY_OBJECT
    for member, what in fields.given("trigger_params"):
        parameters = read_parameters_of_trigger(reader, member, what)
    criteria = tuple(each for member, what in fields.given("conditions") for each in _conditions(reader, member, what))
    inputs = dict(each for member, what in fields.given("action_params") for each in read_inputs(reader, member, what))
    enabled = all(reader.boolean(member, what) for member, what in fields.given("enabled"))
    fields.finish(_explain)
    if event is None or target is None or action_node is None:
        return None
    rule = Rule(
        ref=texts["ref"] or PurePath(reader.file).stem, event=event, criteria=criteria, target=target, inputs=inputs,
        place=node.place, target_place=action_node.place, dialect="attune", parameters=parameters, enabled=enabled,
        description=texts["description"], pack=texts["pack_ref"],
    )  # fmt: skip
    check_names(reader, rule)
    return rule


def _explain(name: str) -> tuple[str, str, str] | None:
    if IGNORED_FIELDS.match(name) or name in {"meta", "metadata"}:
        return "warning", "ignored_field", f"{name!r} is known, but has no effect in Stretto"
    return None


def _conditions(reader: Reader, node: Node, what: str) -> Iterator[Criterion]:
    if isinstance(node, ListNode):
        for member in node.members:
            yield from _condition(reader, member)
        return
    mapping = reader.mapping(node, what)
    if mapping is None or not mapping.members:
        return
    fields = Fields(reader, mapping, what)
    expression = fields.require("expression")
    if expression is not None:
        condition = reader.condition(expression, f"'expression' of {what}", SITE)
        if condition is not None:
            yield Condition(condition, expression.text if isinstance(expression, ScalarNode) else "")
    fields.finish(lambda _name: None)


def _condition(reader: Reader, node: Node) -> Iterator[Criterion]:
    mapping = reader.mapping(node, "a condition")
    if mapping is None:
        return
    fields = Fields(reader, mapping, "a condition")
    field_node, operator_node = fields.require("field"), fields.require("operator")
    value = fields.require("value")
    fields.finish(lambda _name: None)
    field = None if field_node is None else reader.text(field_node, "'field' of a condition")
    operator = None if operator_node is None else reader.choice(operator_node, "'operator' of a condition", _OPERATORS)
    if field is None or operator is None or field_node is None or value is None:
        return
    path = read_field(reader, _full(field), field_node.place, _BASES)
    if path is not None:
        comparison = read_comparison(reader, path, _OPERATORS[operator], value, field_node.place)
        if comparison is not None:
            yield comparison


def _full(field: str) -> str:
    """Return the path of a field of the payload. Attune leaves out the payload's name."""
    if field.startswith("event.payload."):
        return field.removeprefix("event.")
    return field if field.split(".", 1)[0].split("[", 1)[0] in _BASES else f"payload.{field}"
