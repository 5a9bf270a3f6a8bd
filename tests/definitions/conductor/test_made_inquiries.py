"""Inquiries that actions make: tasks that wait for them start with the answer, or fail without it."""

from typing import Any

import pytest

from stretto.definitions import freeze, thaw
from stretto.definitions.conductor import (
    CancelRequested,
    CannotKeep,
    IllegalTransition,
    InquiryMade,
    InquirySettled,
    PauseRequested,
    ResumeRequested,
    StartItem,
    TaskCancelRequested,
    TaskEnded,
    TaskPauseRequested,
    TaskResumeRequested,
    WaitUntil,
    plan_reuse,
)
from tests.support.driving import Drive, as_data

TEXT = """
ref: test.run
version: "1"
tasks:
- {name: request, action: chat.ask, next: [{when: "{{ succeeded() }}", do: [deploy]}]}
- name: deploy
  action: ops.release
  wait_for: {inquiry: "{{ task.request.result.inquiry_id }}"}
  input: {reason: "{{ inquiry.deploy.response.reason }}"}
  next:
  - {when: "{{ timed_out() }}", publish: [{why: "{{ result() }}"}], do: [late]}
  - {when: "{{ failed() }}", publish: [{why: "{{ result() }}"}], do: [refused]}
- {name: late, action: core.noop}
- {name: refused, action: core.noop}
vars: {why: null}
output_map: {why: "{{ workflow.why }}", inquiry: "{{ workflow.inquiry.deploy }}"}
"""
ANSWER = freeze({"reason": "green"})


def make(drive: Drive, number: int = 918, purpose: str = "", expires_at: float | None = 100.0) -> list[Any]:
    question = freeze({"prompt": "Deploy?", "users": ["mira"]})
    made = InquiryMade(
        "request", 1, 0, f"id-{number}", number, purpose, question, expires_at, drive.tick()  # type: ignore[arg-type]
    )  # fmt: skip
    return drive.on(made)


def settle(drive: Drive, status: Any = "answered", number: int = 918) -> list[Any]:
    answered = status == "answered"
    return drive.on(
        InquirySettled(number, status, drive.tick(), ANSWER if answered else None, "mira" if answered else None)
    )


def starts(commands: list[Any]) -> list[str]:
    return [each.task for each in commands if isinstance(each, StartItem)]


def outcomes(commands: list[Any]) -> dict[str, str]:
    return {each.task: each.outcome for each in commands if isinstance(each, TaskEnded)}


def test_the_task_starts_with_the_answer_and_its_context_has_it() -> None:
    """In Attune's fields. Until then nothing of it runs."""
    drive = Drive(TEXT)
    assert make(drive) == []
    assert starts(drive.completes("request", {"inquiry_id": 918})) == []
    assert (drive.conductor.task("deploy")["status"], drive.conductor.awaits_answers()) == ("awaiting", True)
    commands = settle(drive)
    (start,) = (each for each in commands if isinstance(each, StartItem))
    assert thaw(start.scope.variables["inquiry"]) == {  # type: ignore[union-attr]
        "deploy": {
            "id": 918, "status": "responded", "response": {"reason": "green"}, "assigned_to": "mira",
            "responded_by": "mira", "responded_at": "1970-01-01T00:00:03.000Z",
            "timeout_at": "1970-01-01T00:01:40.000Z",
        }
    }  # fmt: skip
    drive.completes("deploy")
    assert drive.conductor.status == "succeeded"


def test_an_answer_that_comes_before_the_task_is_reached_starts_it_at_once() -> None:
    """A person may be faster than the action."""
    drive = Drive(TEXT)
    make(drive)
    assert settle(drive) == []
    assert starts(drive.completes("request", {"inquiry_id": 918})) == ["deploy"]


