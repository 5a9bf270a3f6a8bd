"""Rules in the native form are read with all findings."""

import pytest

from stretto.definitions.rules import Rule
from tests.support.events import RULE, rule, trigger


def test_a_rule_has_its_event_its_condition_and_its_inputs() -> None:
    """Its ref is the file's stem unless it has one of its own."""
    read = rule()
    assert (read.ref, read.event, read.target, read.enabled) == ("rule", "alert", "ops.restart", True)
    assert [each.text for each in read.criteria] == ["payload.status == 'firing'"]
    assert read.fixed == ()
    assert rule(RULE + "ref: ops.on_alert\nenabled: false\n").ref == "ops.on_alert"


def test_an_event_may_stand_alone() -> None:
    """`on: NAME` has no condition."""
    read = rule("on: alert\nrun: core.echo\ninput: {message: hello}")
    assert (read.event, read.criteria, read.fixed) == ("alert", (), ("message",))


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("on: {when: 'payload.x'}\nrun: a.b", ["missing_field"]),
        ("on: {event: alert, wen: x}\nrun: a.b", ["unknown_field"]),
        ("on: alert\nrun: a.b\ninputs: {}", ["unknown_field"]),
        ("on: alert\nrun: [a]", ["wrong_type"]),
        ("on: alert\nrun: 'a b!'", ["bad_name"]),
        ("on: {event: alert, when: 'playload.x'}\nrun: a.b", ["unknown_name"]),
        ("on: {event: alert, when: 'event.paylod.x'}\nrun: a.b", ["unknown_name"]),
        ("on: alert\nrun: a.b\ninput: {x: '{{ parameters.x }}'}", ["unknown_name"]),
    ],
)
def test_a_mistake_is_found(text: str, codes: list[str]) -> None:
    """With its code."""
    assert sorted(trigger(text)[1]) == codes


def test_a_workflow_is_no_rule() -> None:
    """Also if it has a field `on`."""
    assert trigger("on: alert\nrun: x\ntasks: []") == (None, [])
    assert isinstance(trigger("on: alert\nrun: a.b")[0], Rule)
