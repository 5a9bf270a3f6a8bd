"""Failures of items in groups: what is alike, what is counted, and in how much memory."""

import tracemalloc

import pytest

from stretto.actors.history import failure_groups
from stretto.actors.history.failure_groups import (
    UnknownGroup,
    group_errors,
    list_error_items,
    without_numbers,
)
from stretto.actors.history.masks import SEALED
from stretto.actors.history.rerun_choices import RerunChoice
from stretto.actors.journal.records import RunAccepted
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import Failure, ItemCompleted, NothingToRerun, UnknownTask
from stretto.definitions.context.masking import MASK
from stretto.definitions.errors import Place
from tests.support.conducted import Conducted
from tests.support.counted_sql import counting
from tests.support.recording import acceptance, completed, failed, happening
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

ITEMS = """
ref: tests.items
parameters: {hosts: {type: array}, password: {secret: true, default: null}}
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ parameters.hosts }}"
    concurrency: 100
"""
AGAIN = """
ref: tests.again
tasks: [{name: probe, action: core.noop, next: [{when: "{{ failed() }}", do: [probe]}]}]
"""


def failing(
    index: int, message: str, *, kind: str = "failed", where: Place | None = None, attempt: int = 1
) -> ItemCompleted:
    """Return that an item has failed so."""
    failure = Failure(kind, message, where=where)
    return completed(index, outcome="failed", failure=failure, attempt=attempt, at=1001.0 + index)


def accepted(store: Store, *entries: ItemCompleted) -> RunAccepted:
    """Write a run with these entries."""
    run = acceptance()
    store.writer.write([run, happening(run.run_id, *entries)])
    return run


@pytest.mark.parametrize(
    ("message", "alike"),
    [
        ("no answer within 5 s", "no answer within # s"),
        ("host12.example:8080: 1,234.5 bytes", "host#.example:#: # bytes"),
        ("run 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b ended", "run <id> ended"),
        ("commit 3f5a9c1 of deadbeef", "commit <id> of deadbeef"),
        ("order 1234567", "order #"),
        ("nothing to see", "nothing to see"),
        ("", ""),
    ],
)
def test_numbers_and_ids_do_not_tell_failures_apart(message: str, alike: str) -> None:
    """Words that happen to be hexadecimal digits stay."""
    assert without_numbers(message) == alike


def test_like_failures_are_one_group(store: Store) -> None:
    """The most frequent first, each with its first item and that item's message."""
    run = accepted(
        store, failing(7, "no answer within 5 s"), completed(1), failing(3, "no answer within 60 s"),
        failing(4, "no answer", kind="timed_out"), failing(5, "no answer within 5 s", where=Place("w.yaml", 9, 3)),
    )  # fmt: skip
    found = group_errors(store.reader, run.run_id)
    assert found["others"] == 0
    place = run.workflow.tasks["probe"].action_place.as_json()
    first, *rest = found["groups"]
    assert {name: value for name, value in first.items() if name != "id"} == {
        "task": "probe", "kind": "failed", "message": "no answer within # s", "where": place, "count": 2,
        "first": {"visit": 1, "index": 7, "attempt": 1, "at": "1970-01-01T00:16:48.000000Z"},
        "sample": "no answer within 5 s",
    }  # fmt: skip
    assert [(each["kind"], each["where"], each["count"]) for each in rest] == [
        ("timed_out", place, 1),
        ("failed", {"file": "w.yaml", "line": 9, "column": 3}, 1),
    ]
    assert len({each["id"] for each in found["groups"]}) == 3


def test_the_items_of_a_group_are_ranges(store: Store) -> None:
    """Another group has others."""
    run = accepted(store, *(failing(index, "down" if index != 2 else "up") for index in range(5)))
    groups = {each["sample"]: each["id"] for each in group_errors(store.reader, run.run_id)["groups"]}
    assert list_error_items(store.reader, run.run_id, groups["down"]) == {"probe": [[0, 1], [3, 4]]}
    assert list_error_items(store.reader, run.run_id, groups["up"]) == {"probe": [[2, 2]]}
    with pytest.raises(UnknownRun):
        list_error_items(store.reader, "none", groups["up"])


