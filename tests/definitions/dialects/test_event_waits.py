"""Tasks that wait for events: how `wait_for` is read, and what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.data import freeze
from stretto.definitions.dialects import FIELD, awaited_events, read_with_findings
from stretto.definitions.expressions import ABSENT, Constant, ObjectTemplate
from stretto.definitions.rules.payload_paths import read_path
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
        ("{event: e, match: {payload.x: [1], payload.y: {}, payload.z: null}}", "", ["wrong_type", "wrong_type"]),
        ("{event: ''}", "", ["wrong_type"]),
        (f"{{event: {'e' * 257}}}", "", ["wrong_type"]),
        (f"{{event: {'e' * 256}}}", "", []),
        ("{event: e, match: {'payload[': 1}}", "", ["bad_field"]),
        ("{event: e, match: {'payload.x[*]': 1}}", "", ["bad_field"]),
        ("{event: e, match: {event.payload.x: 1}}", "", ["bad_field"]),
        ("{event: e, match: {event.headers: 1}}", "", ["bad_field"]),
        ("{event: e, match: {\"payload.a[0]['b c']\": 1, event.headers.x-y: 1, event.id: 1}}", "", []),
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


def test_the_shorter_one_of_two_timeouts_ends_the_wait() -> None:
    """The action compares that of the wait with that of the task."""
    text = 'version: "1"\ntasks: [{name: a, timeout: 10, wait_for: {event: e, timeout: 3600}}]\n'
    task = read_with_findings(text, "x.yaml").usable().tasks["a"]
    assert isinstance(task.input, ObjectTemplate)
    shown = {name: each.value for name, each in task.input.members.items() if isinstance(each, Constant)}
    assert shown == {"event": "e", "timeout": 3600}
    assert isinstance(task.timeout, Constant)
    assert task.timeout.value == 10


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("version: 1.0\ninput: [x]\ntasks: {a: {action: core.wait_for, input: {event: <% ctx(x) %>}}}", set()),
        ("version: '1'\ntasks: [{name: a, action: core.wait_for, input: {event: f, match: {}}}]", {"f"}),
        ("version: '1'\ntasks: [{name: a, wait_for: {event: e, where: 'payload'}}]", {"e"}),
        ("version: '1'\ntasks: [{name: a, wait_for: {event: 1}}, {name: b, action: core.noop}]", set()),
        ("version: 1.0\ntasks: {a: {action: core.wait_for, input: {event: g, timeout: <% 1 %>}}}", {"g"}),
    ],
)  # fmt: skip
def test_the_types_that_a_workflow_waits_for_are_known(text: str, found: set[str]) -> None:
    """Those that its definition says."""
    assert awaited_events([read_with_findings(text, "x.yaml").usable()]) == found


@given(st.from_regex(FIELD, fullmatch=True))
def test_each_field_of_an_event_is_a_path(field: str) -> None:
    """Of one value: the index of waits reads it."""
    path = read_path(field)
    assert path is not None
    assert path.base in {"payload", "event"}
    assert path.first(freeze([])) is ABSENT


WAITS = """
ref: a.b
version: "1"
parameters: {number: {type: integer, default: 1}}
tasks:
- {name: ask-ops, action: core.noop, next: [{do: [a]}]}
- name: a
  action: core.echo
  wait_for: {inquiry: INQUIRY}
  input: {message: "{{ READ }}"}
"""


NUMBER = '"{{ parameters.number }}"'


def test_a_task_that_waits_for_an_inquiry_has_an_action_and_all_others_may_ask() -> None:
    """The number is an expression that reads it."""
    for inquiry in ("\"{{ task['ask-ops'].inquiry_id }}\"", NUMBER):
        reading = read_with_findings(
            WAITS.replace("INQUIRY", inquiry).replace("READ", "inquiry.a.response.x"), "x.yaml"
        )
        assert examine_reading(reading, None).findings == ()
        assert reading.workflow is not None
        tasks = reading.workflow.tasks
        assert (tasks["a"].action, tasks["a"].inquiry is None) == ("core.echo", False)
        assert all(task.may_ask for task in tasks.values())


@pytest.mark.parametrize("inquiry", ["0", "-1", "1.5", "some", "[]", "true", "1", "'{{ 1 }}'"])
def test_the_number_of_an_inquiry_is_read_from_the_run(inquiry: str) -> None:
    """Any other value is an error at its place: a number that is written there is of no inquiry of the run."""
    text = WAITS.replace("INQUIRY", inquiry).replace("READ", "1")
    (finding,) = examine_reading(read_with_findings(text, "x.yaml"), None).findings
    assert (finding.code, finding.place.line, finding.place.column) == ("wrong_type", 9, 23)


@pytest.mark.parametrize("read", ["inquiry.b.response", "workflow.inquiry.b.response", "inquiry['b'].id"])
def test_an_inquiry_is_read_by_the_name_of_the_task_that_waits_for_it(read: str) -> None:
    """Any other name is an error, with the nearest one."""
    (finding,) = examine_reading(
        read_with_findings(WAITS.replace("INQUIRY", NUMBER).replace("READ", read), "x.yaml"), None
    ).findings
    assert (finding.code, finding.place.line) == ("unknown_task", 10)
    assert finding.message == "no task 'b' waits for an inquiry"


def test_a_wait_for_an_inquiry_has_no_other_field() -> None:
    """It needs an action, as any task."""
    text = WAITS.replace("{inquiry: INQUIRY}", f"{{inquiry: {NUMBER}, timeout: 3}}").replace("READ", "1")
    (finding,) = examine_reading(read_with_findings(text, "x.yaml"), None).findings
    assert (finding.code, finding.place.line) == ("unknown_field", 9)
    text = WAITS.replace("INQUIRY", NUMBER).replace("  action: core.echo\n", "").replace("READ", "1")
    assert [each.code for each in examine_reading(read_with_findings(text, "x.yaml"), None).findings] == [
        "missing_field"
    ]


def test_a_name_of_attunes_inquiries_is_reported_with_what_holds_the_answer() -> None:
    """But not if it is a variable."""
    text = (
        'ref: a.b\nversion: "1"\ntasks: [{name: a, action: core.echo, input: {message: "{{ inquiry.a.response }}"}}]\n'
    )
    (finding,) = examine_reading(read_with_findings(text, "x.yaml"), None).findings
    assert finding.code == "unknown_name"
    assert "task.NAME.result.response" in finding.hint
    known = f"{text}vars: {{inquiry: {{a: {{response: 1}}}}}}\n"
    assert examine_reading(read_with_findings(known, "x.yaml"), None).findings == ()
