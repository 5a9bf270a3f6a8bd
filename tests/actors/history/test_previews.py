"""What a cancellation or a rerun would do is what it does."""

import pytest

from stretto.actors.history.failure_groups import group_errors
from stretto.actors.history.previews import count_cancelled, preview_cancel, preview_rerun
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import CannotKeep, IllegalTransition, NothingToRerun
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
