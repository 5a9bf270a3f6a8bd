"""Tasks that wait for events: how `wait_for` is read, and what is wrong with it."""

import pytest

from stretto.definitions.dialects import read_with_findings
from stretto.definitions.expressions import ObjectTemplate
from stretto.definitions.validation import examine_reading


def codes(wait: str, others: str = "") -> list[str]:
    text = (
        'ref: a.b\nversion: "1"\nparameters: {order: {type: integer, default: 1}}\n'
        f"tasks:\n  - name: a\n    wait_for: {wait}\n{others}"
    )
    return [each.code for each in examine_reading(read_with_findings(text, "x.yaml"), None).findings]


def test_a_wait_is_the_action_of_its_task() -> None:
    """Its condition is of the task, its timeout that of the task."""
    text = """
version: "1"
tasks: [{name: a, wait_for: {event: e, match: {payload.x: 1}, where: "payload.y", timeout: 5}}]
"""
    reading = read_with_findings(text, "x.yaml")
    task = reading.usable().tasks["a"]
    assert (task.action, task.where is not None, task.timeout is not None) == ("core.wait_for", True, True)
    assert isinstance(task.input, ObjectTemplate)
    assert list(task.input.members) == ["event", "match"]


@pytest.mark.parametrize(
    ("wait", "others", "found"),
    [
        ('{event: e, match: {payload.x: "{{ parameters.order }}"}, where: "payload.x == parameters.order"}', "", []),
        ('{event: "{{ parameters.order }}", where: "event.source == \'a\' and payload.n > 1", timeout: 3.5}', "", []),
        ("{event: e}", "    timeout: 5\n", []),
        ("null", "    action: core.noop\n", []),
        ("{match: {payload.x: 1}}", "", ["missing_field"]),
        ("{event: e, matches: {payload.x: 1}}", "", ["unknown_field"]),
        ("{event: e, match: {order: 1}}", "", ["bad_field"]),
        ("{event: e, match: 1}", "", ["wrong_type"]),
        ("{event: e, timeout: 0}", "", ["wrong_type"]),
        ('{event: e, where: "payloud.x"}', "", ["unknown_name"]),
        ('{event: e, where: "payload.x ==="}', "", ["expression_syntax"]),
        ('{event: e, match: {payload.x: "{{ payload.y }}"}}', "", ["unknown_name"]),
        ("{event: e}", "    action: core.noop\n    input: {a: 1}\n", ["two_actions", "two_actions"]),
        ("{event: e}", "    with_items: [1]\n    wait: 3\n", ["unknown_field"]),
    ],
)
def test_what_is_wrong_with_a_wait(wait: str, others: str, found: list[str]) -> None:
    """Each is one finding."""
    assert codes(wait, others) == found
