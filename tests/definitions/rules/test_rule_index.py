"""Rules are found by the type of an event, and by a text that it must have."""

from typing import Any

import pytest

from stretto.definitions.data import freeze
from stretto.definitions.rules import Rule, RuleIndex, answers
from tests.support.events import RULE, event, rule

NATIVE = 'ref: {ref}\non: {{event: alert, when: "{when}"}}\nrun: a.b\n'
STACKSTORM = """
name: {ref}
pack: p
trigger: {{type: alert}}
criteria: {{{criteria}}}
action: {{ref: a.b}}
"""
ATTUNE = "ref: {ref}\ntrigger_ref: alert\naction_ref: a.b\nconditions: [{conditions}]\n"


def index_of(*rules: Rule) -> RuleIndex:
    return RuleIndex({each.ref: each for each in rules})


def found(index: RuleIndex, payload: Any, **given: Any) -> list[str]:
    return [each.ref for each in index.candidates(event(payload, **given))]


def test_rules_are_found_by_the_type_of_their_events() -> None:
    """A disabled one is not."""
    one, other, off = rule(), rule(RULE + "ref: other"), rule(RULE + "ref: off\nenabled: false")
    index = index_of(one, other, off)
    assert index.of("alert") == (one, other)
    assert index.of("nothing") == ()
    assert list(index.types()) == ["alert"]
    assert index.disabled("alert") == [off]
    assert index.candidates(event(type="nothing")) == ()


def test_rules_that_ask_for_a_text_of_a_parameter_are_found_by_it() -> None:
    """As schedules do, which share one type of events. They stay in the order of the rules."""
    asking = [rule(f"ref: {name}\non: alert\nrun: a.b\n") for name in ("b", "open", "a", "number")]
    for each, parameters in zip(asking, ({"url": "u"}, {}, {"url": "u"}, {"count": 1}), strict=True):
        object.__setattr__(each, "parameters", freeze(parameters))
    index = index_of(*asking)
    assert found(index, None, parameters=freeze({"url": "u"})) == ["b", "open", "a", "number"]
    assert found(index, None, parameters=freeze({"url": "v"})) == found(index, None) == ["open", "number"]


@pytest.mark.parametrize(
    "text",
    [
        NATIVE.format(ref="asks", when="payload.labels.severity == 'critical' and payload.n > 1"),
        NATIVE.format(ref="asks", when="payload.n > 1 and 'critical' == payload['labels'].severity"),
        NATIVE.format(ref="asks", when="{{ payload.labels.severity == 'critical' }}"),
        STACKSTORM.format(ref="asks", criteria="trigger.labels.severity: {type: eq, pattern: critical}"),
        ATTUNE.format(ref="asks", conditions="{field: labels.severity, operator: equals, value: critical}"),
    ],
)
def test_rules_that_ask_for_a_text_of_the_payload_are_found_by_it(text: str) -> None:
    """In each language of rules. Each event that a rule answers finds it."""
    asking = rule(text)
    index = index_of(asking)
    assert found(index, {"labels": {"severity": "critical"}, "n": 2}) == [asking.ref]
    for payload in (
        {"labels": {"severity": "low"}},
        {"labels": {"severity": 1}},
        {"labels": "critical"},
        {},
        None,
        "x",
    ):
        assert found(index, payload) == []
        assert not answers(asking, event(payload))


@pytest.mark.parametrize(
    "when",
    [
        "payload.a == 'x' or payload.b == 'y'", "payload.a != 'x'", "not payload.a == 'x'", "payload.a == 1",
        "payload.a == payload.b", "payload.a in ['x']", "payload.a | lower == 'x'", "payload.a[0] == 'x'",
        "payload == 'x'", "event.payload.a == 'x'", "payload.a == 'x' == payload.b",
    ],
)  # fmt: skip
def test_a_rule_that_may_answer_other_events_is_always_found(when: str) -> None:
    asking = rule(NATIVE.format(ref="asks", when=when))
    assert found(index_of(asking), {"a": "other"}) == ["asks"]


def test_a_criterion_that_no_text_is_known_of_is_always_compared() -> None:
    """Such as another operator, a pattern with an expression, and a path with an index."""
    for criteria in (
        "trigger.a: {type: iequals, pattern: x}",
        "trigger.a: {type: equals, pattern: '{{ st2kv.system.x }}'}",
        "'trigger.a[0]': {type: equals, pattern: x}",
        "trigger.a: {type: equals, pattern: 1}",
    ):
        asking = rule(STACKSTORM.format(ref="asks", criteria=criteria))
        assert found(index_of(asking), {"a": "other"}) == [asking.ref]
