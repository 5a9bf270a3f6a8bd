"""Errors of a run as lines."""

from typing import Any

from stretto.actors.history import error_lines, tolerated_lines
from stretto.actors.history.error_text import error_line

WHERE = {"file": "a.yaml", "line": 7, "column": 23}


def cause(count: int, message: str, item: int | None = 0, **fields: Any) -> dict[str, Any]:
    """Return one of the different errors of some items."""
    return {
        "count": count, "of": 5000, "code": "action_failed", "message": message, "where": WHERE, "item_index": item,
        "traceback": None, **fields,
    }  # fmt: skip


def record(message: str, **fields: Any) -> dict[str, Any]:
    """Return an error record."""
    return {"code": "action_failed", "message": message, "task": "a", "visit": 1, "where": WHERE, **fields}


def test_equal_errors_of_items_are_one_line() -> None:
    """The items' own records are not shown again."""
    records = [
        record("60 of 5,000 items failed (showing 10)", causes=[cause(60, "no such key")]),
        *(record("no such key", item_index=index) for index in range(10)),
        record("of another task", task="b", item_index=3),
    ]
    assert list(error_lines(records)) == [
        "a.yaml:7:23: 60 of 5,000 items: no such key [action_failed]",
        "a.yaml:7:23: of another task (item 3) [action_failed]",
    ]


def test_different_errors_of_items_are_counted_below_their_task() -> None:
    """An error of one item names it; errors without a record are a number."""
    causes = [cause(60, "no such key"), cause(1, "timed out", 7), cause(5, "other errors", None, where=None)]
    records = [record("66 of 5,000 items failed (showing 10)", code="items_failed", causes=causes, handled=True)]
    assert list(error_lines(records)) == [
        "a.yaml:7:23: handled: 66 of 5,000 items failed [items_failed]",
        "  a.yaml:7:23: handled: 60 of 5,000 items: no such key [action_failed]",
        "  a.yaml:7:23: handled: timed out (item 7) [action_failed]",
        "  handled: 5 of 5,000 items: other errors [action_failed]",
    ]


def test_the_frames_of_an_exception_follow_its_line() -> None:
    """A frame without its text is shown by its place."""
    frames = [
        {"file": "/srv/a.py", "line": 10, "function": "boom", "code": "return helper()"},
        {"file": "/srv/a.py", "line": 3, "function": "helper", "code": ""},
    ]
    assert list(error_lines([record("KeyError: 'x'", traceback=frames)])) == [
        "a.yaml:7:23: KeyError: 'x' [action_failed]",
        "  at /srv/a.py:10 in boom: return helper()",
        "  at /srv/a.py:3 in helper",
    ]
    grouped = record("2 of 5,000 items failed", causes=[cause(2, "KeyError: 'x'", traceback=frames[1:])])
    assert list(error_lines([grouped]))[1:] == ["  at /srv/a.py:3 in helper"]


def test_a_run_that_tolerated_failures_has_one_line_about_them() -> None:
    """It names some tasks and the most frequent error of each."""
    assert list(tolerated_lines([])) == []
    several = record("3 of 5,000 items failed", causes=[cause(2, "down"), cause(1, "slow")])
    assert list(tolerated_lines([several, record("down", item_index=1)])) == [
        "tolerated: 'a': 3 of 5,000 items failed (most often down)"
    ]
    assert list(tolerated_lines([record("no luck"), *(record("down", task=each) for each in "bcde")])) == [
        "tolerated: 'a': no luck; 'b': down; 'c': down; and 2 more"
    ]


def test_a_damaged_record_is_shown_as_far_as_it_goes() -> None:
    """A flipped bit in the name of a field of its place, or of a cause."""
    place = {"file": "w.yaml", "line": 1, "colunn": 2}
    damaged = record("2 of 3 items failed", where=place, causes=[{"count": 2, "message": "no"}])
    assert list(error_lines([damaged])) == [error_line({**damaged, "where": None})]
