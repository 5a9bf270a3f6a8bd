"""The waits of a run: each kind, and how many are shown."""

from typing import Any

import pytest

from stretto.definitions.conductor import CancelRequested, ItemPaused, ItemResumed, UnknownTask, Wait
from stretto.definitions.conductor.waits import MAX_WAITS_SHOWN
from tests.support.driving import Drive
from tests.support.driving import waits as commanded
from tests.support.following import orquesta
from tests.support.writing import branches, then, workflow


def waits(drive: Drive, task: str | None = None) -> list[Wait]:
    """Return what is waited for."""
    return drive.conductor.waits(task)


def kinds(drive: Drive, task: str | None = None) -> list[tuple[str, str | None, Any]]:
    """Return (kind, task, index) of what is waited for."""
    return [(each.kind, each.task, each.index) for each in waits(drive, task)]


def test_items_in_flight_are_shown_with_the_start_of_their_attempt() -> None:
    """The longest first; a task without items has no index."""
    drive = Drive(workflow({"name": "a", "with_items": [1, 2, 3], "concurrency": 2}, {"name": "b"}))
    drive.completes("a", index=0)
    assert waits(drive) == [
        Wait(kind="item_in_flight", task="a", visit=1, index=1, attempt=1, since=0.0),
        Wait(kind="item_in_flight", task="a", visit=1, index=2, attempt=1, since=1.0),
        Wait(kind="item_in_flight", task="b", visit=1, attempt=1, since=0.0),
    ]


def test_items_that_find_no_place_in_the_window_are_counted() -> None:
    """The concurrency keeps them back; nothing does in a run that starts nothing any more."""
    drive = Drive(workflow({"name": "a", "with_items": [1, 2, 3, 4], "concurrency": 1}))
    assert waits(drive)[-1] == Wait(kind="concurrency", task="a", visit=1, count=3)
    drive.cancel()
    assert kinds(drive) == [("item_in_flight", "a", 0)]


def test_a_wait_for_a_retry_is_shown_with_its_end() -> None:
    """`attempt` is the try that follows."""
    drive = Drive(workflow({"name": "a", "with_items": [1], "retry": {"count": 1, "delay": 5}}))
    drive.fails("a")
    (wait,) = waits(drive)
    assert wait == Wait(kind="retry_wait", task="a", visit=1, index=0, attempt=2, since=1.0, until=6.0)
    (retry,) = commanded(drive.commands)
    drive.pause()
    drive.due(retry)
    assert waits(drive) == [
        Wait(kind="paused", since=2.0),
        Wait(kind="retry_held", task="a", visit=1, index=0, attempt=2, since=6.0),
    ]


def test_a_delay_is_shown_with_its_end_and_held_by_a_pause() -> None:
    """So is another try of a whole visit."""
    drive = Drive(workflow({"name": "a", "delay": 5}))
    assert waits(drive) == [Wait(kind="delay", task="a", visit=1, since=0.0, until=5.0)]
    drive.pause()
    (delay,) = commanded(drive.commands)
    drive.due(delay)
    assert waits(drive, "a") == [Wait(kind="paused", since=1.0), Wait(kind="held", task="a", visit=1, since=5.0)]
    visit = Drive(orquesta("a: {action: x.y, retry: {count: 1, delay: 3}}"))
    visit.fails("a")
    assert waits(visit) == [Wait(kind="retry_wait", task="a", visit=1, attempt=2, since=1.0, until=4.0)]


@pytest.mark.parametrize(
    "definition",
    [
        branches("all", "a", "b", "c"),
        orquesta(
            *(f"{name}: {{action: x.y, next: [{{do: end}}]}}" for name in "abc"),
            "end: {action: x.y, join: all}",
        ),
    ],
)
def test_a_join_names_the_tasks_that_have_not_led_to_it(definition: Any) -> None:
    """Those that still run, and those that never will lead to it."""
    drive = Drive(definition)
    drive.completes("b")
    assert waits(drive, "end") == [Wait(kind="join", task="end", missing=("a", "c"))]
    assert kinds(drive)[:2] == [("item_in_flight", "a", None), ("item_in_flight", "c", None)]


