"""Conformance cases: an outcome for each, whatever it may be."""

import json
from typing import Any

import pytest

from stretto.actors.rehearsal import Rehearsal, Rehearsed, answer, rehearser_of_cases

REHEARSER = rehearser_of_cases()
WORKFLOW = """\
version: "1"
parameters: {n: {type: integer, default: 1}}
tasks:
  - {name: a, action: core.echo, input: {message: "{{ parameters.n }}"}, retry: {count: 1, delay: 2}, next: [{do: [b]}]}
  - {name: b, action: ops.any, with_items: [x, y], input: {which: "{{ item }}"}}
output_map: {seen: "{{ task.b.result }}"}
"""
ORQUESTA = """\
version: 1.0
input: [n]
tasks:
  a:
    action: core.echo message=<% ctx(n) %>
    next:
      - when: <% failed() %>
        publish: [{got: <% result() %>}]
        do: [b]
  b: {action: core.noop}
output: [{seen: <% ctx(n) %>}, {app: "<% ctx().get(app) %>"}, {got: <% ctx(got) %>}]
"""


def outcome(case: Any, rehearser: Any = REHEARSER) -> dict[str, Any]:
    """Return the outcome of a case."""
    line = case if isinstance(case, str | bytes) else json.dumps(case)
    told: dict[str, Any] = json.loads(answer(line, rehearser))
    return told


def test_an_outcome_tells_all_that_the_run_did() -> None:
    """Times are ticks; a delay is told, and no item waits for another's."""
    told = outcome(
        {
            "workflow": WORKFLOW,
            "inputs": {"n": 7},
            "script": [
                {"task": "a", "attempt": 1, "status": "failed"},
                {"task": "b", "item": 1, "result": {"ok": True}},
            ],
        }
    )
    assert told["status"] == "succeeded"
    assert told["output"] == {"seen": [None, {"ok": True}]}
    assert told["task_sequence"] == [["a", 0], ["b", 0]]
    assert [[each["task"], each["status"], each["attempts"]] for each in told["task_results"]] == [
        ["a", "succeeded", 2],
        ["b", "succeeded", 1],
    ]
    assert told["task_results"][0]["result"] == 7
    first = {"task": "a", "route": 0, "visit": 1, "item": None, "action": "core.echo", "input": {"message": 7}}
    assert told["actions"][:2] == [{**first, "attempt": 1}, {**first, "attempt": 2, "delay": 2}]
    assert [(each["item"], each["input"]) for each in told["actions"][2:]] == [(0, {"which": "x"}), (1, {"which": "y"})]
    assert (told["errors"], told["inspection"]) == ([], None)


def test_an_orquesta_case_is_told_in_the_same_words() -> None:
    """Its own parent context is there, and its errors have their kinds."""
    told = outcome(
        {
            "workflow": ORQUESTA,
            "inputs": {"n": 7},
            "context": {"app": "given"},
            "script": [{"task": "a", "status": "failed", "result": "bad"}],
        }
    )
    assert (told["status"], told["output"]) == ("succeeded", {"seen": 7, "app": "given", "got": "bad"})
    assert told["task_sequence"][0] == ["a", 0]
    (error,) = told["errors"]
    assert (error["type"], error["task_id"], error["kind"], error["result"]) == ("error", "a", "execution", "bad")


def test_orquesta_has_an_error_of_each_failed_item_and_equal_ones_once() -> None:
    """None of their task, and none of what timed out; the native dialect tells them all."""
    text = "version: 1.0\ntasks:\n  t: {action: x.y, with: '<% list(1, 2, 3, 4) %>'}\n"
    script = [{"item": 0, "status": "timeout"}, {"item": 3, "result": 1}, {"status": "failed", "result": "bad"}]
    told = outcome({"workflow": text, "script": script})
    assert [(each["task_id"], each["result"]) for each in told["errors"]] == [("t", "bad")]
    native = 'version: "1"\ntasks: [{name: t, action: x.y, with_items: [1, 2]}]\n'
    codes = [each["code"] for each in outcome({"workflow": native, "script": script})["errors"]]
    assert codes == ["items_failed", "timed_out", "action_failed"]


def test_names_of_the_parent_context_are_known_to_the_inspection() -> None:
    """Without it they are not."""
    case = {
        "workflow": ORQUESTA.replace("ctx().get(app)", "ctx(app)"),
        "inputs": {"n": 7},
        "script": [{"task": "a", "status": "failed"}],
    }
    assert outcome({**case, "context": {"app": 1}})["status"] == "succeeded"
    assert list(outcome(case)["inspection"]) == ["context"]


def test_the_words_of_the_protocol_are_used() -> None:
    """Ours are cancelled and timed_out."""
    told = outcome(
        {
            "workflow": WORKFLOW,
            "script": [{"task": "b", "status": "timeout"}],
            "controls": [{"before_completion": 2, "request": "cancel"}],
        }
    )
    assert told["status"] == "canceled"
    alone = outcome({"workflow": 'version: "1"\ntasks: [{name: a, action: x.y}]\n', "script": [{"status": "timeout"}]})
    assert alone["task_results"][0]["status"] == "timeout"


def test_an_invalid_workflow_is_inspected() -> None:
    """Its findings are told by category, and nothing is launched."""
    told = outcome({"workflow": ORQUESTA.replace("[b]", "[nowhere]")})
    assert (told["status"], told["actions"], told["output"]) == ("invalid", [], None)
    assert [each["spec_path"] for each in told["inspection"]["semantics"]] == ["tasks.a.next[0].do"]
    assert "nowhere" in told["errors"][0]["message"]


def test_inputs_that_do_not_fit_are_refused() -> None:
    """Each problem is an error."""
    told = outcome({"workflow": WORKFLOW, "inputs": {"n": "x", "m": 1}})
    assert (told["status"], told["actions"]) == ("refused", [])
    assert [each["code"] for each in told["errors"]] == ["invalid_input"] * 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "the case is"),
        ("nonsense", "the case is"),
        ("[]", "the case is"),
        (b"\xff\xfe", ""),
        ("[" * 100_000, "the case is"),
        ({}, "workflow"),
        ({"workflow": 3}, "$.workflow"),
        ({"workflow": WORKFLOW, "script": [{"status": "good"}]}, "$.script[0].status"),
        ({"workflow": WORKFLOW, "script": [{"result": 2**70}]}, "the result of rule 1"),
        ({"workflow": WORKFLOW, "controls": [{"before_completion": 1, "request": "stop"}]}, "$.controls[0].request"),
    ],
)
def test_what_is_no_case_has_an_error_for_an_outcome(line: Any, said: str) -> None:
    """It says what is wrong, and the next case gets its answer."""
    told = outcome(line)
    assert told["status"] == "error"
    assert said in told["errors"][0]["message"]
    assert outcome({"workflow": WORKFLOW})["status"] == "succeeded"


def test_a_crash_is_an_outcome_as_well(capsys: pytest.CaptureFixture[str], restored_logging: None) -> None:
    """Whatever breaks: the error says what, and the log where."""

    class Broken:
        def perform(self, rehearsal: Rehearsal) -> Rehearsed:
            raise ZeroDivisionError(rehearsal.workflow.ref)

    told = outcome({"workflow": WORKFLOW, "name": "first"}, Broken())
    assert (told["status"], told["errors"][0]["code"]) == ("error", "internal")
    assert told["errors"][0]["message"].startswith("ZeroDivisionError: ")
