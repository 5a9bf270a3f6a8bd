"""Visits that read a file, or write one: what is commanded when, and what comes of it."""

from typing import Any

import pytest

from stretto.definitions import freeze, thaw
from stretto.definitions.conductor import (
    NO_BRANCH,
    BadLine,
    CloseResults,
    Command,
    IllegalTransition,
    ItemsRead,
    ItemsWithdrawn,
    OpenResults,
    ReadItems,
    ResultsClosed,
    ResultsOpened,
    RetryRequested,
    SkipRequested,
    StreamFailed,
    WriteResult,
)
from stretto.definitions.conductor.events import StreamProblem
from stretto.definitions.conductor.lazy_items import LazyItems
from stretto.definitions.conductor.streamed import MAX_FAILURES_KEPT, StreamedVisit
from stretto.definitions.data.frozen import FrozenList
from tests.support.driving import Drive, failed, starts
from tests.support.evaluating import frozen_list
from tests.support.writing import then, workflow

FAN: dict[str, Any] = {"name": "a", "with_items": {"lines": "in.txt"}, "concurrency": 2, "next": [then("b")]}
FILED: dict[str, Any] = {**FAN, "results": {"jsonl": "out.jsonl"}}


def driven(task: dict[str, Any] = FAN, **more: Any) -> Drive:
    """Begin a run of a task, and one that follows."""
    drive = Drive(workflow(task, {"name": "b"}, **more))
    drive.visits["a"] = 1
    return drive


def read(drive: Drive, *items: Any, start: int = 0, ended: bool = False) -> list[Command]:
    """Answer with items, each a byte long."""
    frozen = freeze(list(items))
    assert isinstance(frozen, FrozenList)
    offset = start + len(items)
    return drive.on(ItemsRead("a", 1, frozen, start, offset, offset, ended, drive.tick()))


def opened(drive: Drive) -> list[Command]:
    """Answer that there is a file of results."""
    return drive.on(ResultsOpened("a", 1, drive.tick()))


def closed(drive: Drive) -> list[Command]:
    """Answer that the file of results is whole."""
    return drive.on(ResultsClosed("a", 1, drive.tick()))


def fails(drive: Drive, kind: StreamProblem) -> list[Command]:
    """Answer that a file cannot be read or written."""
    return drive.on(StreamFailed("a", 1, kind, "no luck", drive.tick()))


def kinds(commands: list[Command]) -> list[str]:
    """Return what is commanded, in its order."""
    return [type(each).__name__ for each in commands]


def test_items_are_asked_for_before_the_window_runs_dry() -> None:
    """The next ones as soon as the first of those that were read last may start."""
    drive = driven()
    assert drive.commands[-1] == ReadItems("a", 1, "lines", "in.txt", 0, 0)
    commands = read(drive, "x", "y", "z")
    assert starts(commands) == [("a", 0), ("a", 1)]
    assert commands[-1] == ReadItems("a", 1, "lines", "in.txt", 3, 3)
    assert kinds(read(drive, "u", "v", start=3)) == []
    assert kinds(drive.completes("a", index=0)) == ["StartItem", "ReadItems"]
    assert kinds(drive.completes("a", index=1)) == ["StartItem"]
    read(drive, start=5, ended=True)
    for index in (2, 3):
        assert not drive.finished
        drive.completes("a", index, index)
    drive.completes("a", 4, 4)
    assert drive.ended("a").items == 5
    assert thaw(drive.ended("a").result) == [None, None, 2, 3, 4]


def test_bad_lines_are_told_after_the_failed_items() -> None:
    """They fail nothing, and only the first are kept."""
    source = {"jsonl": "in.txt", "on_bad_line": "collect"}
    drive = driven({**FAN, "with_items": source, "max_failures": 1})
    assert drive.commands[-1] == ReadItems("a", 1, "jsonl", "in.txt", 0, 0, "collect")
    bad = tuple(BadLine("[", f"in.txt, line {number}: no") for number in range(MAX_FAILURES_KEPT + 5))
    drive.on(ItemsRead("a", 1, frozen_list(["x", "y"]), 0, 9, 9, True, drive.tick(), bad))
    drive.fails("a", 0)
    drive.completes("a", "fine", 1)
    record = drive.conductor.context.look(NO_BRANCH, 0).tasks["a"]
    assert (record.outcome, len(record.errors)) == ("succeeded", 1 + MAX_FAILURES_KEPT)
    assert thaw(record.errors[1]) == {
        "index": None, "item": "[", "error": {"kind": "bad_line", "message": "in.txt, line 0: no"},
    }  # fmt: skip