def test_tasks_that_a_pause_holds_are_shown() -> None:
    """Tasks that were led to, and items that could start."""
    drive = Drive(workflow({"name": "a", "next": [then("c")]}, {"name": "b", "with_items": [1, 2, 3]}, {"name": "c"}))
    drive.pause()
    drive.completes("a")
    drive.completes("b")
    assert waits(drive) == [
        Wait(kind="paused", since=1.0),
        Wait(kind="held", task="b", visit=1, count=2),
        Wait(kind="held", task="c"),
    ]
    drive.resume()
    assert [each.kind for each in waits(drive)] == ["item_in_flight", "concurrency", "item_in_flight"]


def test_sub_workflows_that_are_paused_are_shown() -> None:
    """An item whose sub-workflow is paused, and the run in which nothing else goes on."""
    drive = Drive(workflow({"name": "a", "with_items": [1, 2], "concurrency": 2}))
    drive.on(ItemPaused("a", 1, 1, drive.tick()))
    assert kinds(drive) == [("item_in_flight", "a", 0), ("item_paused", "a", 1)]
    drive.on(ItemPaused("a", 1, 0, drive.tick()))
    assert kinds(drive)[0] == ("children_paused", None, None)
    assert waits(drive)[0].since == 2.0
    drive.on(ItemResumed("a", 1, 0, drive.tick()))
    assert kinds(drive) == [("item_in_flight", "a", 0), ("item_paused", "a", 1)]


def test_an_item_that_is_being_stopped_is_shown() -> None:
    """It was to stop, and has not ended."""
    drive = Drive(workflow({"name": "a"}, cancellation_policy="cancel_running"))
    drive.on(CancelRequested(1.0))
    assert kinds(drive) == [("item_stopping", "a", None)]


def test_a_task_that_was_not_reached_names_those_that_lead_to_it() -> None:
    """One that has ended waits for nothing."""
    drive = Drive(workflow({"name": "a", "next": [then("b")]}, {"name": "b", "next": [then("c")]}, {"name": "c"}))
    assert waits(drive, "c") == [Wait(kind="not_reached", task="c", missing=("b",))]
    drive.completes("a")
    assert waits(drive, "a") == []


def test_an_unknown_task_is_reported_with_the_nearest() -> None:
    """A slip is easily made."""
    drive = Drive(workflow({"name": "fetch"}))
    with pytest.raises(UnknownTask, match="no task 'fecth' in test; did you mean 'fetch'"):
        waits(drive, "fecth")


def test_what_nothing_leads_to_any_more_is_not_waited_for() -> None:
    """In a run that fails or is being cancelled, a join will never start, nor a task that was not reached."""
    drive = Drive(branches("all", "a", "b"))
    drive.completes("a")
    drive.cancel()
    assert kinds(drive) == [("item_in_flight", "b", None)]
    assert kinds(drive, "end") == []


def test_a_run_that_has_ended_waits_for_nothing() -> None:
    """However it ended."""
    drive = Drive(branches("all", "a", "b"))
    drive.completes("a")
    drive.fails("b")
    assert waits(drive) == waits(drive, "end") == []


def test_few_waits_of_a_task_are_shown_and_the_rest_counted() -> None:
    """Those that have lasted the longest."""
    drive = Drive(workflow({"name": "a", "with_items": list(range(500)), "concurrency": 100}))
    for index in range(0, 100, 2):
        drive.completes("a", index=index)
    shown = waits(drive)
    assert [each.index for each in shown[:MAX_WAITS_SHOWN]] == list(range(1, 2 * MAX_WAITS_SHOWN, 2))
    assert shown[MAX_WAITS_SHOWN:] == [
        Wait(kind="concurrency", task="a", visit=1, count=350),
        Wait(kind="more", task="a", count=80),
    ]


def test_a_runs_deadline_is_the_last_of_its_waits() -> None:
    """A task has none of its own, and neither has a run that is ending."""
    drive = Drive(workflow({"name": "a"}, timeout=90))
    assert waits(drive)[-1] == Wait(kind="deadline", until=90.0)
    assert kinds(drive, "a") == [("item_in_flight", "a", None)]
    drive.pause()
    assert waits(drive)[-1].kind == "deadline"
    drive.cancel()
    assert kinds(drive) == [("item_in_flight", "a", None)]
