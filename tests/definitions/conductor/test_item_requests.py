"""Requests while a task goes on: another concurrency, an item skipped or tried now; and those that are refused."""

from typing import Any

import pytest

from stretto.definitions import thaw
from stretto.definitions.conductor import (
    CancelItem,
    Command,
    ConcurrencyRequested,
    Event,
    IllegalTransition,
    ItemCompleted,
    RetryRequested,
    SkipRequested,
    StartItem,
    UnknownTask,
)
from stretto.definitions.conductor.branches import NO_BRANCH
from stretto.definitions.conductor.events import MaxFailuresRequested
from tests.support.driving import Drive, as_data, failed, starts, waits
from tests.support.following import orquesta
from tests.support.writing import then, workflow

FAN: dict[str, Any] = {"name": "a", "with_items": [1, 2, 3, 4, 5], "concurrency": 2}
FLOW = 'a: {action: x.y, with: {items: "<% list(1, 2, 3, 4) %>", concurrency: 2}}'


def widen(drive: Drive, concurrency: int, task: str = "a") -> list[Command]:
    """Ask for a concurrency."""
    return drive.on(ConcurrencyRequested(task, concurrency, drive.tick()))


def tolerate(drive: Drive, max_failures: int, task: str = "a") -> list[Command]:
    """Ask for another number of tolerated failures."""
    return drive.on(MaxFailuresRequested(task, max_failures, drive.tick()))


def skip(drive: Drive, index: int = 0, task: str = "a") -> list[Command]:
    """Ask to skip an item."""
    return drive.on(SkipRequested(task, index, drive.tick()))


def retry(drive: Drive, index: int = 0, task: str = "a") -> list[Command]:
    """Ask to try an item now."""
    return drive.on(RetryRequested(task, index, drive.tick()))


def stops(commands: list[Command]) -> list[int]:
    """Return the items that are to be stopped."""
    return [each.index for each in commands if isinstance(each, CancelItem)]


def record(drive: Drive, task: str = "a") -> tuple[str, Any, Any]:
    """Return what `task.NAME` reads: outcome, result, errors."""
    record = drive.conductor.context.look(NO_BRANCH, 0).tasks[task]
    return record.outcome, thaw(record.result), thaw(record.errors)


def finish(drive: Drive, task: str = "a") -> None:
    """Complete whatever runs, until the run ends."""
    while not drive.finished:
        for start in drive.conductor.outstanding():
            drive.completes(start.task, f"r{start.index}", start.index)


# ---- concurrency


@pytest.mark.parametrize("definition", [workflow(FAN), orquesta(FLOW)], ids=["native", "orquesta"])
def test_a_higher_concurrency_starts_more_at_once_and_a_lower_one_waits(definition: Any) -> None:
    """Raising refills the window in the same turn; lowering starts nothing until it has shrunk."""
    drive = Drive(definition)
    assert starts(drive.commands) == [("a", 0), ("a", 1)]
    assert starts(widen(drive, 3)) == [("a", 2)]
    assert starts(widen(drive, 1)) == []
    assert starts(drive.completes("a", index=1)) == []
    assert starts(drive.completes("a", index=0)) == []
    assert starts(drive.completes("a", index=2)) == [("a", 3)]
    finish(drive)
    assert drive.finish.status == "succeeded"


def test_a_concurrency_that_is_raised_in_a_pause_starts_more_when_it_ends() -> None:
    """A pause starts nothing."""
    drive = Drive(workflow(FAN))
    drive.pause()
    assert starts(widen(drive, 4)) == []
    assert starts(drive.resume()) == [("a", 2), ("a", 3)]


def test_a_concurrency_is_that_of_the_visits_that_go_on() -> None:
    """All of them; a later visit begins with what the definition says."""
    text = workflow(
        {"name": "b", "next": [then("a")]}, {"name": "c", "next": [then("a")]}, {"name": "d", "next": [then("a")]}, FAN
    )
    drive = Drive(text)
    drive.completes("b")
    drive.completes("c")
    started = [each for each in widen(drive, 3) if isinstance(each, StartItem)]
    assert [(each.visit, each.index) for each in started] == [(1, 2), (2, 2)]
    assert starts(drive.completes("d")) == [("a", 0), ("a", 1)]


# ---- skip


