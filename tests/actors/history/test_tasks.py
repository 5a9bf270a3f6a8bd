"""The tasks of a run, with the times of their visits."""

import pytest

from stretto.actors.history import list_tasks, show_task, task_of, tasks_of
from stretto.actors.history.cells import UnknownVisit
from stretto.actors.journal.sql.store import Store
from stretto.definitions.conductor import UnknownTask
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

ONE = """
ref: tests.one
tasks:
  - {name: first, action: core.noop, next: [{do: [each]}]}
  - {name: each, action: core.noop, with_items: [1, 2], concurrency: 2}
"""


def conducted(store: Store) -> Conducted:
    """Return a run in progress: its first task has ended, one of two items of the second one, too."""
    run = Conducted(store, ONE)
    run.succeed("first")
    run.succeed("each", 0)
    return run


def test_tasks_come_in_the_order_of_the_definition(store: Store) -> None:
    """With the counts of their items now, and the times of their newest visit."""
    first, each = list_tasks(store.reader, conducted(store).id)
    assert first == {
        "task": "first", "status": "succeeded", "visit": 1, "visits": 1,
        "started_at": first["started_at"], "ended_at": first["ended_at"],
        "items": {"total": 1, "succeeded": 1, "failed": 0, "running": 0},
    }  # fmt: skip
    assert first["started_at"] < first["ended_at"]
    assert (each["status"], each["ended_at"]) == ("running", None)
    assert each["items"] == {"total": 2, "succeeded": 1, "failed": 0, "running": 1}


def test_one_task_is_shown_with_a_visit(store: Store) -> None:
    """The newest one without another wish."""
    run = conducted(store)
    assert show_task(store.reader, run.id, "each") == list_tasks(store.reader, run.id)[1]
    assert show_task(store.reader, run.id, "each", 1) == show_task(store.reader, run.id, "each")
    with pytest.raises(UnknownVisit, match="the task 'each' has no visit 2; it has 1"):
        show_task(store.reader, run.id, "each", 2)
    with pytest.raises(UnknownTask, match=r"there is no task 'eech' in tests\.one; did you mean 'each'"):
        show_task(store.reader, run.id, "eech")


def test_without_a_store_the_times_are_not_known() -> None:
    """Everything else is in the run's status."""
    items = {"total": 0, "succeeded": 0, "failed": 0, "running": 0}
    status = {
        "id": "r", "workflow": "w", "status": "running",
        "tasks": {
            "a": {"status": "running", "visits": 2, "items": items},
            "b": {"status": "not_started", "visits": 0, "items": items},
        },
    }  # fmt: skip
    a, b = tasks_of(status)
    assert (a["visit"], a["visits"], a["started_at"]) == (2, 2, None)
    assert (b["visit"], b["visits"], b["status"]) == (None, 0, "not_started")
    with pytest.raises(UnknownVisit):
        task_of(status, "a", 1)
