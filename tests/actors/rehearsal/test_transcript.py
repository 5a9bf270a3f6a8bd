"""A rehearsal told to programs and to people."""

from typing import Any

import msgspec

from stretto.actors.actions import ActionRegistry
from stretto.actors.rehearsal import Control, Rehearsal, Rehearsed, Rehearser, Rule, scripted_catalogue
from stretto.actors.rehearsal.transcript import rehearsal_object, transcript_lines, whole
from stretto.definitions.dialects import read_workflow

TEXT = """\
ref: ops.w
version: "1"
parameters: {token: {type: string, secret: true, default: verysecret}}
vars: [{n: 1}]
tasks:
  - name: a
    action: x.y
    with_items: [p, q]
    concurrency: 1
    input: {t: "{{ parameters.token }}", i: "{{ item }}"}
    retry: {count: 1, delay: 0.5}
    next: [{publish: [{n: 2}], do: [b]}]
  - name: b
    action: x.y
    input: {text: "\\e[2J\\u2067"}
    next: [{when: "{{ workflow.n < 3 }}", publish: [{n: 3}], do: [b]}]
output_map: {n: "{{ workflow.n }}"}
"""


def performed(*rules: Rule, controls: tuple[Control, ...] = ()) -> Rehearsed:
    """Rehearse the workflow."""
    workflow = read_workflow(TEXT, "w.yaml")
    return Rehearser(scripted_catalogue(ActionRegistry({}))).perform(
        Rehearsal(workflow=workflow, rules=rules, controls=controls)
    )


def test_people_are_told_what_happened_when() -> None:
    """Tries, waits, items and visits, and the context where it changes; no secret, and nothing that moves a cursor."""
    told = list(transcript_lines("ops.w", performed(Rule(task="a", item=0, attempt=1, status="failed", result="no"))))
    assert told == [
        "rehearsal of ops.w: succeeded",
        "",
        "tasks, in the order of their start:",
        "  a: succeeded",
        "  b: succeeded",
        "  b (visit 2): succeeded",
        "",
        "actions, as they were launched:",
        '           context {"n":1}',
        '      0 s  a[0]: x.y {"t":"******","i":"p"}',
        '      1 s    failed: "no"',
        '    1.5 s  a[0] (attempt 2, after 0.5 s): x.y {"t":"******","i":"p"}',
        "    2.5 s    succeeded: null",
        '    2.5 s  a[1]: x.y {"t":"******","i":"q"}',
        "    3.5 s    succeeded: null",
        '           context {"n":2}',
        '    3.5 s  b: x.y {"text": "\\u001b[2J\\u2067"}',
        "    4.5 s    succeeded: null",
        '           context {"n":3}',
        '    4.5 s  b: x.y {"text": "\\u001b[2J\\u2067"}',
        "    5.5 s    succeeded: null",
    ]


def test_a_long_value_is_cut_for_people_only() -> None:
    """Programs get all of it."""
    rehearsed = performed(Rule(result="x" * 1000))
    assert max(map(len, transcript_lines("ops.w", rehearsed))) < 400
    assert len(rehearsal_object("ops.w", rehearsed)["actions"][0]["result"]) == 1000


def test_programs_are_told_everything_as_one_object() -> None:
    """Rules are counted from 1 there."""
    rehearsed = performed(Rule(task="b", visit=1), Rule(task="c"), controls=(Control(9, "pause"),))
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(rehearsal_object("ops.w", rehearsed)))
    assert (told["workflow"], told["status"], told["output"], told["errors"]) == ("ops.w", "succeeded", {"n": 3}, [])
    assert [(each["task"], each["visit"]) for each in told["sequence"]] == [("a", 1), ("b", 1), ("b", 2)]
    assert told["unused_rules"] == [2]
    assert len(told["refused_requests"]) == 1
    assert told["actions"][0] == {
        "task": "a", "action": "x.y", "input": {"t": "******", "i": "p"}, "item": 0, "visit": 1, "attempt": 1,
        "route": 0, "delay": 0, "workflow": "ops.w", "context": {"n": 1}, "started_at": 0, "ended_at": 1,
        "outcome": "succeeded", "result": None,
    }  # fmt: skip


def test_whole_seconds_are_told_as_integers() -> None:
    """Others as they are."""
    assert [repr(whole(seconds)) for seconds in (2.0, 2.5, 0.0)] == ["2", "2.5", "0"]
