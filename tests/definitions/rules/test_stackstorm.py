"""StackStorm's rules are read with all findings, and decide as there."""

import pytest

from stretto.definitions.rules import Rule, answers, judge, render
from tests.support.events import event, rule, trigger
from tests.support.recording import data

WEBHOOK = """
name: "on_push"
pack: "examples"
description: "Answers a push."
enabled: yes
trigger:
  type: "core.st2.webhook"
  parameters:
    url: "/sample"
criteria:
  trigger.body.name:
    pattern: "st2"
    type: "equals"
action:
  ref: "core.local"
  parameters:
    cmd: "echo \\"{{trigger.body.name}}\\""
"""
PAYLOAD = {"body": {"name": "st2"}, "headers": {}}


def test_a_rule_of_a_webhook_answers_its_url() -> None:
    """Its name has the pack's before it, and `enabled` is YAML 1.1."""
    read = rule(WEBHOOK.replace("yes", "true"))
    assert (read.ref, read.event, read.target, read.dialect) == (
        "examples.on_push", "core.st2.webhook", "core.local", "stackstorm",
    )  # fmt: skip
    sent = event(PAYLOAD, type="core.st2.webhook", parameters=data({"url": "sample"}))
    assert answers(read, sent)
    assert render(read, sent).inputs == {"cmd": 'echo "st2"'}
    assert not answers(read, event(PAYLOAD, type="core.st2.webhook", parameters=data({"url": "other"})))
    other = event({"body": {"name": "x"}}, type="core.st2.webhook", parameters=data({"url": "sample"}))
    assert not answers(read, other)
    assert [(each.held, each.found) for each in judge(read, other)][-1] == (False, "'x'")


SEARCH = """
trigger: {{type: a.b}}
criteria:
  trigger.fields:
    type: search
    condition: {condition}
    pattern:
      item.name: {{type: equals, pattern: Status}}
      item.to: {{type: equals, pattern: Approved}}
action: {{ref: core.noop}}
"""
APPROVED = [{"name": "Status", "to": "Approved"}, {"name": "Owner", "to": "Ann"}]
HALF = [{"name": "Status", "to": "Ann"}, {"name": "Owner", "to": "Approved"}]


@pytest.mark.parametrize(
    ("condition", "fields", "expected"),
    [
        ("any", APPROVED, True), ("any", HALF, False), ("all", APPROVED, False), ("all", APPROVED[:1], True),
        ("all2any", HALF, True), ("all2any", APPROVED, False), ("any2any", APPROVED, True),
        ("any2any", [{"name": 5}], False),
        ("all", APPROVED[0], True), ("any", None, False),
    ],
)  # fmt: skip
def test_the_members_of_a_list_are_searched(condition: str, fields: object, expected: bool) -> None:
    """An object is a list of one."""
    assert answers(rule(SEARCH.format(condition=condition)), event({"fields": fields}, type="a.b")) is expected


def test_patterns_and_inputs_may_have_expressions() -> None:
    """With StackStorm's filters."""
    read = rule(
        "trigger: {type: a.b}\n"
        "criteria: {trigger.n: {type: equals, pattern: '{{ trigger.m }}'}}\n"
        "action: {ref: core.noop, parameters: {text: '{{ trigger.n | to_json_string }}', all: '{{ trigger }}'}}"
    )
    sent = event({"n": [1], "m": [1]}, type="a.b")
    assert answers(read, sent)
    assert render(read, sent).inputs == {"text": "[1]", "all": {"n": [1], "m": [1]}}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (
            "trigger: {type: a.b}\naction: {ref: a.b}\ncriteria: {trigger.a: {type: equal, pattern: 1}}",
            ["unknown_operator"],
        ),
        ("trigger: {type: a.b}\naction: {ref: a.b}\ncriteria: {a.b: {type: equals, pattern: 1}}", ["bad_criterion"]),
        ("trigger: {type: a.b}\naction: {ref: a.b}\ncriteria: {trigger.a: {type: equals}}", ["missing_pattern"]),
        (
            "trigger: {type: a.b}\naction: {ref: a.b}\ncriteria: {trigger.a: {type: regex, pattern: '(?=a)'}}",
            ["bad_pattern"],
        ),
        (
            "trigger: {type: a.b}\naction: {ref: a.b}\ncriteria: {trigger.a: {type: search, pattern: {}}}",
            ["missing_field"],
        ),
        ("trigger: {type: a.b}\naction: {ref: a.b}\ntype: {ref: backstop}", ["unsupported_field"]),
        ("trigger: {type: a.b}\naction: {ref: a.b, parameters: {x: '{{ rule.a }}'}}", ["unknown_name"]),
        ("trigger: {type: a.b}\naction: {ref: a.b}\ncontext: {}", ["ignored_field"]),
        ("trigger: {type: a.b}", ["missing_field"]),
    ],
)
def test_a_mistake_is_found(text: str, codes: list[str]) -> None:
    """With its code."""
    assert trigger(text)[1] == codes


def test_a_rule_without_its_pack_has_its_own_name() -> None:
    """Or that of its file."""
    assert rule("trigger: {type: a.b}\naction: {ref: a.b}").ref == "rule"
    read, _findings = trigger("name: x\ntrigger: {type: a.b}\naction: {ref: a.b}")
    assert isinstance(read, Rule)
    assert read.ref == "x"
