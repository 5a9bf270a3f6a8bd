"""Why a run is not further: a text for people of everything that it may wait for, with what a program needs."""

from typing import Any, get_args

import pytest

from stretto.actors.history.waits import Blockers, PoolWait, RateWait, explain_waits
from stretto.definitions.conductor import (
    CancelRequested,
    InquiryMade,
    ItemPaused,
    TaskPauseRequested,
    UnknownTask,
    WaitKind,
)
from stretto.definitions.conductor.waits import MAX_WAITS_SHOWN
from stretto.definitions.data import object_of
from tests.support.driving import Drive, failed, waits
from tests.support.writing import branches, then, workflow

FAN = workflow(
    {"name": "fan", "with_items": list(range(3)), "concurrency": 2, "retry": {"count": 1, "delay": 60}},
    cancellation_policy="cancel_running",
)
SINCE = "1970-01-01T00:00:01Z"
LATER = "1970-01-01T00:01:01Z"


def begun(text: str = FAN) -> Drive:
    drive = Drive(text)
    drive.clock = 0.0
    return drive


def paused(drive: Drive) -> Drive:
    drive.pause()
    return drive


def task_paused() -> Drive:
    drive = begun()
    drive.on(TaskPauseRequested("fan", drive.tick()))
    return drive


def retrying() -> Drive:
    drive = begun()
    drive.fails("fan", 0)
    return drive


def retry_held() -> Drive:
    drive = retrying()
    drive.pause()
    drive.due(waits(drive.commands)[-1])
    return drive


def stopping() -> Drive:
    drive = begun()
    drive.on(CancelRequested(1.0))
    return drive


def children_paused(count: int) -> Drive:
    drive = begun()
    for index in range(count):
        drive.on(ItemPaused("fan", 1, index, drive.tick()))
    return drive


def delayed() -> Drive:
    return begun(workflow({"name": "late", "delay": 61}))


def awaiting() -> Drive:
    late = {"name": "late", "wait_for": {"inquiry": "{{ task.ask.inquiry_id }}"}}
    drive = begun(workflow({"name": "ask", "next": [{"do": ["late"]}]}, late))
    drive.on(InquiryMade("ask", 1, 0, "0198-abc", 7, "", object_of({"prompt": "?"}), None, drive.tick()))
    drive.completes("ask", {"inquiry_id": 7})
    return drive


def joining() -> Drive:
    drive = begun(branches("all", "a", "b", "c"))
    drive.completes("b")
    return drive


def crowded() -> Drive:
    items = list(range(MAX_WAITS_SHOWN + 5))
    return begun(workflow({"name": "fan", "with_items": items, "concurrency": len(items)}))


TEXTS: dict[str, tuple[Drive, str | None, str]] = {
    "item_in_flight": (begun(), None, "item 0 of 'fan' is in flight since 1970-01-01T00:00:00Z"),
    "item_stopping": (stopping(), None, "item 0 of 'fan' is being stopped since 1970-01-01T00:00:00Z"),
    "item_paused": (children_paused(1), None, "item 0 of 'fan' waits for its sub-workflow, which is paused"),
    "retry_wait": (retrying(), None, f"item 0 of 'fan' waits until {LATER} for its next attempt (attempt 2)"),
    "retry_held": (retry_held(), None, "item 0 of 'fan' is ready to retry, but the run or the task is paused"),
    "delay": (delayed(), None, f"the task 'late' waits until {LATER} to start"),
    "inquiry": (
        awaiting(),
        None,
        "the task 'late' waits since 1970-01-01T00:00:02Z for an answer to the inquiry 0198-abc",
    ),
    "concurrency": (begun(), None, "1 item waits for a place in the window of the task 'fan' (concurrency)"),
    "held": (paused(begun()), None, "the task 'fan' is ready to continue, but the run or the task is paused"),
    "join": (joining(), "end", "the task 'end' waits for a, c"),
    "not_reached": (
        begun(branches("all", "a", "b")),
        "end",
        "the task 'end' has not been reached: it follows a, b",
    ),
    "paused": (paused(begun()), None, f"the run is paused since {SINCE}: resume it"),
    "task_paused": (task_paused(), None, f"the task 'fan' is paused since {SINCE}: resume it, or the run"),
    "children_paused": (
        children_paused(2),
        None,
        "only paused tasks and sub-workflows are left since 1970-01-01T00:00:02Z: resume the run, or them",
    ),
    "more": (crowded(), None, "5 more of the task 'fan'"),
    "file": (
        begun(workflow({"name": "fan", "with_items": {"lines": "in.txt"}})),
        "fan",
        "the task 'fan' waits for the file in.txt",
    ),
    "deadline": (begun(workflow({"name": "a"}, timeout=90)), None, "the run times out at 1970-01-01T00:01:30Z"),
}


@pytest.mark.parametrize("kind", get_args(WaitKind))
def test_everything_that_a_conductor_waits_for_has_a_text(kind: str) -> None:
    """Each kind its own, with its times as people write them."""
    drive, task, text = TEXTS[kind]
    reasons = explain_waits(drive.conductor, task)
    assert next(each["text"] for each in reasons if each["kind"] == kind) == text


