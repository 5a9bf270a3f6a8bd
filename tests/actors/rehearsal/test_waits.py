"""Rehearsed runs that wait for people and for events, with deadlines that pass."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.rehearsal import (
    Control,
    Rehearsal,
    Rehearsed,
    Rehearser,
    Rule,
    load_scripted,
    scripted_catalogue,
)
from stretto.actors.rehearsal.script import InquiryAnswer, SentEvent
from stretto.actors.rehearsal.transcript import outcome_of
from stretto.definitions.dialects import read_workflow
from tests.support.paths import DOCS

REHEARSER = Rehearser(scripted_catalogue(ActionRegistry.registered()))
ASK = """
tasks:
  - name: approve
    action: core.ask
    input: {prompt: "Deploy?", ttl: 60, users: [mira], schema: {type: object, properties: {ok: {type: boolean}}}}
    next:
      - {when: "{{ succeeded() }}", do: [deploy]}
      - {when: "{{ timed_out() }}", do: [late]}
  - {name: deploy, action: x.deploy}
  - {name: late, action: x.late}
output_map: {answer: "{{ task.approve.result.response if task.approve.result else null }}"}
"""
WAIT = """
parameters: {order: {type: integer}}
tasks:
  - name: paid
    wait_for: {event: payment, match: {payload.order: "{{ parameters.order }}"}, where: payload.amount > 5, timeout: 90}
    next:
      - {when: "{{ succeeded() }}", do: [ship]}
      - {when: "{{ timed_out() }}", do: [remind]}
  - {name: ship, action: x.ship, input: {amount: "{{ task.paid.payload.amount }}"}}
  - {name: remind, action: x.remind}