@pytest.mark.parametrize("definition", [workflow(FAN), orquesta(FLOW)], ids=["native", "orquesta"])
@pytest.mark.parametrize("outcome", ["succeeded", "failed", "timed_out", "cancelled"])
def test_an_item_that_runs_is_stopped_and_counts_as_skipped_whatever_comes_of_it(definition: Any, outcome: str) -> None:
    """Its place is its own until it has ended; then the next item starts."""
    drive = Drive(definition)
    assert stops(skip(drive, 1)) == [1]
    assert drive.conductor.tasks()["a"]["items"]["running"] == 2
    (_, start) = drive.conductor.outstanding()
    assert not drive.conductor.may_resume(start)
    failure = None if outcome == "succeeded" else failed(outcome)
    completed = ItemCompleted("a", 1, 1, 1, outcome, None, failure, drive.tick())
    assert drive.conductor.counts_as(completed) == "skipped"
    assert starts(drive.on(completed)) == [("a", 2)]
    finish(drive)
    total = drive.ended("a").items
    assert drive.ended("a").outcomes == {"succeeded": total - 1, "skipped": 1}
    assert (drive.ended("a").outcome, drive.ended("a").failed, drive.finish.status) == ("succeeded", 0, "succeeded")
    assert thaw(drive.ended("a").result) == ["r0", None, *(f"r{index}" for index in range(2, total))]
    assert drive.conductor.tasks()["a"]["items"] == {"total": total, "succeeded": total, "failed": 0, "running": 0}


def test_an_item_that_was_to_be_skipped_and_had_not_been_started_is() -> None:
    """The supervisor may find it in a queue, and say that it was withdrawn."""
    drive = Drive(workflow(FAN))
    skip(drive, 1)
    assert starts(drive.withdraws("a", 1)) == [("a", 2)]
    finish(drive)
    assert drive.ended("a").outcomes == {"succeeded": 4, "skipped": 1}


@pytest.mark.parametrize("definition", [workflow(FAN), orquesta(FLOW)], ids=["native", "orquesta"])
def test_an_item_that_has_not_started_is_passed_over(definition: Any) -> None:
    """It is never performed."""
    drive = Drive(definition)
    assert skip(drive, 2) == []
    assert starts(drive.completes("a", "r0", 0)) == [("a", 3)]
    finish(drive)
    assert ("a", 2) not in starts(drive.commands)
    assert thaw(drive.ended("a").result)[:4] == ["r0", "r1", None, "r3"]
    assert drive.finish.status == "succeeded"


def test_an_item_that_waits_for_a_retry_is_skipped_at_once() -> None:
    """Its place goes to the next one, and its timer means nothing any more."""
    drive = Drive(workflow({**FAN, "retry": {"count": 3, "delay": 5}}))
    (due,) = waits(drive.fails("a", 0))
    assert starts(skip(drive, 0)) == [("a", 2)]
    assert drive.conductor.timers() == []
    assert drive.due(due) == []
    finish(drive)
    assert record(drive) == ("succeeded", [None, "r1", "r2", "r3", "r4"], [])


def test_the_last_items_can_be_skipped_also_in_a_pause() -> None:
    """A task whose items have all ended has ended, whether or not it could have started more."""
    drive = Drive(workflow({**FAN, "next": [then(v=1)]}))
    drive.pause()
    for index in (3, 4, 2):
        skip(drive, index)
    drive.completes("a", index=0)
    drive.completes("a", index=1)
    assert (drive.finish.status, drive.ended("a").outcomes) == ("succeeded", {"succeeded": 2, "skipped": 3})


def test_a_failure_beside_skipped_items_fails_the_task_all_the_same() -> None:
    """And a share of failures is one of all items."""
    drive = Drive(workflow({**FAN, "concurrency": 5, "max_failures": "20%"}))
    for index in (0, 1, 2):
        skip(drive, index)
        drive.completes("a", index=index, outcome="cancelled")
    drive.fails("a", 3)
    drive.completes("a", index=4)
    assert drive.ended("a").outcome == "succeeded"
    drive = Drive(workflow(FAN))
    skip(drive, 4)
    drive.fails("a", 0)
    finish(drive)
    assert record(drive)[0] == "failed"
    assert [each["index"] for each in record(drive)[2]] == [0]


