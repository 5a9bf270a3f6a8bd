"""Requests to runs in a store without a daemon: written, and found by the run's recovery."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest

from stretto.actors.history import UnknownGroup, group_errors, load, reports
from stretto.actors.history.offline import OfflineRuns
from stretto.actors.history.replay import outcome_for_parent, replay
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Origin, Rerun, Suspicion, Suspicions
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import (
    CancelRequested,
    CannotKeep,
    Conductor,
    Event,
    IllegalTransition,
    InvalidItems,
    ItemCompleted,
    PauseRequested,
    ResumeRequested,
    TaskCancelRequested,
    TaskPauseRequested,
    TaskResumeRequested,
)
from tests.support.conducted import Conducted
from tests.support.stores import KEYRING, everything_in, unfinished

NOW = 5000.0
ITEMS = """
ref: tests.items
parameters: {hosts: {type: array}}
cancellation_policy: cancel_running
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ parameters.hosts }}"
    concurrency: 2
    next: [{do: [last]}]
  - {name: last, action: core.noop}
output_map: {said: "{{ task.last.result }}"}
"""
DELAYED = "ref: tests.delayed\ntasks: [{name: only, action: core.noop, delay: 60}]\n"
ONE = "ref: tests.one\nparameters: {given: {default: 0}}\ntasks: [{name: only, action: core.noop}]\n"
CALLING = "ref: tests.calling\nparameters: {password: {secret: true, default: x}}\n"
CALLING += "tasks: [{name: call, action: tests.one}]\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store in a file."""
    with open_store(f"sqlite:///{tmp_path}/store.db", KEYRING) as opened:
        yield opened


@pytest.fixture
def runs(store: Store) -> OfflineRuns:
    """Return its runs."""
    return OfflineRuns(store, lambda: NOW)


def rebuilt(store: Store, run_id: str) -> Conductor:
    """Return a run as its record leaves it."""
    accepted = store.reader.accepted(run_id)
    assert accepted is not None
    return replay(store.reader, accepted)[0]


def status(store: Store, run_id: str) -> str:
    """Return a run's status as lists tell it."""
    row = store.reader.run(run_id)
    assert row is not None
    return row.status


def test_a_request_is_an_entry_and_a_status(store: Store, runs: OfflineRuns) -> None:
    """A run is paused and resumed: lists and a replay agree on it each time."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b", "c"]})
    for request, expected in ((PauseRequested, "paused"), (ResumeRequested, "running")):
        runs.request(run.id, request)
        assert (status(store, run.id), rebuilt(store, run.id).status) == (expected, expected)
    assert store.reader.entries(run.id, 0, 10) == [PauseRequested(NOW), ResumeRequested(NOW)]


def test_what_is_in_flight_is_left_for_the_next_daemon(store: Store, runs: OfflineRuns) -> None:
    """A cancelled run has not ended as long as something may run; it ends when that has."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b", "c"]})
    run.succeed("probe", 0)
    runs.request(run.id, CancelRequested)
    assert status(store, run.id) == "cancelling"
    conductor = rebuilt(store, run.id)
    left = conductor.outstanding()
    assert [each.index for each in left] == [1, 2]
    assert not any(conductor.may_resume(each) for each in left)


def test_a_run_that_has_nothing_in_flight_ends_at_once(store: Store, runs: OfflineRuns) -> None:
    """Its end, its tasks' ends and the request are there together."""
    run = Conducted(store, DELAYED)
    runs.request(run.id, CancelRequested)
    shown = reports.show_run(store.reader, run.id)
    assert (shown["status"], shown["ended_at"]) == ("cancelled", "1970-01-01T01:23:20.000000Z")
    assert [(task["task"], task["status"]) for task in shown["tasks"]] == [("only", "cancelled")]
    assert unfinished(store.reader) == []


@pytest.mark.parametrize("request_of", [CancelRequested, PauseRequested, ResumeRequested])
def test_an_ended_run_takes_no_requests(store: Store, runs: OfflineRuns, request_of: Callable[[float], Event]) -> None:
    """It is an error, and nothing is written; so is a request to an unknown run."""
    run = Conducted(store, ONE)
    run.succeed("only")
    before = everything_in(store)
    with pytest.raises(IllegalTransition, match=f"{run.id} has ended \\(succeeded\\)"):
        runs.request(run.id, request_of)
    with pytest.raises(UnknownRun):
        runs.request("no-such-run", request_of)
    assert everything_in(store) == before


