"""Requests to a single task: cancel, pause and resume, in both dialects."""

import pytest

from stretto.definitions.conductor import (
    CancelItem,
    HoldItems,
    IllegalTransition,
    ItemPaused,
    ItemsHeld,
    ResumeItems,
    RetryDue,
    StartItem,
    TaskCancelRequested,
    TaskPauseRequested,
    TaskResumeRequested,
    TaskTimedOut,
    UnknownTask,
    WaitUntil,
    WithdrawItems,
)
from tests.support.driving import Drive, failed

FAN = """
ref: test.run
tasks:
  - {name: fan, action: a.b, with_items: [1, 2, 3, 4], concurrency: 2, next: [{when: "{{ succeeded() }}", do: [after]}]}
  - {name: after, action: a.b}
  - {name: other, action: a.b}
"""
ALONE = """
ref: test.run
tasks:
  - {name: only, action: a.b, with_items: [1, 2, 3], concurrency: 3, retry: {count: 1, delay: 5}}
"""
ORQUESTA = """
version: 1.0
tasks:
  one: {action: a.b, next: [{when: "<% succeeded() %>", do: two}]}
  two: {action: a.b}
"""
DELAYED = """
version: 1.0
tasks:
  one: {action: a.b, delay: 60, retry: {count: 3, when: "<% completed() %>"}}
"""


def starts(commands: object) -> list[tuple[str, int]]:
    return [(each.task, each.index) for each in commands if isinstance(each, StartItem)]  # type: ignore[attr-defined]


def pause(drive: Drive, task: str) -> list[object]:
    return [*drive.on(TaskPauseRequested(task, drive.tick()))]


def resume(drive: Drive, task: str) -> list[object]:
    return [*drive.on(TaskResumeRequested(task, drive.tick()))]


def cancel(drive: Drive, task: str) -> list[object]:
    return [*drive.on(TaskCancelRequested(task, drive.tick()))]


def status(drive: Drive, task: str) -> str:
    found: str = drive.conductor.tasks()[task]["status"]
    return found


@pytest.mark.parametrize("action", ["core.ask", "core.wait_for"])
def test_a_task_that_only_waits_is_paused_at_once(action: str) -> None:
    """No code of it runs. An answer still ends its item, and what follows is held."""
    drive = Drive(ALONE.replace("action: a.b, with_items: [1, 2, 3], concurrency: 3", f"action: {action}"))
    pause(drive, "only")
    assert (status(drive, "only"), drive.conductor.status) == ("paused", "running")
    resume(drive, "only")
    assert status(drive, "only") == "running"
    pause(drive, "only")
    drive.completes("only")
    assert drive.conductor.status == "succeeded"


def test_a_paused_task_starts_nothing_and_others_go_on() -> None:
    """It is pausing until its running items have ended."""
    drive = Drive(FAN)
    assert pause(drive, "fan") == [HoldItems("fan", 1)]
    assert (status(drive, "fan"), status(drive, "other")) == ("pausing", "running")
    assert starts(drive.completes("fan", index=0)) == []
    assert starts(drive.completes("fan", index=1)) == []
    assert (status(drive, "fan"), drive.conductor.status) == ("paused", "running")
    drive.completes("other")
    assert drive.conductor.status == "paused", "nothing else is left"
    assert starts(resume(drive, "fan")) == [("fan", 2), ("fan", 3)]
    assert (status(drive, "fan"), drive.conductor.status) == ("running", "running")


def test_items_that_had_not_started_are_held_and_start_at_the_resume() -> None:
    """In the same attempt, and they are not in flight meanwhile."""
    drive = Drive(FAN)
    pause(drive, "fan")
    drive.on(ItemsHeld("fan", 1, (1,), drive.tick()))
    drive.completes("fan", index=0)
    assert status(drive, "fan") == "paused"
    assert [(each.task, each.index) for each in drive.conductor.outstanding()] == [("other", 0)]
    assert {each.kind for each in drive.conductor.waits("fan")} == {"task_paused", "held"}
    assert starts(resume(drive, "fan")) == [("fan", 1), ("fan", 2)]
    assert drive.attempts["fan", 1] == 1


def test_a_resume_of_the_run_resumes_its_tasks() -> None:
    """Also if the run itself goes on."""
    drive = Drive(FAN)
    pause(drive, "fan")
    drive.completes("fan", index=0)
    assert starts(drive.resume()) == [("fan", 2)]


def test_a_retry_that_comes_due_waits_for_the_resume() -> None:
    """The item keeps its place in the window."""
    drive = Drive(ALONE)
    (timer,) = [each.then for each in drive.fails("only", 0) if isinstance(each, WaitUntil)]
    assert isinstance(timer, RetryDue)
    pause(drive, "only")
    assert drive.due(timer) == []
    assert starts(resume(drive, "only")) == [("only", 0)]
    assert drive.attempts["only", 0] == 2


def test_sub_workflows_of_a_task_are_paused_and_resumed_with_it() -> None:
    """The task is pausing until they are paused."""
    drive = Drive(FAN)
    pause(drive, "fan")
    drive.on(ItemPaused("fan", 1, 0, drive.tick()))
    assert status(drive, "fan") == "pausing"
    drive.completes("fan", index=1)
    assert status(drive, "fan") == "paused"
    assert ResumeItems("fan", 1) in resume(drive, "fan")