@pytest.mark.parametrize(
    ("definition", "outcome"),
    [
        (workflow({"name": "a", "next": [then("b", when="succeeded()")]}, {"name": "b"}), "skipped"),
        (
            orquesta("a: {action: x.y, next: [{when: <% succeeded() %>, do: [b]}]}", "b: {action: x.y}"),
            "succeeded",
        ),
    ],
    ids=["native", "orquesta"],
)
def test_a_task_without_items_is_skipped_as_its_item_0(definition: Any, outcome: str) -> None:
    """It ends as one that its `when` skipped does: with a null result, and what follows on success follows."""
    drive = Drive(definition)
    assert stops(skip(drive)) == [0]
    assert starts(drive.completes("a", "r", outcome="cancelled")) == [("b", 0)]
    ended = drive.ended("a")
    assert (ended.outcome, ended.result, ended.outcomes) == (outcome, None, {"succeeded": 0, "skipped": 1})


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize(
    "definition",
    [
        workflow({"name": "a", "delay": 9, "next": [then("b")]}, {"name": "b"}),
        orquesta("a: {action: x.y, delay: 9, next: [{do: b}]}", "b: {action: x.y}"),
    ],
    ids=["native", "orquesta"],
)
def test_a_task_that_is_delayed_is_skipped_at_once(definition: Any, paused: bool) -> None:
    """The rest of its delay is dropped; its timer means nothing any more."""
    drive = Drive(definition)
    (delay,) = waits(drive.commands)
    if paused:
        drive.pause()
        drive.due(delay)
    skip(drive)
    assert drive.ended("a").outcomes == {"succeeded": 0, "skipped": 1}
    assert drive.conductor.timers() == []
    if paused:
        drive.resume()
    assert [each.task for each in drive.conductor.outstanding()] == ["b"]


def test_a_whole_visit_that_waits_for_its_retry_is_skipped_at_once() -> None:
    """And not tried again, though its retry would have it so."""
    drive = Drive(orquesta("a: {action: x.y, retry: {count: 3, delay: 5, when: <% succeeded() or failed() %>}}"))
    drive.fails("a")
    skip(drive)
    assert (drive.finish.status, drive.ended("a").outcome) == ("succeeded", "succeeded")


def test_what_is_skipped_stays_so_when_the_whole_visit_is_tried_again() -> None:
    """The other items are performed once more."""
    drive = Drive(
        orquesta('a: {action: x.y, with: {items: "<% list(1, 2, 3) %>", concurrency: 3}, retry: {count: 1, delay: 0}}')
    )
    skip(drive, 1)
    drive.completes("a", index=1, outcome="cancelled")
    drive.fails("a", 2)
    again = drive.completes("a", index=0)
    assert starts(again) == [("a", 0), ("a", 2)]
    finish(drive)
    assert drive.ended("a").outcomes == {"succeeded": 2, "skipped": 1}


def test_an_action_that_is_performed_more_than_once_is_skipped_each_time() -> None:
    """Otherwise the other performance would count."""
    drive = Drive(
        orquesta("a: {action: x.y, next: [{do: c}]}", "b: {action: x.y, next: [{do: c}]}", "c: {action: x.z, join: 1}")
    )
    drive.completes("a")
    drive.completes("b")
    assert stops(skip(drive, task="c")) == [0, 1]
    drive.completes("c", "r", index=1)
    assert (drive.finish.status, drive.ended("c").result) == ("succeeded", None)


def test_an_item_that_does_not_run_may_be_skipped() -> None:
    """A completion with that outcome counts as skipped, too."""
    drive = Drive(workflow(FAN))
    drive.on(ItemCompleted("a", 1, 0, 1, "skipped", None, None, drive.tick()))
    finish(drive)
    assert drive.ended("a").outcomes == {"succeeded": 4, "skipped": 1}


def test_what_runs_can_be_skipped_while_the_run_fails_or_is_cancelled() -> None:
    """So that it need not be waited for."""
    drive = Drive(workflow({"name": "b"}, FAN, fail_fast=True))
    drive.fails("b")
    assert drive.conductor.status == "failing"
    assert stops(skip(drive)) == [0]
    drive = Drive(workflow({"name": "a"}))
    drive.cancel()
    assert stops(skip(drive)) == [0]
    drive.completes("a", outcome="cancelled")
    assert drive.finish.status == "cancelled"


def test_an_item_that_is_being_cancelled_is_not_stopped_twice() -> None:
    """It is, and counts as skipped."""
    drive = Drive(workflow(FAN, cancellation_policy="cancel_running"))
    assert stops(drive.cancel()) == [0, 1]
    assert skip(drive, 0) == []
    drive.completes("a", index=0, outcome="cancelled")
    drive.completes("a", index=1, outcome="cancelled")
    assert drive.ended("a").outcomes == {"cancelled": 1, "succeeded": 0, "skipped": 1}