@pytest.mark.parametrize(
    ("status", "outcome", "code", "follows"),
    [
        ("timed_out", "timed_out", "inquiry_timeout", "late"),
        ("cancelled", "failed", "inquiry_cancelled", "refused"),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_without_an_answer_the_task_fails_and_its_transition_follows(
    status: str, outcome: str, code: str, follows: str, early: bool
) -> None:
    """Its result is Attune's, and it runs nothing."""
    drive = Drive(TEXT)
    make(drive)
    commands = settle(drive, status) if early else []
    commands += drive.completes("request", {"inquiry_id": 918})
    commands += [] if early else settle(drive, status)
    assert (outcomes(commands)["deploy"], starts(commands)) == (outcome, [follows])
    drive.completes(follows)
    output = thaw(drive.finish.output)
    assert output["why"] == {"code": code, "inquiry_id": 918, "status": code.removeprefix("inquiry_")}
    assert output["inquiry"]["status"] == code.removeprefix("inquiry_")


@pytest.mark.parametrize("number", [7, 0, -3, True, 918.0, "918", None])
def test_a_reference_that_names_no_inquiry_of_the_run_fails_the_task(number: Any) -> None:
    """Only the number itself does."""
    drive = Drive(TEXT.replace(', inquiry: "{{ workflow.inquiry.deploy }}"', ""))
    make(drive)
    assert starts(drive.completes("request", {"inquiry_id": number})) == ["refused"]
    drive.completes("refused")
    assert thaw(drive.finish.output)["why"] == {"code": "inquiry_reference_invalid"}


def test_an_inquiry_is_settled_once_and_one_that_is_unknown_settles_nothing() -> None:
    """The first end counts."""
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    assert settle(drive, number=7) == []
    settle(drive, "timed_out")
    assert settle(drive) == []
    assert drive.conductor.inquiries_made()[918].status == "timeout"


def test_an_item_that_has_ended_makes_no_inquiry() -> None:
    """Neither does a run that fails already."""
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    with pytest.raises(IllegalTransition, match="has ended"):
        make(drive)
    drive = Drive(TEXT)
    drive.on(CancelRequested(drive.tick()))
    with pytest.raises(IllegalTransition, match="cancelling"):
        make(drive)


def test_a_paused_run_holds_the_task_until_its_resume() -> None:
    """It starts with what the context has then."""
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    drive.on(PauseRequested(drive.tick()))
    assert settle(drive) == []
    assert drive.conductor.task("deploy")["status"] == "held"
    assert starts(drive.on(ResumeRequested(drive.tick()))) == ["deploy"]


def test_a_paused_task_is_held_and_a_cancelled_one_ends() -> None:
    """As one that waits for its delay."""
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    drive.on(TaskPauseRequested("deploy", drive.tick()))
    assert settle(drive) == []
    assert starts(drive.on(TaskResumeRequested("deploy", drive.tick()))) == ["deploy"]
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    assert outcomes(drive.on(TaskCancelRequested("deploy", drive.tick())))["deploy"] == "cancelled"
    assert settle(drive) == []


def test_a_cancelled_run_waits_for_no_answer() -> None:
    """Its task is cancelled at once."""
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    assert outcomes(drive.on(CancelRequested(drive.tick())))["deploy"] == "cancelled"
    assert drive.conductor.status == "cancelled"


def test_a_delay_and_a_timeout_count_from_the_answer() -> None:
    """The wait for people takes no time of the task."""
    drive = Drive(TEXT.replace("  action: ops.release\n", "  action: ops.release\n  delay: 5\n  timeout: 7\n"))
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    (wait,) = settle(drive)
    assert isinstance(wait, WaitUntil)
    assert wait.then.at == drive.clock + 5
    (start,) = drive.on(wait.then)
    assert start.timeout == 7  # type: ignore[union-attr]


def test_a_run_waits_only_for_inquiries_that_a_task_waits_for() -> None:
    """An inquiry that no task names does not keep it from its end."""
    drive = Drive('version: "1"\ntasks: [{name: request, action: chat.ask}]')
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    assert drive.conductor.status == "succeeded"


def test_the_waits_name_the_inquiry() -> None:
    """With its id, as people know it."""
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    (wait,) = drive.conductor.waits("deploy")
    assert (wait.kind, wait.inquiry, wait.since, wait.until) == ("inquiry", "id-918", 2.0, 100.0)


def test_the_same_events_give_the_same_commands() -> None:
    """Also through a pause, a delay and several inquiries."""
    first = Drive(TEXT)
    make(first)
    make(first, 7, "other")
    first.on(PauseRequested(first.tick()))
    first.completes("request", {"inquiry_id": 918})
    settle(first, "timed_out", 7)
    first.on(ResumeRequested(first.tick()))
    settle(first)
    first.completes("deploy", {"done": True})
    second = Drive(TEXT)
    for event in first.events:
        second.on(event)
    assert list(map(as_data, first.commands)) == list(map(as_data, second.commands))
    assert second.conductor.status == "succeeded"


def test_a_rerun_in_which_a_task_would_wait_for_an_inquiry_of_the_old_run_is_refused() -> None:
    """The new run has none. If all before it runs again, it is made anew."""
    drive = Drive(TEXT)
    make(drive)
    drive.completes("request", {"inquiry_id": 918})
    settle(drive)
    drive.fails("deploy")
    drive.fails("refused")
    with pytest.raises(CannotKeep, match="'deploy' waits for an inquiry"):
        plan_reuse(drive.conductor, [], "items", chosen={"deploy": ((0, 0),)})
    plan_reuse(drive.conductor, [], "failed_tasks")
    drive = Drive(TEXT)
    drive.fails("request")
    plan_reuse(drive.conductor, [], "failed_tasks")