"""


def performed(tasks: str, *rules: Rule, controls: tuple[Control, ...] = (), **inputs: Any) -> Rehearsed:
    workflow = read_workflow(f'ref: ops.w\nversion: "1"\n{tasks}', "w.yaml")
    return REHEARSER.perform(Rehearsal(workflow=workflow, inputs=inputs, rules=rules, controls=controls))


def launched(rehearsed: Rehearsed) -> list[tuple[Any, ...]]:
    """Return (task, at, outcome, ended_at) of what was launched."""
    return [(each.facts.task, each.at, outcome_of(each), each.ended_at) for each in rehearsed.launches]


def answered(at: float, response: Any, by: str | None = "mira", task: str = "approve") -> Control:
    return Control(at=at, answer=InquiryAnswer(task, response, by=by))


def test_an_answer_ends_a_question_at_its_time() -> None:
    rehearsed = performed(ASK, controls=(answered(30, {"ok": True}),))
    assert (rehearsed.status, rehearsed.refused) == ("succeeded", [])
    assert rehearsed.output == {"answer": {"ok": True}}
    assert launched(rehearsed) == [("approve", 0.0, "succeeded", 30.0), ("deploy", 30.0, "succeeded", 31.0)]
    assert rehearsed.launches[0].input["prompt"] == "Deploy?"


def test_a_question_without_an_answer_times_out_after_its_ttl() -> None:
    rehearsed = performed(ASK)
    assert launched(rehearsed) == [("approve", 0.0, "timed_out", 3600.0), ("late", 3600.0, "succeeded", 3601.0)]


def test_a_question_that_lives_on_leaves_its_run_waiting() -> None:
    rehearsed = performed("tasks: [{name: approve, action: core.ask, input: {ttl: 0}}]\n")
    assert rehearsed.status == "waiting"
    assert launched(rehearsed) == [("approve", 0.0, "running", None)]


@pytest.mark.parametrize(
    ("control", "reason"),
    [
        (answered(30, {"ok": 1}), "the answer does not match the inquiry's schema"),
        (answered(30, {"ok": True}, by="noor"), "this inquiry must be answered by mira, got noor"),
        (answered(30, {}, task="deploy"), "deploy asks nothing 30 s after the start"),
        (answered(4000, {}), "approve asks nothing 4000 s after the start"),
        (Control(at=1, event=SentEvent("stretto.run_ended")), "only the engine sends events of the type"),
    ],
)
def test_a_control_that_does_not_fit_is_refused(control: Control, reason: str) -> None:
    rehearsed = performed(ASK, controls=(control,))
    (refused,) = rehearsed.refused
    assert reason in refused
    assert launched(rehearsed)[0] == ("approve", 0.0, "timed_out", 3600.0)


def test_a_rule_of_the_script_still_ends_a_question() -> None:
    rehearsed = performed(ASK, Rule(task="approve", status="failed", duration=7))
    assert launched(rehearsed) == [("approve", 0.0, "failed", 7.0)]
    assert rehearsed.unused == []


def test_a_rule_ends_some_items_and_people_answer_others() -> None:
    """Their timeouts hold for both."""
    tasks = (
        "tasks: [{name: approve, action: core.ask, with_items: [a, b, c], concurrency: 3, timeout: 50,"
        " input: {prompt: '{{ item }}'}}]\n"
    )
    rehearsed = performed(
        tasks,
        Rule(item=1, result={"response": "scripted"}),
        Rule(item=2, duration=70),
        controls=(Control(at=20, answer=InquiryAnswer("approve", {"continue": True}, item=0)),),
    )
    found = [(each.facts.item, outcome_of(each), each.ended_at) for each in rehearsed.launches]
    assert found == [(0, "succeeded", 20.0), (1, "succeeded", 1.0), (2, "timed_out", 50.0)]


def test_an_event_ends_the_wait_that_it_matches() -> None:
    """Others pass: of another order, too small, and of another type."""
    sent = [("payment", 16, 9), ("payment", 17, 1), ("refund", 17, 9), ("payment", 17, 8)]
    controls = tuple(
        Control(at=10 * (number + 1), event=SentEvent(kind, {"order": order, "amount": amount}))
        for number, (kind, order, amount) in enumerate(sent)
    )
    rehearsed = performed(WAIT, controls=controls, order=17)
    assert launched(rehearsed) == [("paid", 0.0, "succeeded", 40.0), ("ship", 40.0, "succeeded", 41.0)]
    assert rehearsed.launches[1].input == {"amount": 8}
    assert rehearsed.launches[0].end is not None
    result = rehearsed.launches[0].end.result
    assert isinstance(result, dict)
    assert result["event"] == "rehearsed-event-4"


def test_a_wait_without_its_event_times_out() -> None:
    rehearsed = performed(WAIT, order=17)
    assert launched(rehearsed) == [("paid", 0.0, "timed_out", 90.0), ("remind", 90.0, "succeeded", 91.0)]


def test_a_wait_can_be_scripted() -> None:
    rehearsed = performed(WAIT, Rule(action="core.wait_for", result={"payload": {"amount": 3}}), order=17)
    assert launched(rehearsed)[1] == ("ship", 1.0, "succeeded", 2.0)


def test_a_deadline_passes_while_a_run_waits() -> None:
    tasks = "deadline: 120\ntasks: [{name: approve, action: core.ask, input: {ttl: 0}}]\n"
    rehearsed = performed(tasks, controls=(answered(100, {"continue": True}, by=None),))
    assert rehearsed.status == "succeeded"
    rehearsed = performed(tasks, controls=(answered(130, {"continue": True}, by=None),))
    assert rehearsed.status == "failed"
    assert [error["code"] for error in rehearsed.errors] == ["run_timed_out", "cancelled"]
    assert len(rehearsed.refused) == 1


def test_a_paused_run_takes_an_answer_and_goes_on_when_it_is_resumed() -> None:
    rehearsed = performed(
        ASK,
        controls=(Control(at=10, request="pause"), answered(20, {"ok": True}), Control(at=50, request="resume")),
    )
    assert launched(rehearsed) == [("approve", 0.0, "succeeded", 20.0), ("deploy", 50.0, "succeeded", 51.0)]


def test_an_event_starts_the_runs_of_the_rules_that_answer_it(tmp_path: Path) -> None:
    """Also one that the engine itself sends: that a question was asked."""
    (tmp_path / "w.yaml").write_text(f'ref: ops.w\nversion: "1"\n{ASK}')
    (tmp_path / "page.yaml").write_text(
        'ref: ops.page\nversion: "1"\nparameters: {text: {}}\n'
        "tasks: [{name: page, action: x.page, input: {text: '{{ parameters.text }}'}}]\n"
    )
    (tmp_path / "on_question.yaml").write_text(
        "on: stretto.inquiry_asked\nrun: ops.page\ninput: {text: '{{ payload.prompt }}'}\n"
    )
    rehearser = Rehearser(load_scripted([tmp_path], ()).catalogue)
    workflow = rehearser.catalogue.find("ops.w")
    rehearsed = rehearser.perform(Rehearsal(workflow=workflow, controls=(answered(30, {"ok": True}),)))
    assert [(each.action, dict(each.input)) for each in rehearsed.launches if each.action == "x.page"] == [
        ("x.page", {"text": "Deploy?"})
    ]


@pytest.mark.parametrize(
    ("controls", "action", "given"),
    [
        (
            (answered(30, {"approved": True, "reason": "tests are green"}, task="request_approval"),),
            "ops.release",
            {"reason": "tests are green"},
        ),
        ((), "ops.give_up", {}),
    ],
)
def test_the_workflow_of_the_page_for_users_of_attune_waits_for_the_inquiry_of_its_action(
    controls: tuple[Control, ...], action: str, given: dict[str, str]
) -> None:
    """With the request that is written there. It gives up without an answer after the hour."""
    page = (DOCS / "attune.md").read_text().split("## Inquiries")[1].split("## Sensors")[0]
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (request,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    rehearsed = REHEARSER.perform(Rehearsal(
        workflow=read_workflow(text, "deploy.yaml"), inputs={"release": "1.2"}, controls=controls,
        rules=(Rule(task="request_approval", asks=json.loads(request)),),
    ))  # fmt: skip
    assert (rehearsed.status, rehearsed.refused) == ("succeeded", [])
    asks, then = rehearsed.launches
    assert (asks.input["prompt"], asks.input["assigned_to"]) == ("Deploy 1.2?", "mira")
    assert (then.action, dict(then.input)) == (action, given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"request": "pause"}, "either `before_completion` or `at`"),
        ({"request": "pause", "at": 1, "before_completion": 1}, "either `before_completion` or `at`"),
        ({"at": 1}, "one of `request`, `answer` and `event`"),
        ({"at": 1, "request": "pause", "event": SentEvent("x")}, "one of `request`, `answer` and `event`"),
        ({"at": -1, "request": "pause"}, "must be from 0 to"),
    ],
)
def test_a_control_says_once_when_it_comes_and_what_it_is(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Control(**given)


MADE = """
tasks:
  - {name: request, action: x.ask, retry: {count: 1, delay: 5}, next: [{when: "{{ succeeded() }}", do: [deploy]}]}
  - name: deploy
    action: x.deploy
    wait_for: {inquiry: "{{ task.request.inquiry_id }}"}
    input: {reason: "{{ inquiry.deploy.response.reason }}"}
    next:
      - {when: "{{ timed_out() }}", do: [late]}
  - {name: late, action: x.late}