def test_a_path_is_shown_without_secrets() -> None:
    """It may have been made of one."""
    task = {"name": "fan", "with_items": {"lines": "{{ parameters.key }}.txt"}}
    drive = Drive(workflow(task, parameters={"key": {"secret": True}}), {"key": "very-secret"})
    (reason,) = explain_waits(drive.conductor, "fan")
    assert (reason["path"], reason["text"]) == ("******.txt", "the task 'fan' waits for the file ******.txt")


def test_a_reason_has_its_fields_beside_its_text() -> None:
    """And what it has not is left out; an index of 0 is one."""
    (in_flight,) = explain_waits(begun(workflow({"name": "a"})).conductor, None)
    assert set(in_flight) == {"kind", "text", "task", "visit", "attempt"}
    reason = explain_waits(retrying().conductor, None)[1]
    assert (reason["index"], reason["attempt"], reason["until"]) == (0, 2, LATER)


def test_a_later_try_in_flight_says_which_it_is() -> None:
    """The first is no news."""
    drive = retrying()
    drive.due(waits(drive.commands)[-1])
    texts = [each["text"] for each in explain_waits(drive.conductor, "fan")]
    assert f"item 0 of 'fan' is in flight since {LATER} (attempt 2)" in texts


def test_what_holds_items_up_outside_of_the_conductor_is_shown_for_each() -> None:
    """Those that are about to start, and those that sub-workflows perform."""
    blockers = Blockers(waiting=frozenset({("fan", 1, 0)}), children=frozenset({("fan", 1, 1)}))
    first, second, _ = explain_waits(begun().conductor, "fan", blockers)
    assert (first["kind"], first["text"]) == ("item_to_start", "item 0 of 'fan' is about to start")
    assert second["kind"] == "sub_workflow"
    assert second["text"] == "item 1 of 'fan' is run by a sub-workflow since 1970-01-01T00:00:00Z"
    blockers = Blockers(for_thread=frozenset({("fan", 1, 0)}), threads=16, left_behind=3)
    first, *_ = explain_waits(begun().conductor, "fan", blockers)
    assert first["kind"] == "thread"
    assert first["text"] == (
        "item 0 of 'fan' waits since 1970-01-01T00:00:00Z for one of 16 threads (engine.threads), "
        "which all run functions; 3 more hang in functions of ended items"
    )
    alone = begun(workflow({"name": "a"}))
    (reason,) = explain_waits(alone.conductor, "a", Blockers(waiting=frozenset({("a", 1, 0)})))
    assert reason["text"] == "the task 'a' is about to start"


@pytest.mark.parametrize(
    ("blockers", "kinds", "text"),
    [
        (Blockers(unavailable="the disk is full"), ["store"], "the store cannot be written: the disk is full"),
        (Blockers(journal_lagging=True), ["store"], "the journal has to catch up before further items start"),
        (
            Blockers(unavailable="it is away", journal_lagging=True),
            ["store"],
            "the store cannot be written: it is away",
        ),
        (
            Blockers(permits=1234),
            ["permits"],
            "the engine's max_items_in_flight is reached: 1,234 of the run's items wait",
        ),
        (
            Blockers(rates=(RateWait("k", 2, 5, 1.0, None),)),
            ["rate"],
            "2 items wait for the rate of 'k' (5 in 1 second)",
        ),
        (
            Blockers(rates=(RateWait("k", 2, 5, 2.5, None),)),
            ["rate"],
            "2 items wait for the rate of 'k' (5 in 2.5 seconds)",
        ),
        (
            Blockers(pools=(PoolWait("eu-edge", 3, 0, 2),)),
            ["pool"],
            "3 items wait for a worker of eu-edge: 0 of 2 connected",
        ),
        (
            Blockers(pools=(PoolWait("eu-edge", 1, 2, 2, "ops.a"),)),
            ["pool"],
            "1 item waits for a worker of eu-edge: 2 of 2 connected, and none of them has the daemon's ops.a, or any",
        ),
        (
            Blockers(pools=(PoolWait("compute", 1, 0, 2, trouble="cannot connect to Ray"),)),
            ["pool"],
            "1 item waits for a worker of compute: 0 of 2 connected: cannot connect to Ray",
        ),
        (Blockers(journal_lagging=True, permits=1), ["store", "permits"], ""),
        (Blockers(results_lagging=True), ["results"], "results files have to catch up before further items start"),
        (Blockers(), [], ""),
    ],
)
def test_what_holds_all_runs_up_comes_first(blockers: Blockers, kinds: list[str], text: str) -> None:
    """The store, and the bound on items in flight."""
    reasons = explain_waits(begun().conductor, None, blockers)
    first: list[Any] = reasons[: len(kinds)]
    assert [each["kind"] for each in first] == kinds
    assert reasons[len(kinds)]["kind"] == "item_in_flight"
    assert not text or first[0]["text"] == text


def test_an_unknown_task_is_an_error() -> None:
    """With the nearest that there is."""
    with pytest.raises(UnknownTask, match="did you mean 'fan'"):
        explain_waits(begun().conductor, "fam")


def test_what_has_ended_waits_for_nothing() -> None:
    """Whatever else holds the engine up."""
    drive = begun(workflow({"name": "a", "next": [then("b")]}, {"name": "b"}))
    drive.completes("a", outcome="failed", failure=failed())
    drive.completes("b")
    assert explain_waits(drive.conductor, None) == []