def test_of_several_visits_the_first_where_it_can_be_is_meant() -> None:
    """The same request again is about the next one."""
    drive = Drive(workflow({"name": "b", "next": [then("a")]}, {"name": "c", "next": [then("a")]}, FAN))
    drive.completes("b")
    drive.completes("c")
    commands = [skip(drive, 1), skip(drive, 1)]
    assert commands == [[CancelItem("a", 1, 1)], [CancelItem("a", 2, 1)]]
    with pytest.raises(IllegalTransition, match="item 1 cannot be skipped: it is already being skipped"):
        skip(drive, 1)


# ---- retry


def test_an_item_that_waits_for_its_retry_is_tried_now() -> None:
    """With the next attempt; the timer that was set for it means nothing any more, also when it fails again."""
    drive = Drive(workflow({**FAN, "retry": {"count": 2, "delay": 50}}))
    (due,) = waits(drive.fails("a", 0))
    (start,) = [each for each in retry(drive, 0) if isinstance(each, StartItem)]
    assert (start.index, start.attempt, start.at) == (0, 2, 0.0)
    (later,) = waits(drive.fails("a", 0))
    assert drive.due(due) == []
    assert starts(drive.due(later)) == [("a", 0)]


def test_an_item_that_is_to_be_tried_now_in_a_pause_starts_when_it_ends() -> None:
    """A pause starts nothing."""
    drive = Drive(workflow({**FAN, "retry": {"count": 2, "delay": 50}}))
    drive.fails("a", 0)
    drive.pause()
    assert retry(drive, 0) == []
    assert retry(drive, 0) == []
    assert starts(drive.resume()) == [("a", 0)]


def test_an_item_that_failed_is_put_into_the_window_again() -> None:
    """Before those that have not been started, as soon as there is a place; its failure is forgotten."""
    drive = Drive(workflow(FAN))
    drive.fails("a", 0)
    assert retry(drive, 0) == []
    assert drive.conductor.tasks()["a"]["items"]["failed"] == 0
    (start,) = [each for each in drive.completes("a", "r1", 1) if isinstance(each, StartItem)]
    assert (start.index, start.attempt, start.at) == (0, 2, 0.0)
    finish(drive)
    assert record(drive) == ("succeeded", ["r0", "r1", "r2", "r3", "r4"], [])


def test_an_item_that_fails_again_has_failed_as_it_did_last() -> None:
    """A retry by request is one more try; those of the definition are used up."""
    drive = Drive(workflow({**FAN, "concurrency": 5, "retry": {"count": 1, "delay": 1}}))
    (due,) = waits(drive.fails("a", 0))
    drive.due(due)
    drive.fails("a", 0)
    assert starts(retry(drive, 0)) == [("a", 0)]
    assert waits(drive.fails("a", 0, failed(message="the last time"))) == []
    finish(drive)
    outcome, _, (error,) = record(drive)
    assert (outcome, error["error"]["message"]) == ("failed", "the last time")
    assert [each["attempt"] for each in thaw(drive.finish.errors) if each["item_index"] == 0] == [3]


def test_a_task_does_not_end_before_what_is_to_be_tried_again() -> None:
    """Also when it was the last item, and the window is full."""
    drive = Drive(workflow({**FAN, "with_items": [1, 2], "concurrency": 1}))
    drive.fails("a", 0)
    retry(drive, 0)
    assert starts(drive.fails("a", 1)) == [("a", 0)]
    drive.completes("a", "r0", 0)
    assert record(drive)[1] == ["r0", None]


def test_what_was_to_be_tried_again_and_never_is_has_failed() -> None:
    """As the run is cancelled, and as more items fail than may."""
    drive = Drive(workflow({**FAN, "with_items": [1, 2, 3]}, output_map={"e": "{{ task.a.errors }}"}))
    drive.fails("a", 0, failed(message="the first"))
    retry(drive, 0)
    drive.cancel()
    drive.completes("a", index=1)
    drive.completes("a", index=2)
    assert "the first" in str(drive.finish.output)
    drive = Drive(workflow({**FAN, "concurrency": 3, "max_failures": 1}))
    drive.fails("a", 0)
    widen(drive, 1)
    retry(drive, 0)
    drive.fails("a", 1)
    drive.fails("a", 2)
    drive.completes("a", index=3)
    assert [each["index"] for each in record(drive)[2]] == [0, 1, 2]