"""
ASKS = {"id": 918, "prompt": "Deploy?", "assigned_to": "mira", "timeout_seconds": 3600}


def test_an_action_makes_the_inquiry_that_its_rule_has_and_a_task_waits_for_it() -> None:
    """On virtual time, which passes until the answer. A second attempt asks nothing more."""
    schema = {"response_schema": {"reason": {"type": "string"}}}
    rules = (
        Rule(task="request", attempt=1, status="failed", asks={**ASKS, **schema}),
        Rule(task="request", asks={**ASKS, **schema}),
    )
    rehearsed = performed(MADE, *rules, controls=(answered(600, {"reason": "green"}, task="request"),))
    assert (rehearsed.status, rehearsed.refused) == ("succeeded", [])
    assert launched(rehearsed)[-1] == ("deploy", 600.0, "succeeded", 601.0)
    assert rehearsed.launches[-1].input == {"reason": "green"}


def test_an_inquiry_of_an_action_times_out_on_virtual_time() -> None:
    """An hour after the action has asked. The task's own transition follows."""
    rehearsed = performed(MADE, Rule(task="request", asks=ASKS))
    assert rehearsed.status == "succeeded"
    assert [each.facts.task for each in rehearsed.launches] == ["request", "late"]
    assert rehearsed.launches[-1].at == 3601.0


def test_without_an_inquiry_the_task_fails_and_a_refused_one_is_told() -> None:
    """As the API would refuse it."""
    rehearsed = performed(MADE, Rule(task="request", result={"inquiry_id": 918}))
    assert (rehearsed.status, rehearsed.errors[0]["code"]) == ("failed", "inquiry_reference_invalid")
    rehearsed = performed(MADE, Rule(task="request", asks={"prompt": ""}))
    assert "'prompt' must be a text" in rehearsed.refused[0]
