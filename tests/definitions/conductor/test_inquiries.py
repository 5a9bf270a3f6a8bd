"""Questions about a run: attempts in flight, timers, and attempts that may run again."""

import pytest

from stretto.definitions.conductor import (
    CancelItem,
    ConcurrencyRequested,
    DelayElapsed,
    ItemCompleted,
    RetryDue,
    RunTimedOut,
    StartItem,
    WaitUntil,
)
from stretto.definitions.conductor.events import MaxFailuresRequested
from tests.support.driving import Drive, as_data, failed, waits
from tests.support.following import orquesta
from tests.support.writing import then, workflow

FAN = {"name": "a", "with_items": [1, 2, 3, 4], "concurrency": 3}


def outstanding(drive: Drive) -> list[tuple[str, int, int, int]]:
    """Return (task, visit, index, attempt) of what is outstanding."""
    return [(each.task, each.visit, each.index, each.attempt) for each in drive.conductor.outstanding()]


def resumable(drive: Drive) -> list[bool]:
    """Return for each outstanding attempt whether it may run again."""
    return [drive.conductor.may_resume(each) for each in drive.conductor.outstanding()]


def timers(drive: Drive) -> list[object]:
    """Return what the timers hand back."""
    return [each.then for each in drive.conductor.timers()]


def test_what_was_commanded_and_has_not_ended_is_outstanding_as_it_was_commanded() -> None:
    """The commands come again as they were, by visit and item; what has ended or waits is not among them."""
    drive = Drive(workflow({**FAN, "retry": {"count": 1, "delay": 5}}, {"name": "b", "timeout": 3}))
    commanded = {(each.task, each.index): as_data(each) for each in drive.commands if isinstance(each, StartItem)}
    assert [as_data(each) for each in drive.conductor.outstanding()] == [
        commanded[key] for key in (("a", 0), ("a", 1), ("a", 2), ("b", 0))
    ]
    drive.completes("a", index=1)
    drive.fails("a", 0)
    assert outstanding(drive) == [("a", 1, 2, 1), ("a", 1, 3, 1), ("b", 1, 0, 1)]
    (retry,) = waits(drive.commands)
    (again,) = [each for each in drive.due(retry) if isinstance(each, StartItem)]
    assert as_data(drive.conductor.outstanding()[0]) == as_data(again)


def test_nothing_is_outstanding_before_the_begin_and_after_the_end() -> None:
    """A run that has ended has neither tries nor timers, whatever it had."""
    drive = Drive(workflow({"name": "a"}, timeout=9))
    drive.completes("a")
    assert drive.finished
    assert (outstanding(drive), timers(drive)) == ([], [])


def test_an_action_that_is_performed_again_is_outstanding_each_time() -> None:
    """If arrivals at a running task run its action once more, each call is outstanding until one ends."""
    flow = orquesta(
        "a: {action: x.y, next: [{do: c}]}",
        "b: {action: x.y, next: [{do: c}]}",
        "c: {action: x.z, join: 1}",
    )
    drive = Drive(flow)
    drive.completes("a")
    again = [each for each in drive.completes("b") if isinstance(each, StartItem)]
    assert outstanding(drive) == [("c", 1, 0, 1), ("c", 1, 1, 1)]
    assert as_data(drive.conductor.outstanding()[1]) == as_data(again[0])
    drive.completes("c", index=1)
    assert outstanding(drive) == []


def test_what_runs_may_be_performed_again_also_while_the_run_fails_or_is_paused() -> None:
    """Running items finish: a crash does not change that."""
    drive = Drive(workflow({"name": "a"}, {"name": "b"}, {"name": "c"}, fail_fast=True))
    drive.pause()
    assert resumable(drive) == [True, True, True]
    drive.resume()
    drive.fails("a")
    assert (drive.conductor.status, resumable(drive)) == ("failing", [True, True])


def test_a_try_that_is_not_outstanding_may_not_be_performed_again() -> None:
    """Neither one that has ended nor an earlier one of the same item."""
    drive = Drive(workflow({"name": "a", "retry": {"count": 1}}, {"name": "b"}))
    first, other = drive.conductor.outstanding()
    (retry,) = waits(drive.fails("a"))
    drive.due(retry)
    drive.completes("b")
    assert [drive.conductor.may_resume(each) for each in (first, other)] == [False, False]
    assert resumable(drive) == [True]


@pytest.mark.parametrize("policy", ["allow_finish", "cancel_running"])
def test_nothing_is_performed_again_while_the_run_is_being_cancelled(policy: str) -> None:
    """Nothing starts after a cancel, whatever its policy; the task that cleans up may go on."""
    drive = Drive(workflow(FAN, {"name": "tidy"}, on_cancel="tidy", cancellation_policy=policy))
    drive.cancel()
    assert resumable(drive) == [False, False, False]
    for index in range(3):
        drive.completes("a", index=index)
    assert (drive.conductor.status, outstanding(drive)) == ("cleaning", [("tidy", 1, 0, 1)])
    assert resumable(drive) == [True]


