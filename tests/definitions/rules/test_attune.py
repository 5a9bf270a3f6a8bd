"""Attune's rules are read with all findings."""

import pytest

from stretto.definitions.data import freeze
from stretto.definitions.rules import RuleIndex, answers, judge, render
from tests.support.events import event, rule, trigger

COUNT = """
ref: nodejs_example.count_and_log
pack_ref: nodejs_example
label: "Count and Log"
trigger_ref: nodejs_example.counter
action_ref: nodejs_example.read_counter
action_params:
  counter: "{{ event.payload.counter }}"
  at: "{{ system.timestamp }}"
conditions: {}
enabled: true
"""


def test_a_rule_without_conditions_answers_every_event() -> None:
    """Its inputs are rendered."""
    read = rule(COUNT)
    sent = event({"counter": 5}, type="nodejs_example.counter")
    assert (read.ref, read.pack, read.dialect) == ("nodejs_example.count_and_log", "nodejs_example", "attune")
    assert answers(read, sent)
    assert render(read, sent).inputs == {"counter": 5, "at": "1970-01-01T00:16:40.000000Z"}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("[{field: counter, operator: equals, value: 5}]", True),
        ("[{field: event.payload.counter, operator: not_equals, value: 5}]", False),
        ("[{field: payload.tags, operator: contains, value: a}, {field: counter, operator: equals, value: 5}]", True),
        ("[{field: payload.tags, operator: contains, value: a}, {field: counter, operator: equals, value: 6}]", False),
        ("{expression: 'event.payload.counter > 4'}", True),
        ("{expression: 'event.payload.counter > 5'}", False),
        ("[]", True),
    ],
)
def test_conditions_are_fields_or_an_expression(conditions: str, expected: bool) -> None:
    """All fields must fit."""
    read = rule(COUNT.replace("conditions: {}", f"conditions: {conditions}"))
    assert answers(read, event({"counter": 5, "tags": ["a"]}, type="nodejs_example.counter")) is expected


@pytest.mark.parametrize(
    ("conditions", "codes"),
    [
        ("[{field: counter, operator: equal, value: 5}]", ["bad_choice"]),
        ("[{field: counter, operator: equals}]", ["missing_field"]),
        ("{expresion: x}", ["missing_field", "unknown_field"]),
        ("{expression: 'rule.x'}", ["unknown_name"]),
        ("5", ["wrong_type"]),
    ],
)
def test_a_mistake_is_found(conditions: str, codes: list[str]) -> None:
    """With its code."""
    assert trigger(COUNT.replace("conditions: {}", f"conditions: {conditions}"))[1] == codes


def test_parameters_of_a_trigger_are_for_its_sensor() -> None:
    """It may name the one rule that an event is for."""
    read = rule(COUNT.replace("conditions: {}", "trigger_params: {every: 5}"))
    for parameters, expected in (({}, True), ({"rule_ref": read.ref}, True), ({"rule_ref": "t.other"}, False)):
        sent = event({}, type="nodejs_example.counter", parameters=freeze(parameters))
        assert answers(read, sent) is expected
        assert all(each.held for each in judge(read, sent)) is expected
        assert RuleIndex({read.ref: read}).candidates(sent) == (read,)