def test_a_task_with_a_file_of_results_ends_when_that_is_whole() -> None:
    """Its file is made when the first items are there, and nothing starts before that."""
    drive = driven(FILED)
    assert kinds(read(drive, "x", "y", ended=True)) == ["OpenResults"]
    assert drive.commands[-1] == OpenResults("a", 1, "out.jsonl", "in.txt")
    assert kinds(opened(drive)) == ["StartItem", "StartItem"]
    assert drive.completes("a", "second", 1) == [WriteResult("a", 1, 1, "succeeded", "second", None)]
    assert kinds(drive.completes("a", "first", 0)) == ["WriteResult", "CloseResults"]
    with pytest.raises(IllegalTransition, match="the task is not running"):
        drive.on(SkipRequested("a", 0, drive.tick()))
    assert kinds(closed(drive)) == ["TaskEnded", "TaskStarted", "StartItem"]
    expected = {"path": "out.jsonl", "items": 2, "succeeded": 2, "failed": 0}
    assert thaw(drive.ended("a").result) == expected


@pytest.mark.parametrize(
    "late", [closed, opened, lambda drive: read(drive, "x"), lambda drive: fails(drive, "unwritable_results")]
)
def test_an_event_that_is_not_awaited_means_nothing(late: Any) -> None:
    """An answer that comes twice, or to what was never asked."""
    drive = driven({**FAN, "with_items": [1]})
    before = len(drive.commands)
    assert late(drive) == []
    assert len(drive.commands) == before


def test_a_piece_that_was_read_twice_counts_once() -> None:
    """It is known by where it begins."""
    drive = driven()
    read(drive, "x", "y")
    assert read(drive, "x", "y") == []
    assert starts(read(drive, "z", start=2, ended=True)) == []
    assert starts(drive.completes("a", index=0)) == [("a", 2)]


@pytest.mark.parametrize("kind", ["unreadable_source", "unwritable_results"])
def test_a_file_that_fails_ends_the_task_when_what_runs_has_finished(kind: StreamProblem) -> None:
    """Nothing more starts, and it is not tried again."""
    drive = driven(
        {**FILED, "retry": {"count": 3}, "max_failures": 10, "next": [{"when": "{{ failed() }}", "do": "b"}]}
    )
    read(drive, "x", "y", "z")
    opened(drive)
    if kind == "unwritable_results":
        drive.completes("a", "one", 0)
        drive.completes("a", "two", 1)
        read(drive, start=3, ended=True)
        assert kinds(drive.completes("a", "three", 2)) == ["WriteResult", "CloseResults"]
        ended = fails(drive, kind)
    else:
        assert fails(drive, kind) == []
        with pytest.raises(IllegalTransition, match="it will not start"):
            drive.on(SkipRequested("a", 2, drive.tick()))
        assert kinds(drive.completes("a", "one", 0)) == ["WriteResult"]
        assert kinds(drive.completes("a", "two", 1)) == ["WriteResult", "CloseResults"]
        ended = closed(drive)
    assert kinds(ended) == ["TaskEnded", "TaskStarted", "StartItem"]
    assert drive.ended("a").outcome == "failed"
    (error,) = drive.conductor.errors()
    assert (error["code"], error["handled"], error["item_index"]) == (kind, True, None)
    assert error["where"]["line"] > 0


def test_a_failed_item_cannot_be_tried_again_without_a_file() -> None:
    """The reason is reported."""
    drive = driven({**FAN, "max_failures": 3})
    read(drive, "x", "y", "z")
    drive.fails("a", 0)
    fails(drive, "unreadable_source")
    with pytest.raises(IllegalTransition, match="a file of the task cannot be read or written"):
        drive.on(RetryRequested("a", 0, drive.tick()))


@pytest.mark.parametrize("moment", ["opening", "reading", "open"])
def test_a_cancelled_run_leaves_a_whole_file(moment: str) -> None:
    """A file to create is awaited, and closed; items to read are not awaited."""
    drive = driven(FILED)
    if moment != "reading":
        read(drive, "x", "y", "z")
    if moment == "open":
        opened(drive)
        drive.completes("a", "one", 0)
    commands = drive.cancel()
    if moment == "reading":
        assert kinds(commands) == ["TaskEnded", "FinishRun"]
        assert read(drive, "x") == []
        return
    if moment == "opening":
        assert kinds(commands) == []
        assert kinds(opened(drive)) == ["CloseResults"]
    else:
        assert kinds(commands) == ["WithdrawItems"]
        drive.on(ItemsWithdrawn("a", 1, (2,), drive.tick()))
        assert kinds(drive.completes("a", "two", 1)) == ["WriteResult", "CloseResults"]
    assert kinds(closed(drive)) == ["TaskEnded", "FinishRun"]
    assert drive.ended("a").outcome == "cancelled"
    assert drive.finish.status == "cancelled"