def test_what_the_runs_state_does_not_allow_is_refused(store: Store, runs: OfflineRuns) -> None:
    """A run that is being cancelled cannot be paused; nothing is written."""
    run = Conducted(store, ITEMS, {"hosts": ["a"]})
    runs.request(run.id, CancelRequested)
    with pytest.raises(IllegalTransition):
        runs.request(run.id, PauseRequested)
    assert len(store.reader.entries(run.id, 0, 10)) == 1


def test_what_reaches_a_parent_reaches_its_children(store: Store, runs: OfflineRuns) -> None:
    """Pause, resume and cancel; a child that has ended is left alone."""
    parent = Conducted(store, CALLING)
    child = Conducted(store, ONE, parent=parent, of_item=("call", 0))
    ended = Conducted(store, ONE, parent=parent, of_item=("call", 0))
    ended.succeed("only")
    for request, expected in (
        (PauseRequested, "paused"), (ResumeRequested, "running"), (CancelRequested, "cancelling"),
    ):  # fmt: skip
        runs.request(parent.id, request)
        assert [status(store, each.id) for each in (parent, child, ended)] == [expected, expected, "succeeded"]


def test_what_is_asked_of_a_task_reaches_its_children(store: Store, runs: OfflineRuns) -> None:
    """A pause, a resume and a cancel of the task are those of the child run."""
    parent = Conducted(store, CALLING, {"password": "x"})
    child = Conducted(store, ONE, {"given": 1}, parent=parent, of_item=("call", 0))
    asked: tuple[tuple[Callable[[float], Event], str], ...] = (
        (partial(TaskPauseRequested, "call"), "paused"),
        (partial(TaskResumeRequested, "call"), "running"),
        (partial(TaskCancelRequested, "call"), "cancelling"),
    )
    for event, expected in asked:
        runs.request(parent.id, event)
        assert status(store, child.id) == expected
    assert rebuilt(store, parent.id).tasks()["call"]["status"] == "cancelling"


def test_a_child_that_stands_so_already_is_no_hindrance(store: Store, runs: OfflineRuns) -> None:
    """It was paused by itself before."""
    parent = Conducted(store, CALLING)
    child = Conducted(store, ONE, parent=parent, of_item=("call", 0))
    child.pause()
    runs.request(parent.id, PauseRequested)
    assert [status(store, each.id) for each in (parent, child)] == ["paused", "paused"]


def test_the_secrets_of_a_run_are_kept_secret(store: Store, runs: OfflineRuns) -> None:
    """An end that is written here is masked, and its entries are encrypted: of a child by its parent's secrets."""
    parent = Conducted(store, CALLING, {"password": "hunter2"})
    child = Conducted(store, DELAYED, parent=parent, of_item=("call", 0))
    runs.request(parent.id, CancelRequested)
    assert status(store, child.id) == "cancelled"
    assert b"hunter2" not in everything_in(store)


