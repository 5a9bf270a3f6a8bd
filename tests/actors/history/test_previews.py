"""What a cancellation or a rerun would do is what it does."""

from random import Random
from typing import Any
from unittest import mock

import pytest

from stretto.actors.history import previews
from stretto.actors.history.failure_groups import group_errors
from stretto.actors.history.past_runs import read_past_run
from stretto.actors.history.previews import count_cancelled, preview_cancel, preview_rerun
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import CannotKeep, IllegalTransition, NothingToRerun
from stretto.definitions.errors import StrettoError
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

FAN = """
ref: tests.fan
cancellation_policy: cancel_running
tasks:
  - {name: first, action: core.noop, next: [{do: [fan]}]}
  - name: fan
    action: core.noop
    with_items: [1, 2, 3, 4, 5]
    concurrency: 2
    next: [{when: "{{ succeeded() }}", do: [last]}]
  - {name: last, action: core.noop}
"""


def test_a_cancellation_is_counted(store: Store) -> None:
    """The items in flight, and those that would never start; by a replay as by the conductor."""
    run = Conducted(store, FAN)
    run.succeed("first")
    run.succeed("fan", 0)
    expected = {"policy": "cancel_running", "tasks": 1, "items": 2, "not_started": 2}
    assert count_cancelled(run.conductor) == expected
    assert preview_cancel(store.reader, run.id) == expected


def test_a_rerun_is_counted(store: Store) -> None:
    """Everything, the failed task and what follows it, or only its failed items."""
    run = Conducted(store, FAN)
    run.succeed("first")
    for index in (0, 1, 2, 3):
        run.succeed("fan", index)
    with pytest.raises(IllegalTransition, match="it has not ended; cancel it first"):
        preview_rerun(store.reader, run.id)
    run.fail("fan", 4)
    assert run.finish is not None
    assert preview_rerun(store.reader, run.id) == {"tasks": 2, "items": 6}
    assert preview_rerun(store.reader, run.id, "failed_tasks") == {"tasks": 1, "items": 5}
    assert preview_rerun(store.reader, run.id, "failed_items") == {"tasks": 1, "items": 1}
    assert preview_rerun(store.reader, run.id, "failed_items", "fan") == {"tasks": 1, "items": 1}
    assert preview_rerun(store.reader, run.id, items={"fan": [0, [3, 4]]}) == {"tasks": 1, "items": 3}
    (group,) = group_errors(store.reader, run.id)["groups"]
    assert preview_rerun(store.reader, run.id, error_group=group["id"]) == {"tasks": 1, "items": 1}
    with pytest.raises(ValueError, match="items and error_group exclude each other"):
        preview_rerun(store.reader, run.id, items={"fan": [0]}, error_group=group["id"])
    with pytest.raises((NothingToRerun, CannotKeep)):
        preview_rerun(store.reader, run.id, "failed_items", "first")
    with pytest.raises(IllegalTransition, match="it has ended"):
        preview_cancel(store.reader, run.id)


@pytest.mark.parametrize("preview", [preview_cancel, preview_rerun])
def test_a_run_that_there_is_not(store: Store, preview: object) -> None:
    """It is unknown."""
    with pytest.raises(UnknownRun):
        preview(store.reader, "none")  # type: ignore[operator]


RUNS = {
    "fan": FAN,
    "handled": """
ref: tests.handled
tasks:
  - name: fan
    action: core.noop
    with_items: [1, 2, 3]
    max_failures: 1
    next: [{when: "{{ failed() }}", do: [alert]}, {when: "{{ succeeded() }}", do: [last]}]
  - {name: alert, action: core.noop}
  - {name: last, action: core.noop}
""",
    "branches": """
ref: tests.branches
tasks:
  - {name: a, action: core.noop, next: [{when: "{{ failed() }}", do: [c]}, {when: "{{ succeeded() }}", do: [d]}]}
  - {name: b, action: core.noop, with_items: [1, 2], max_failures: 1, next: [{do: [d]}]}
  - {name: c, action: core.noop}
  - {name: d, join: all, action: core.noop}
""",
    "again": """
ref: tests.again
vars: {laps: 0}
tasks:
  - name: lap
    action: core.noop
    with_items: [1, 2]
    next:
      - {when: "{{ failed() and workflow.laps < 2 }}", publish: [{laps: "{{ workflow.laps + 1 }}"}], do: [lap]}
      - {when: "{{ succeeded() }}", publish: [{wrong: "{{ 1 / (result()[0] or 0) }}"}], do: [last]}
  - {name: last, action: core.noop}
on_cancel: last
""",
    "fast": """
ref: tests.fast
fail_fast: true
tasks:
  - {name: a, action: core.noop, with_items: [1, 2, 3], next: [{do: [c]}]}
  - {name: b, action: core.noop}
  - {name: c, action: core.noop}
""",
}
CHOICES: list[dict[str, Any]] = [
    {"scope": "failed_tasks"},
    {"scope": "failed_items"},
    *({"scope": "failed_items", "task": task} for task in ("fan", "a", "b", "lap")),
    *({"items": {task: [[0, 1]]}} for task in ("fan", "a", "b", "lap")),
]


def preview(store: Store, run: str, choice: dict[str, Any]) -> object:
    """Return a preview, or the error in place of it."""
    try:
        return preview_rerun(store.reader, run, **choice)
    except StrettoError as error:
        return type(error), str(error)


@pytest.mark.parametrize("name", RUNS)
def test_a_preview_without_a_replay_is_that_of_a_replay(name: str) -> None:
    """Of runs in which any items fail, in any order; and of most of them none is needed."""
    random, alone = Random(name), 0  # noqa: S311 - the same runs each time
    with open_store("sqlite://", None) as store:
        for _ in range(24):
            run = Conducted(store, RUNS[name])
            while run.started:
                task, index = random.choice(sorted(run.started))
                if random.random() < 0.3:
                    run.fail(task, index)
                else:
                    run.succeed(task, index, random.choice([0, 1]))
            assert run.finish is not None
            found = [preview(store, run.id, choice) for choice in CHOICES]
            row = store.reader.run(run.id)
            assert row is not None
            alone += read_past_run(store.reader, run.accepted, row) is not None
            with mock.patch.object(previews, "read_past_run", return_value=None):
                assert found == [preview(store, run.id, choice) for choice in CHOICES]
    assert alone >= 12


def test_the_preview_of_a_large_run_reads_none_of_its_entries() -> None:
    """The rows of its visits have the counts, and the map of its items which are chosen."""
    with open_store("sqlite://", None) as store:
        run = Conducted(store, FAN)
        run.succeed("first")
        for index in range(4):
            run.succeed("fan", index)
        run.fail("fan", 4)
        with mock.patch.object(type(store.reader), "entries", side_effect=AssertionError):
            for choice in ({"scope": "failed_tasks"}, {"scope": "failed_items"}, {"items": {"fan": [4]}}):
                assert isinstance(preview(store, run.id, choice), dict)