def test_what_a_run_that_took_too_long_has_stopped_is_not_performed_again() -> None:
    """A try that was to be stopped is not started once more, though the run fails and is not cancelled."""
    drive = Drive(workflow({"name": "a"}, timeout=5))
    drive.on(RunTimedOut(5.0))
    assert (drive.conductor.status, resumable(drive)) == ("failing", [False])


def test_what_an_action_cancelled_has_nothing_performed_again() -> None:
    """In a workflow of Orquesta's an action that was cancelled from outside cancels the run."""
    drive = Drive(orquesta("a: {action: x.y}", "b: {action: x.y}"))
    drive.completes("a", outcome="cancelled")
    assert (drive.conductor.status, resumable(drive)) == ("cancelling", [False])


def test_an_item_is_stopped_once() -> None:
    """Also when first the run took too long, and then somebody cancels it."""
    drive = Drive(workflow({"name": "a"}, timeout=5, cancellation_policy="cancel_running"))
    commands = [*drive.on(RunTimedOut(5.0)), *drive.cancel()]
    assert [each for each in commands if isinstance(each, CancelItem)] == [CancelItem("a", 1, 0)]


def test_timers_are_the_waits_that_are_not_over() -> None:
    """The run's timeout, the delays of tasks and the waits for retries, each with its deadline."""
    text = workflow(
        {**FAN, "retry": {"count": 1, "delay": 5}},
        {"name": "b", "delay": 4, "next": [then("c")]},
        {"name": "c"},
        timeout=60,
    )
    drive = Drive(text)
    assert timers(drive) == [RunTimedOut(60.0), DelayElapsed("b", 1, 4.0)]
    drive.fails("a", 2)
    drive.fails("a", 0)
    retries = [RetryDue("a", 1, 0, 2, 7.0), RetryDue("a", 1, 2, 2, 6.0)]
    assert timers(drive) == [RunTimedOut(60.0), *retries, DelayElapsed("b", 1, 4.0)]
    assert set(drive.conductor.timers()) == {each for each in drive.commands if type(each) is WaitUntil}
    assert [drive.conductor.duration_of(each) for each in drive.conductor.timers()] == [60.0, 5.0, 5.0, 4.0]
    drive.due(DelayElapsed("b", 1, 4.0))
    drive.due(retries[1])
    assert timers(drive) == [RunTimedOut(60.0), retries[0]]


def test_what_has_come_due_in_a_pause_is_no_timer() -> None:
    """It waits for the run to go on, not for a time."""
    drive = Drive(workflow({"name": "a", "retry": {"count": 1, "delay": 2}}, {"name": "b", "delay": 9}))
    drive.fails("a")
    drive.pause()
    assert timers(drive) == [RetryDue("a", 1, 0, 2, 3.0), DelayElapsed("b", 1, 9.0)]
    for timer in waits(drive.commands):
        drive.due(timer)
    assert timers(drive) == []
    assert outstanding(drive) == []


def test_what_ends_early_has_no_timers() -> None:
    """A cancel gives up what waits, and the run's own timeout with it."""
    drive = Drive(workflow({"name": "a"}, {"name": "b", "delay": 9}, timeout=60))
    drive.cancel()
    assert timers(drive) == []


def test_another_try_of_a_whole_visit_is_a_timer() -> None:
    """In a workflow of Orquesta's a retry is one of the task."""
    drive = Drive(orquesta("a: {action: x.y, retry: {count: 2, delay: 3}}"))
    drive.fails("a")
    (timer,) = timers(drive)
    assert timer == DelayElapsed("a", 1, 4.0, 2)
    assert isinstance(timer, DelayElapsed)
    drive.due(timer)
    assert (timers(drive), outstanding(drive)) == ([], [("a", 1, 0, 2)])


def test_an_item_that_failed_for_good_is_not_outstanding() -> None:
    """A late word about it changes nothing."""
    drive = Drive(workflow(FAN))
    drive.fails("a", 1, failed(retryable=False))
    late = ItemCompleted("a", 1, 1, 1, "succeeded", None, None, drive.tick())
    assert drive.on(late) == []
    assert outstanding(drive) == [("a", 1, 0, 1), ("a", 1, 2, 1), ("a", 1, 3, 1)]


def test_a_fan_out_reports_its_window_while_it_may_start_items() -> None:
    """A share of failures is reported as the number of items that it allows."""
    drive = Drive(workflow({**FAN, "max_failures": "50%"}, {"name": "b"}))
    assert drive.conductor.task("a")["window"] == {"concurrency": 3, "max_failures": 2}
    assert "window" not in drive.conductor.task("b")
    drive.on(ConcurrencyRequested("a", 1, drive.tick()))
    drive.on(MaxFailuresRequested("a", 0, drive.tick()))
    assert drive.conductor.task("a")["window"] == {"concurrency": 1, "max_failures": 0}
    drive.fails("a", 0)
    assert "window" not in drive.conductor.task("a")
    without = Drive(workflow(FAN))
    assert without.conductor.task("a")["window"] == {"concurrency": 3, "max_failures": None}