def test_a_paused_task_does_not_keep_a_run_from_its_cancellation() -> None:
    """What it held never starts."""
    drive = Drive(ALONE)
    pause(drive, "only")
    drive.on(ItemsHeld("only", 1, (0, 1, 2), drive.tick()))
    assert drive.conductor.status == "paused"
    drive.cancel()
    assert (drive.finish.status, drive.ended("only").outcome) == ("cancelled", "cancelled")


def test_a_cancelled_task_stops_its_items_and_ends_cancelled() -> None:
    """It is cancelling until they have ended; a native run goes on as after a failure."""
    drive = Drive(FAN)
    commands = cancel(drive, "fan")
    assert commands == [WithdrawItems("fan", 1), CancelItem("fan", 1, 0), CancelItem("fan", 1, 1)]
    assert status(drive, "fan") == "cancelling"
    drive.withdraws("fan", 1)
    drive.fails("fan", 0, failed("cancelled", retryable=False))
    assert drive.ended("fan").outcome == "cancelled"
    drive.completes("other")
    assert drive.finish.status == "failed"


def test_a_task_that_is_cancelled_is_not_retried() -> None:
    """Neither an item of it that fails by itself, nor the wait for a retry."""
    drive = Drive(ALONE)
    drive.fails("only", 0)
    cancel(drive, "only")
    drive.fails("only", 1)
    drive.fails("only", 2)
    assert drive.finish.status == "failed"
    assert drive.ended("only").outcome == "cancelled"


def test_a_cancelled_task_cancels_an_orquesta_run() -> None:
    """As an action does that is cancelled from outside."""
    drive = Drive(ORQUESTA)
    cancel(drive, "one")
    drive.completes("one", outcome="cancelled")
    assert drive.finish.status == "cancelled"


def test_a_delayed_task_is_cancelled_at_once() -> None:
    """Its `retry` starts it no more."""
    drive = Drive(DELAYED)
    cancel(drive, "one")
    assert drive.finish.status == "cancelled"


def test_cancelling_a_paused_task_lets_the_run_go_on() -> None:
    """The run was paused because the task was."""
    drive = Drive(FAN)
    pause(drive, "fan")
    for index in (0, 1):
        drive.completes("fan", index=index)
    drive.completes("other")
    assert drive.conductor.status == "paused"
    cancel(drive, "fan")
    assert drive.finish.status == "failed"


@pytest.mark.parametrize(
    ("ask", "task", "message"),
    [
        (pause, "after", "cannot pause the task 'after': it is not running"),
        (resume, "after", "cannot resume the task 'after': it is not running"),
        (cancel, "after", "cannot cancel the task 'after': it is not running"),
        (cancel, "fam", "there is no task 'fam' in test.run; did you mean 'fan'"),
    ],
)
def test_a_request_to_a_task_that_is_not_running_is_refused(ask: object, task: str, message: str) -> None:
    """With the nearest name if there is no such task."""
    drive = Drive(FAN)
    with pytest.raises((IllegalTransition, UnknownTask)) as refused:
        ask(drive, task)  # type: ignore[operator]
    assert str(refused.value).startswith(message)


def test_a_task_of_a_paused_run_is_neither_paused_nor_resumed() -> None:
    """Only the run can be resumed."""
    drive = Drive(FAN)
    drive.pause()
    for ask in (pause, resume):
        with pytest.raises(IllegalTransition, match="paused"):
            ask(drive, "fan")


def test_one_visit_of_a_task_is_cancelled_alone() -> None:
    """Another one that runs beside it goes on."""
    drive = Drive("""
ref: test.run
tasks:
  - {name: one, action: a.b, next: [{do: [twice]}]}
  - {name: two, action: a.b, next: [{do: [twice]}]}
  - {name: twice, action: a.b}
""")
    drive.completes("one")
    drive.completes("two")
    assert drive.conductor.is_active("twice", 1)
    commands = drive.on(TaskCancelRequested("twice", drive.tick(), 1))
    assert commands == [WithdrawItems("twice", 1), CancelItem("twice", 1, 0)]


FINISHING = """
ref: test.run
fail_fast: true
POLICY
tasks:
  - {name: slow, action: a.b, deadline: 60}
  - {name: other, action: a.b}
"""


@pytest.mark.parametrize("ends", ["cancelled", "failed"])
def test_a_late_task_is_stopped_although_it_may_finish(ends: str) -> None:
    """The items of a run that is being cancelled, or is failing, may finish until their task is late."""
    drive = Drive(FINISHING.replace("POLICY", "cancellation_policy: allow_finish"))
    if ends == "cancelled":
        drive.cancel()
        drive.completes("other")
    else:
        drive.fails("other")
    assert CancelItem("slow", 1, 0) in drive.on(TaskTimedOut("slow", 1, drive.tick()))
    drive.completes("slow", failure=failed("cancelled"), outcome="cancelled")
    assert status(drive, "slow") == "timed_out"
    assert drive.finish.status == ends


def test_a_task_whose_items_are_stopped_already_is_not_late() -> None:
    """It ends cancelled with its run."""
    drive = Drive(FINISHING.replace("POLICY", "cancellation_policy: cancel_running"))
    drive.cancel()
    assert drive.on(TaskTimedOut("slow", 1, drive.tick())) == []
    for name in ("slow", "other"):
        drive.completes(name, failure=failed("cancelled"), outcome="cancelled")
    assert status(drive, "slow") == "cancelled"