def test_an_item_that_waits_to_be_tried_again_can_be_skipped() -> None:
    """It has not ended."""
    drive = Drive(workflow(FAN))
    drive.fails("a", 0)
    retry(drive, 0)
    skip(drive, 0)
    finish(drive)
    assert record(drive)[:2] == ("succeeded", [None, "r1", "r2", "r3", "r4"])


def test_a_whole_visit_that_waits_for_its_retry_is_tried_now() -> None:
    """In a workflow of Orquesta's the task is tried again, not one item; the timer means nothing any more."""
    drive = Drive(orquesta("a: {action: x.y, retry: {count: 2, delay: 50}}"))
    (due,) = waits(drive.fails("a"))
    assert starts(retry(drive)) == [("a", 0)]
    (later,) = waits(drive.fails("a"))
    assert drive.due(due) == []
    drive.pause()
    assert retry(drive) == []
    assert retry(drive) == []
    assert starts(drive.resume()) == [("a", 0)]
    assert drive.due(later) == []


# ---- tolerated failures


def test_more_tolerated_failures_let_a_task_go_on_and_succeed() -> None:
    """The number at its end counts, not that of the definition."""
    drive = Drive(workflow({**FAN, "max_failures": 0}))
    assert tolerate(drive, 2) == []
    assert starts(drive.fails("a", 0)) == [("a", 2)]
    assert starts(drive.fails("a", 1)) == [("a", 3)]
    finish(drive)
    assert record(drive)[0] == "succeeded"


def test_fewer_tolerated_failures_stop_a_task_at_once() -> None:
    """If more items have failed already; those in flight finish, and the task fails."""
    drive = Drive(workflow({**FAN, "max_failures": 4}))
    drive.fails("a", 0)
    assert starts(tolerate(drive, 1)) == []
    assert starts(drive.completes("a", index=1)) == [("a", 3)]
    assert tolerate(drive, 0) == []
    assert starts(drive.completes("a", index=2)) == []
    drive.completes("a", index=3)
    assert drive.finished
    assert record(drive)[0] == "failed"


def test_a_task_without_a_bound_gets_one() -> None:
    """And a task that has failed too often stays so, as does Orquesta's."""
    drive = Drive(workflow(FAN))
    drive.fails("a", 0)
    assert tolerate(drive, 0) == []
    assert starts(drive.completes("a", index=1)) == []
    with pytest.raises(IllegalTransition):
        tolerate(drive, 5)
    running = Drive(workflow({**FAN, "max_failures": 0}))
    running.fails("a", 0)
    with pytest.raises(IllegalTransition, match="so many items of 'a' failed already"):
        tolerate(running, 5)
    with pytest.raises(IllegalTransition, match="an Orquesta task fails with its first failed item"):
        tolerate(Drive(orquesta(FLOW)), 1)


# ---- what is refused

NATIVE_DRIVE = workflow(
    FAN, {"name": "b", "delay": 9, "with_items": [1]}, {"name": "plain"}, output_map={"id": "{{ uuid() }} {{ now() }}"}
)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ConcurrencyRequested("a", 0, 9.0), "concurrency must be at least 1, got 0"),
        (ConcurrencyRequested("plain", 2, 9.0), "the task 'plain' has no items, so its concurrency cannot be changed"),
        (ConcurrencyRequested("b", 2, 9.0), "the task 'b' starts no items now"),
        (ConcurrencyRequested("plian", 2, 9.0), "no task 'plian' in test; did you mean 'plain'"),
        (MaxFailuresRequested("a", -1, 9.0), "max_failures must be at least 0, got -1"),
        (MaxFailuresRequested("plain", 2, 9.0), "the task 'plain' has no items, so its max_failures cannot be changed"),
        (MaxFailuresRequested("b", 2, 9.0), "the task 'b' starts no items now"),
        (MaxFailuresRequested("plian", 2, 9.0), "no task 'plian' in test; did you mean 'plain'"),
        (SkipRequested("plian", 0, 9.0), "no task 'plian' in test; did you mean 'plain'"),
        (SkipRequested("a", 5, 9.0), "the task 'a' has no such item; its items are numbered 0 to 4"),
        (SkipRequested("a", -1, 9.0), "the task 'a' has no such item"),
        (SkipRequested("plain", 1, 9.0), "the task 'plain' has no such item; its only item is 0"),
        (SkipRequested("a", 0, 9.0), "item 0 cannot be skipped: it has ended"),
        (SkipRequested("b", 0, 9.0), "the items of 'b' are unknown until its delay is over"),
        (RetryRequested("a", 0, 9.0), "item 0 cannot be retried now: it has not failed"),
        (RetryRequested("a", 1, 9.0), "it is running"),
        (RetryRequested("a", 4, 9.0), "it has not started"),
        (RetryRequested("plain", 0, 9.0), "it is running"),
    ],
)
def test_a_request_that_cannot_be_is_refused_and_changes_nothing(request_: Event, message: str) -> None:
    """The error says why; the run gives the same ids and times afterwards."""
    drives = [Drive(NATIVE_DRIVE) for _ in range(2)]
    for drive in drives:
        drive.completes("a", index=0)
    with pytest.raises((IllegalTransition, UnknownTask), match=message):
        drives[0].conductor.on(request_)
    for drive in drives:
        assert drive.conductor.tasks() == drives[1].conductor.tasks()
        for timer in waits(drive.commands):
            drive.due(timer)
        finish(drive)
    assert [as_data(each) for each in drives[0].commands] == [as_data(each) for each in drives[1].commands]