def test_a_run_goes_on_from_what_was_asked(store: Store, runs: OfflineRuns) -> None:
    """A recovery ends it as if the request had come while it ran."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b"]})
    runs.request(run.id, PauseRequested)
    runs.request(run.id, ResumeRequested)
    conductor = rebuilt(store, run.id)
    for start in conductor.outstanding():
        conductor.on(ItemCompleted(start.task, 1, start.index, 1, "succeeded", "yes", None, NOW))
    assert [each.task for each in conductor.outstanding()] == ["last"]


# ---- reruns


def test_a_rerun_is_accepted(store: Store, runs: OfflineRuns) -> None:
    """With the definition and what the old run was given; it waits for a daemon, and the old run stays as it was."""
    run = Conducted(store, ONE, {"given": 3})
    run.succeed("only")
    before = reports.show_run(store.reader, run.id)
    again = store.reader.accepted(runs.rerun(run.id, "everything"))
    assert again is not None
    assert (again.rerun, again.parameters, again.accepted_at) == (Rerun(run.id, "everything"), {"given": 3}, NOW)
    assert again.workflow == run.accepted.workflow
    assert [each.run_id for each in unfinished(store.reader)] == [again.run_id]
    assert reports.show_run(store.reader, run.id) == before


def test_a_rerun_has_the_old_runs_priority(store: Store, runs: OfflineRuns) -> None:
    """It is shown with both."""
    run = Conducted(store, f"priority: urgent\n{ONE}")
    run.succeed("only")
    again = runs.rerun(run.id, "everything")
    assert [reports.show_run(store.reader, each)["priority"] for each in (run.id, again)] == ["urgent"] * 2


def test_a_rerun_has_the_old_runs_origin(store: Store, runs: OfflineRuns) -> None:
    """The owner of a store gives a remote run no more rights."""
    for origin in get_args(Origin):
        run = Conducted(store, ONE, origin=origin)
        run.succeed("only")
        again = runs.rerun(run.id, "everything")
        assert [reports.show_run(store.reader, each)["origin"] for each in (run.id, again)] == [origin, origin]


def test_a_childs_rerun_is_a_run_of_its_own(store: Store, runs: OfflineRuns) -> None:
    """It has no parent that would wait for it."""
    parent = Conducted(store, CALLING)
    child = Conducted(store, ONE, parent=parent, of_item=("call", 0))
    child.succeed("only")
    again = store.reader.accepted(runs.rerun(child.id, "everything"))
    assert again is not None
    assert (again.parent, again.depth) == (None, 0)


def test_only_an_ended_run_is_done_again(store: Store, runs: OfflineRuns) -> None:
    """One in progress is refused, and one that there is not."""
    run = Conducted(store, ONE)
    with pytest.raises(IllegalTransition, match="it has not ended"):
        runs.rerun(run.id, "everything")
    with pytest.raises(UnknownRun):
        runs.rerun("no-such-run", "everything")


def test_the_failed_part_of_a_run_is_done_again(store: Store, runs: OfflineRuns) -> None:
    """If there is none, that is an error, and nothing is accepted."""
    failed = Conducted(store, ONE)
    failed.fail("only")
    again = store.reader.accepted(runs.rerun(failed.id, "failed_tasks"))
    assert again is not None
    assert again.rerun == Rerun(failed.id, "failed_tasks")
    succeeded = Conducted(store, ONE)
    succeeded.succeed("only")
    with pytest.raises(Exception) as raised:  # noqa: PT011 - its code is what matters
        runs.rerun(succeeded.id, "failed_tasks")
    assert getattr(raised.value, "code", None) == "nothing_to_rerun"


def test_failures_within_max_failures_are_done_again_with_the_labels(store: Store, runs: OfflineRuns) -> None:
    """Of all tasks, or of one."""
    fan = (
        "ref: tests.fan\ntasks: [{name: fan, action: core.noop, with_items: [1, 2], concurrency: 2, max_failures: 1}]\n"
    )
    old = Conducted(store, fan, labels={"team": "web"})
    old.fail("fan", 0)
    old.succeed("fan", 1)
    assert old.conductor.status == "succeeded"
    for task in (None, "fan"):
        again = store.reader.accepted(runs.rerun(old.id, "failed_items", task))
        assert again is not None
        assert (again.rerun, again.labels) == (Rerun(old.id, "failed_items", task), {"team": "web"})


def test_chosen_items_are_done_again(store: Store, runs: OfflineRuns) -> None:
    """By their indexes, or by the group of their failures; recovery finds them in the acceptance."""
    fan = "ref: tests.fan\ntasks: [{name: fan, action: core.noop, with_items: [1, 2, 3], concurrency: 3}]\n"
    old = Conducted(store, fan)
    old.fail("fan", 0, "broken")
    old.fail("fan", 2, "no answer within 5 s")
    old.succeed("fan", 1)
    (group,) = (each["id"] for each in group_errors(store.reader, old.id)["groups"] if each["first"]["index"] == 2)
    for given, ranges in (({"items": {"fan": [[0, 1]]}}, ((0, 1),)), ({"error_group": group}, ((2, 2),))):
        again = runs.rerun(old.id, "items", **given)
        accepted = store.reader.accepted(again)
        assert accepted is not None
        assert accepted.rerun == Rerun(old.id, "items", "fan", {"fan": ranges})
        loaded = load(again, store.reader).reuse_plan
        assert loaded is not None
        assert loaded.reused_of("fan") == 3 - (ranges[0][1] - ranges[0][0] + 1)
    row = store.reader.run(again)
    assert row is not None
    assert (row.rerun_scope, row.rerun_task) == ("items", "fan")
    with pytest.raises(UnknownGroup, match=rf"there is no group '{group}0' .*; did you mean '{group}'\?"):
        runs.rerun(old.id, "items", error_group=f"{group}0")
    with pytest.raises(InvalidItems, match="there is no item 3 of the task 'fan': it had 3 items"):
        runs.rerun(old.id, "items", items={"fan": [3]})


# ---- pruning


@pytest.mark.parametrize(("older_than", "keep", "left"), [(3997.0, None, 2), (None, 1, 1), (None, 0, 0), (1e9, 3, 3)])
def test_ended_runs_are_deleted(
    store: Store, runs: OfflineRuns, older_than: float | None, keep: int | None, left: int
) -> None:
    """By their age from now, and by how many are to be kept; a run in progress stays."""
    for number in range(3):
        Conducted(store, ONE, at=1000.0 + 2 * number).succeed("only")
    running = Conducted(store, ONE)
    assert runs.prune(older_than, keep) == 3 - left
    shown: list[dict[str, Any]] = reports.list_runs(store.reader)["runs"]
    assert len(shown) == left + 1
    assert shown[0]["id"] == running.id


def quarantine(store: Store, run_id: str) -> None:
    noted = Suspicion(run_id=run_id, noted_at=1.0, crashes=2, quarantined_at=2.0, reason="quarantined: it is poison")
    store.writer.write([Suspicions(noted=(noted,))])


def test_a_quarantined_run_is_cancelled_without_a_replay(
    store: Store, runs: OfflineRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its child is replayed, which is cancelled by its own policy. Nobody can reuse its results."""
    run = Conducted(store, CALLING)
    child = Conducted(store, ONE, parent=run, of_item=("call", 0))
    quarantine(store, run.id)
    replayed: list[str] = []

    def noted(reader: Any, accepted: Any, *rest: Any) -> Any:
        replayed.append(accepted.run_id)
        return replay(reader, accepted, *rest)

    monkeypatch.setattr("stretto.actors.history.offline.replay", noted)
    with pytest.raises(IllegalTransition, match=f"cannot change the run {run.id}: it is quarantined: it is poison"):
        runs.request(run.id, PauseRequested)
    runs.request(run.id, CancelRequested)
    assert replayed == [child.id]
    assert (status(store, run.id), status(store, child.id)) == ("cancelled", "cancelling")
    assert store.reader.end(run.id) is not None
    assert reports.why(store.reader, child.id)
    with pytest.raises(CannotKeep, match="was cancelled in quarantine"):
        runs.rerun(run.id, "failed_tasks")
    assert outcome_for_parent(store.reader, run.id).status == "cancelled"


def test_a_quarantined_run_is_released(store: Store, runs: OfflineRuns) -> None:
    """The next daemon recovers it, alone."""
    run = Conducted(store, ONE)
    with pytest.raises(IllegalTransition, match="it is not quarantined"):
        runs.recover(run.id)
    with pytest.raises(UnknownRun):
        runs.recover("unknown")
    quarantine(store, run.id)
    assert status(store, run.id) == "quarantined"
    runs.recover(run.id)
    assert (status(store, run.id), store.reader.quarantine(run.id)) == ("running", None)
    assert store.reader.suspects() == [Suspicion(run_id=run.id, noted_at=NOW)]


def test_a_parent_waits_for_a_quarantined_child(store: Store) -> None:
    """Its waits name the run."""
    run = Conducted(store, CALLING)
    child = Conducted(store, ONE, parent=run, of_item=("call", 0))
    quarantine(store, child.id)
    wait, *_ = reports.why(store.reader, run.id)
    assert (wait["kind"], wait["run"]) == ("quarantined_child", child.id)
    assert wait["text"] == f"the sub-workflow's run {child.id} is quarantined: see `stretto runs why {child.id}`"
