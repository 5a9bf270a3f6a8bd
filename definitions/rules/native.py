"""Reads rules in the native form.

on: {event: alertmanager, when: "payload.status == 'firing'"}
run: ops.restart
input: {host: "{{ payload.commonLabels.instance }}"}
"""

from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from stretto.definitions.dialects import ACTION, Fields, Reader
from stretto.definitions.expressions import Moment, RequiredText, Scope, Site, Source, Template, required_text
from stretto.definitions.rules.names import check_names
from stretto.definitions.rules.rule import Criterion, Rule
from stretto.definitions.source import MapNode, Node, ScalarNode

if TYPE_CHECKING:
    from stretto.definitions.errors import Place

SITE: Final = Site()


class Condition:
    """A condition that is an expression. An event meets it if its value is true."""

    __slots__ = ("_required", "_template", "place", "text")

    def __init__(self, template: Template, text: str) -> None:
        self._template = template
        self.text = text
        self.place: Place = template.place
        self._required = required_text(template)

    def holds(self, scope: Scope, moment: Moment) -> bool:
        """Return whether its value is true. Raises `ExpressionError`."""
        return bool(self._template.evaluate(scope, moment))

    def found(self, scope: Scope) -> str:  # noqa: ARG002 - an expression may compare anything
        """Return ""."""
        return ""

    def required(self) -> RequiredText | None:
        """Return the text that a field must have for the expression to be true."""
        return self._required

    def expressions(self) -> tuple[Source, ...]:
        """Return the expression."""
        return tuple(self._template.expressions())


def read_native_rule(reader: Reader, node: MapNode) -> Rule | None:
    """Return the rule of a document, or None if it has no event or no target. The reader collects the findings."""
    fields = Fields(reader, node, "the rule")
    texts = dict.fromkeys(("ref", "label", "description", "version"), "")
    for name in texts:
        for member, what in fields.given(name):
            texts[name] = reader.text(member, what) or ""
    for member, what in fields.given("tags"):
        reader.sequence(member, what)
    event, criteria = _read_on(reader, fields)
    target_node = fields.require("run")
    target = None if target_node is None else read_target(reader, target_node, "'run' of the rule")
    inputs = {
        name: template for member, what in fields.given("input") for name, template in read_inputs(reader, member, what)
    }
    enabled = all(reader.boolean(member, what) for member, what in fields.given("enabled"))
    fields.finish(lambda _name: None)
    if event is None or target is None or target_node is None:
        return None
    rule = Rule(
        ref=texts["ref"] or PurePath(reader.file).stem, event=event, criteria=criteria, target=target, inputs=inputs,
        place=node.place, target_place=target_node.place, enabled=enabled, description=texts["description"],
    )  # fmt: skip
    check_names(reader, rule)
    return rule


def read_target(reader: Reader, node: Node, what: str) -> str | None:
    """Return the ref of a workflow or an action."""
    target = reader.text(node, what)
    if target is not None and not ACTION.match(target) and not target.replace("_", "").replace("-", "").isalnum():
        reader.error("bad_name", f"{what} must be the ref of a workflow or an action", node.place, found=repr(target))
        return None
    return target


def _read_on(reader: Reader, fields: Fields) -> tuple[str | None, tuple[Criterion, ...]]:
    node = fields.require("on")
    if node is None:
        return None, ()
    if isinstance(node, ScalarNode):
        return reader.text(node, "'on' of the rule"), ()
    mapping = reader.mapping(node, "'on' of the rule")
    if mapping is None:
        return None, ()
    on = Fields(reader, mapping, "'on' of the rule")
    event_node = on.require("event")
    event = None if event_node is None else reader.text(event_node, "'event' of 'on'")
    criteria: list[Criterion] = []
    for member, what in on.given("when"):
        condition = reader.condition(member, what, SITE)
        if condition is not None:
            criteria.append(Condition(condition, member.text if isinstance(member, ScalarNode) else ""))
    on.finish(lambda _name: None)
    return event, tuple(criteria)


def read_inputs(reader: Reader, node: Node, what: str) -> Iterator[tuple[str, Template]]:
    """Yield the inputs of the run, each with its name."""
    mapping = reader.mapping(node, what)
    if mapping is not None:
        for name, member in mapping.members.items():
            yield name, reader.template(member, SITE)
