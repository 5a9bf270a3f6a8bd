"""The states of a graph's nodes."""

from typing import Any

from stretto.actors.gateway.http.node_states import marks_of, states_of
from stretto.definitions.drawing import Node, Picture


def report(status: str, total: int | None = 1, succeeded: int = 0, failed: int = 0, visits: int = 1) -> dict[str, Any]:
    items = {"total": total, "succeeded": succeeded, "failed": failed, "running": 0}
    return {"status": status, "visits": visits, "items": items}


def picture(*tasks: tuple[str, ...]) -> Picture:
    nodes = {
        each[0] if each else "fail": Node(each[0] if each else "fail", ("x",), False, False, False, each)
        for each in tasks
    }
    return Picture("p", nodes, (), (), ())


def test_a_task_has_its_own_state() -> None:
    """An engine command has none."""
    states = states_of(picture(("a",), ()), {"a": report("running", 10, 6, 1, visits=2)})
    assert states == {
        "a": {
            "status": "running", "statuses": {"running": 1}, "visits": 2,
            "items": {"total": 10, "succeeded": 6, "failed": 1, "running": 0},
        }
    }  # fmt: skip


def test_folded_tasks_have_the_worst_status() -> None:
    """A failed one comes before one in progress, and that before one that has not started."""
    tasks = {
        "a": report("succeeded", 1, 1), "b": report("running", None), "c": report("not_started", 0, visits=0),
        "d": report("failed", 1, 0, 1),
    }  # fmt: skip
    whole = states_of(picture(("a", "b", "c", "d")), tasks)["a"]
    assert (whole["status"], whole["items"]["total"]) == ("failed", None)
    assert states_of(picture(("a", "b", "c")), tasks)["a"]["status"] == "running"
    assert states_of(picture(("a", "c")), tasks)["a"]["status"] == "not_started"
    assert states_of(picture(("a",)), tasks)["a"]["status"] == "succeeded"


def test_a_mark_says_the_status_in_words() -> None:
    """And by a sign, for tasks in progress, too."""
    states = states_of(
        picture(("a",), ("b", "c"), ("d",)),
        {
            "a": report("timed_out", 1, 0, 1), "b": report("succeeded"), "c": report("not_started", 0),
            "d": report("delayed", 1_000, 5),
        },
    )  # fmt: skip
    marks = marks_of(states)
    assert marks["a"] == ("timed_out", "✕", "a: timed out")
    assert marks["b"] == ("not_started", "·", "b: 1 succeeded, 1 not started")
    assert marks["d"] == ("delayed", "◐", "d: delayed; 5 of 1,000 items succeeded, 0 failed")
