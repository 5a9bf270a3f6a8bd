"""Recognizes the documents that are rules, webhooks or sensors, and reads them."""

from dataclasses import replace
from typing import TypeAlias

from stretto.definitions.dialects import Reader, is_trigger_document
from stretto.definitions.rules.attune import read_attune_rule
from stretto.definitions.rules.hook import Hook, read_hook
from stretto.definitions.rules.native import read_native_rule
from stretto.definitions.rules.rule import Rule
from stretto.definitions.rules.schedule_file import SCHEDULE_EVENT, due_parameters, read_native_schedule
from stretto.definitions.rules.sensor import Sensor, read_sensor
from stretto.definitions.rules.stackstorm import read_stackstorm_rule
from stretto.definitions.rules.timers import TIMERS, is_unknown_timer, read_timer, report_unknown_timer
from stretto.definitions.source import MapNode, Node

Trigger: TypeAlias = Rule | Hook | Sensor
"""A file that is not a workflow, and starts runs."""


def read_trigger(reader: Reader, root: Node | None) -> Trigger | None:
    """Return the rule, the webhook or the sensor of a document, or None. The reader collects the findings."""
    if not isinstance(root, MapNode) or not is_trigger_document(root):
        return None
    found = _read(reader, root)
    if isinstance(found, Rule | Sensor):
        what = "the sensor" if isinstance(found, Sensor) else "the rule"
        return found if reader.check_ref(found.ref, what, found.place) else None
    return found


def _read(reader: Reader, root: MapNode) -> Trigger | None:
    if "hook" in root.members:
        return read_hook(reader, root)
    if "sensor" in root.members:
        return read_sensor(reader, root)
    if "schedule" in root.members:
        return read_native_schedule(reader, root)
    if "trigger_ref" in root.members:
        return _with_timer(reader, read_attune_rule(reader, root), root, "trigger_params")
    trigger = root.members.get("trigger")
    if trigger is None:
        return read_native_rule(reader, root)
    rule = read_stackstorm_rule(reader, root)
    return _with_timer(reader, rule, trigger, "parameters") if isinstance(trigger, MapNode) else rule


def _with_timer(reader: Reader, rule: Rule | None, node: MapNode, name: str) -> Rule | None:
    """Return a rule whose trigger is a timer as one that answers its own due times; any other as it is."""
    if rule is not None and is_unknown_timer(rule.event):
        place = next(node.members[each].place for each in ("trigger_ref", "type") if each in node.members)
        report_unknown_timer(reader, rule.event, place)
        return None
    if rule is None or rule.event not in TIMERS:
        return rule
    parameters = node.members.get(name)
    if parameters is None:
        reader.error("missing_field", f"the timer {rule.event} needs the field {name!r}", node.place)
        return None
    schedule = read_timer(reader, rule.event, parameters)
    if schedule is None:
        return None
    return replace(rule, event=SCHEDULE_EVENT, parameters=due_parameters(rule.ref), schedule=schedule)