def test_a_paused_run_reads_no_further() -> None:
    """The requested items are taken, and start when the run is resumed."""
    drive = driven(FILED)
    drive.pause()
    assert read(drive, "x", "y", "z") == []
    commands = drive.resume()
    assert kinds(commands) == ["OpenResults", "ReadItems"]
    assert drive.conductor.streams() == commands
    drive.pause()
    assert opened(drive) == []
    assert starts(drive.resume()) == [("a", 0), ("a", 1)]


def test_what_is_read_but_not_started_can_be_skipped() -> None:
    """Its line comes when there is a file."""
    drive = driven(FILED)
    read(drive, "x", "y", "z", ended=True)
    assert drive.on(SkipRequested("a", 1, drive.tick())) == []
    with pytest.raises(IllegalTransition, match=r"no such item; its items are numbered 0 to 2"):
        drive.on(SkipRequested("a", 3, drive.tick()))
    assert kinds(opened(drive)) == ["StartItem", "StartItem", "WriteResult"]


def test_how_many_items_there_are_is_not_shown_before_it_is_known() -> None:
    """Nor are items that have not been read."""
    drive = driven({**FAN, "max_failures": 0})
    assert drive.conductor.tasks()["a"]["items"]["total"] is None
    read(drive, "x", "y", "z")
    with pytest.raises(IllegalTransition, match="it has not been read yet: 3 items of the task 'a' have"):
        drive.on(SkipRequested("a", 3, drive.tick()))
    drive.fails("a", 0)
    drive.completes("a", index=1)
    assert drive.ended("a").outcome == "failed"
    assert drive.conductor.errors()[0]["message"] == "1 of 3 items that were read failed"


def test_a_share_counts_failures_that_are_not_held() -> None:
    """Of a list whose results go into a file, the first failures are held, and all count."""
    count = 3 * MAX_FAILURES_KEPT
    task = {**FILED, "with_items": list(range(count)), "concurrency": count, "max_failures": "50%"}
    drive = driven(task)
    opened(drive)
    for index in range(count // 2):
        drive.fails("a", index)
    assert not drive.conductor.last_visit("a").stopped  # type: ignore[union-attr]
    drive.fails("a", count // 2)
    visit = drive.conductor.last_visit("a")
    assert isinstance(visit, StreamedVisit)
    assert (visit.stopped, visit.failed, len(visit.failures)) == (True, count // 2 + 1, MAX_FAILURES_KEPT)
    with pytest.raises(IllegalTransition, match="it is not among the first 1,000 failures"):
        drive.on(RetryRequested("a", count // 2, drive.tick()))


def test_a_failed_item_is_seen_with_its_item() -> None:
    """In `on_error`, and in `errors`."""
    drive = driven({**FAN, "retry": {"count": 1, "on_error": "{{ item == 'y' }}"}, "max_failures": 5})
    read(drive, "x", "y", ended=True)
    drive.fails("a", 0)
    assert [each.index for each in drive.conductor.outstanding()] == [1]
    drive.fails("a", 1, failed("failed"))
    assert len(drive.conductor.timers()) == 1


def test_batches_are_made_of_what_is_read() -> None:
    """Whatever the pieces; the last is shorter, and a file without an item has none."""
    items = LazyItems("lines", "in.txt", 3)
    sizes = [2, 2, 0, 3, 1]
    start = 0
    for number, size in enumerate(sizes):
        items.read("a", 1)
        piece = freeze(list(range(start, start + size)))
        assert isinstance(piece, FrozenList)
        items.take(ItemsRead("a", 1, piece, start, start + size, 0, number == len(sizes) - 1, 0.0))
        start += size
    assert [list(items[index]) for index in range(len(items))] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    items.forget(0)
    assert items.held == 2


def test_a_closed_file_is_asked_for_once() -> None:
    """Also if the run is cancelled while it is being closed."""
    drive = driven(FILED)
    read(drive, ended=True)
    assert drive.on(ResultsOpened("a", 1, drive.tick())) == [CloseResults("a", 1)]
    assert drive.conductor.streams() == [CloseResults("a", 1)]
    assert drive.cancel() == []
    assert kinds(closed(drive)) == ["TaskEnded", "FinishRun"]
    assert drive.ended("a").outcome == "succeeded"