def test_what_was_skipped_has_ended() -> None:
    """It can be neither skipped nor tried."""
    drive = Drive(workflow(FAN))
    skip(drive, 4)
    for request, message in ((skip, "it has ended"), (retry, "it has not failed")):
        with pytest.raises(IllegalTransition, match=message):
            request(drive, 4)


def test_a_failed_item_is_not_tried_again_where_that_has_no_meaning() -> None:
    """In a workflow of Orquesta's; where more failed than may; where it is to be tried already or nothing starts."""
    flow = Drive(orquesta(FLOW))
    flow.fails("a", 0)
    with pytest.raises(IllegalTransition, match="an Orquesta task is retried as a whole, by its `retry`"):
        retry(flow, 0)
    drive = Drive(workflow({**FAN, "max_failures": 0}))
    drive.fails("a", 0)
    with pytest.raises(IllegalTransition, match="more items failed than max_failures allows"):
        retry(drive, 0)
    drive = Drive(workflow(FAN))
    drive.fails("a", 0)
    retry(drive, 0)
    with pytest.raises(IllegalTransition, match="it is already queued, and starts when the window has room"):
        retry(drive, 0)
    drive = Drive(workflow(FAN))
    drive.fails("a", 0)
    drive.cancel()
    with pytest.raises(IllegalTransition, match="the run starts nothing more"):
        retry(drive, 0)


def test_what_will_not_be_started_cannot_be_skipped_nor_its_window_be_changed() -> None:
    """In a run that is being cancelled, and in a fan-out that has stopped."""
    drive = Drive(workflow(FAN))
    drive.cancel()
    with pytest.raises(IllegalTransition, match="it will not start"):
        skip(drive, 4)
    with pytest.raises(IllegalTransition, match="the task 'a' starts no items now"):
        widen(drive, 3)
    drive = Drive(workflow({**FAN, "max_failures": 0}))
    drive.fails("a", 0)
    with pytest.raises(IllegalTransition, match="it will not start"):
        skip(drive, 4)


def test_a_task_that_does_not_run_takes_no_request() -> None:
    """One that has ended, or was not reached; one that performs nothing; and any of a run that has ended."""
    text = workflow(
        {"name": "a", "next": [then("c")]}, {"name": "b"}, {"name": "c", "next": [then("d")]}, {"name": "d"}
    )
    drive = Drive(text)
    drive.completes("a")
    for task in ("a", "d"):
        for request in (skip, retry):
            with pytest.raises(IllegalTransition, match="the task is not running"):
                request(drive, 0, task)
    for task in "bcd":
        drive.completes(task)
    with pytest.raises(IllegalTransition, match="cannot change a task of a run that is succeeded"):
        skip(drive, 0, "b")
    drive = Drive("tasks: [{name: p, type: parallel, delay: 9, tasks: [{name: x, action: core.noop}]}]\n")
    with pytest.raises(IllegalTransition, match="has no action"):
        skip(drive, 0, "p.fork")


def test_a_task_of_no_items_has_none_to_skip() -> None:
    """A visit that is delayed, and whose list is empty."""
    drive = Drive(orquesta('a: {action: x.y, delay: 9, with: "<% list() %>"}'))
    with pytest.raises(IllegalTransition, match="the task 'a' has no items"):
        skip(drive, 0)