def test_a_group_that_a_run_does_not_have_is_refused_with_the_nearest_one(store: Store) -> None:
    """Without a near one, those that there are stand in the message."""
    run = accepted(store, failing(0, "down"))
    (group,) = (each["id"] for each in group_errors(store.reader, run.run_id)["groups"])
    mistyped = group[:-1] + ("0" if group[-1] != "0" else "1")
    with pytest.raises(UnknownGroup, match=f"{mistyped}.*; did you mean '{group}'\\?"):
        list_error_items(store.reader, run.run_id, mistyped)
    with pytest.raises(UnknownGroup, match=f"there is no group 'none' .*; there are: {group}"):
        list_error_items(store.reader, run.run_id, "none")
    succeeded = accepted(store, completed(0))
    with pytest.raises(UnknownGroup, match="`stretto runs errors` lists the groups"):
        list_error_items(store.reader, succeeded.run_id, group)


def test_a_group_whose_task_has_run_again_without_it_has_nothing_to_rerun(store: Store) -> None:
    """The group exists, but its items are not those of the task's last visit."""
    run = Conducted(store, AGAIN)
    run.fail("probe", 0, "down")
    run.succeed("probe", 0)
    (group,) = (each["id"] for each in group_errors(store.reader, run.id)["groups"])
    assert list_error_items(store.reader, run.id, group) == {}
    with pytest.raises(NothingToRerun, match=f"tasks of the group '{group}' again"):
        RerunChoice(error_group=group).of(run.id, store.reader)


def test_an_item_counts_by_its_last_attempt(store: Store) -> None:
    """One that was retried and succeeded has not failed, a skipped one neither."""
    run = accepted(
        store, failing(0, "once"), failing(1, "once"), failing(2, "once"), completed(0, attempt=2),
        failing(1, "twice", attempt=2), completed(3, outcome="skipped"), completed(2, visit=2),
    )  # fmt: skip
    groups = group_errors(store.reader, run.run_id)["groups"]
    assert [(each["sample"], each["count"], each["first"]["index"]) for each in groups] == [
        ("once", 1, 2),
        ("twice", 1, 1),
    ]


def test_a_task_is_asked_for_by_its_name(store: Store) -> None:
    """One that the workflow has not is unknown, as is a run."""
    run = accepted(store, failed(0))
    assert [each["count"] for each in group_errors(store.reader, run.run_id, "probe")["groups"]] == [1]
    with pytest.raises(UnknownTask, match="did you mean 'probe'"):
        group_errors(store.reader, run.run_id, "prob")
    with pytest.raises(UnknownRun, match="there is no run 'none'"):
        group_errors(store.reader, "none")


def test_secrets_are_masked_and_sealed_without_the_key(store: Store) -> None:
    """The message is masked before it is compared, so that no group tells a secret."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b"], "password": "hunter2hunter"})
    run.fail("probe", 0, "wrong: hunter2hunter")
    run.fail("probe", 1, "wrong: hunter2hunter")
    (group,) = group_errors(store.reader, run.id)["groups"]
    assert (group["sample"], group["count"]) == (f"wrong: {MASK}", 2)
    keyless = SqlReader(store.reader._engine, None, store.url)
    (sealed,) = group_errors(keyless, run.id)["groups"]
    assert (sealed["kind"], sealed["message"], sealed["count"], sealed["where"]) == (SEALED, SEALED, 2, None)


def test_groups_have_their_bounds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not shown is counted, whether its group was known or not."""
    monkeypatch.setattr(failure_groups, "MAX_GROUPS", 2)
    monkeypatch.setattr(failure_groups, "MAX_COUNTED", 3)
    monkeypatch.setattr(failure_groups, "_MEMO", 1)
    run = accepted(store, *(failing(index, word) for index, word in enumerate("abbbccdde")))
    found = group_errors(store.reader, run.run_id)
    assert [(each["sample"], each["count"]) for each in found["groups"]] == [("b", 3), ("c", 2)]
    assert found["others"] == 4


def test_many_failures_are_read_in_portions(store: Store) -> None:
    """However many items have failed, one portion of rows and the groups are in memory; the rows are read once."""
    number = 5_000
    run = accepted(store, *(failing(index, f"no answer of host {index}: {'x' * 500}") for index in range(number)))
    group_errors(store.reader, run.run_id)  # caches are filled
    tracemalloc.start()
    try:
        (group,) = group_errors(store.reader, run.run_id)["groups"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert group["count"] == number
    with counting(store.reader._engine) as counted:
        group_errors(store.reader, run.run_id)
    assert len([each for each in counted.statements if "body" in each]) <= number // 1000 + 2
    assert peak < 30_000_000
    assert counted.steps < number * 200  # none on PostgreSQL
