"""Reruns of items whose failure `max_failures` allowed; and labels, which a rerun keeps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.history import UnknownGroup
from stretto.actors.outcome import AmbiguousRun, UnknownRun
from stretto.actors.runs.labels import InvalidLabels
from stretto.definitions.conductor import InvalidItems, NothingToRerun, UnknownTask
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

TOLERANT = """
ref: reruns.tolerant
tasks:
  - name: fan
    action: core.local
    with_items: ["0", "1", "2"]
    concurrency: 3
    max_failures: 2
    input: {argv: [test, "{{ item }}", "!=", "1"]}
    next: [{do: [after]}]
  - {name: after, action: core.echo, input: {message: "{{ task.fan.result | length }}"}}
output_map: {all: "{{ task.fan.result }}"}
"""
PARENT = """
ref: reruns.parent
tasks: [{name: below, action: reruns.child}]
"""
CHILD = "ref: reruns.child\ntasks: [{name: a, action: core.noop}]\n"


@pytest.fixture(params=["file", "memory"])
def bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """Return an engine with a store, and one without."""
    return start_bench(store=f"sqlite:///{tmp_path}/runs.db") if request.param == "file" else start_bench()


@pytest.fixture
def durable(start_bench: Callable[..., Bench], durable_url: str) -> Bench:
    """Return an engine with a store of each kind."""
    return start_bench(store=durable_url)


def got(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def test_failures_within_max_failures_run_again(durable: Bench) -> None:
    """Of a run that succeeded: the failed item, and what follows. The scope of failed tasks has nothing to do."""
    old = durable.submit(TOLERANT)  # 1 fails whenever it runs
    assert outcome_of(old).status == "succeeded"
    for scope, task in (("failed_items", None), ("failed_items", "fan")):
        new = got(durable.proxy.rerun(old.id, scope, task))
        assert outcome_of(new).status == "succeeded"
        items = got(durable.proxy.items(new.id))["items"]
        assert sorted((each["task"], each["index"], each["began_at"] is None) for each in items) == [
            ("after", 0, False), ("fan", 0, True), ("fan", 1, False), ("fan", 2, True)
        ]  # fmt: skip
        shown = got(durable.proxy.run(new.id))
        assert (shown["rerun_of"], shown["rerun_scope"], shown["rerun_task"]) == (old.id, scope, task)
    with pytest.raises(NothingToRerun):
        got(durable.proxy.rerun(old.id, "failed_tasks"))
    with pytest.raises(NothingToRerun, match="no item of the task 'after' failed; items failed in fan"):
        got(durable.proxy.rerun(old.id, "failed_items", "after"))
    with pytest.raises(UnknownTask, match="did you mean 'fan'"):
        got(durable.proxy.rerun(old.id, "failed_items", "fun"))
    with pytest.raises(ValueError, match="a task needs the scope failed_items, got 'everything'"):
        got(durable.proxy.rerun(old.id, "everything", "fan"))


BROKEN = """
ref: reruns.broken
tasks:
  - name: fan
    action: core.local
    with_items: [1, 2, 3, 4]
    concurrency: 4
    input: {argv: [sh, -c, "echo '{{ item }} {{ parameters.said }}' >&2; exit {{ item % 2 }}"]}
    next: [{when: "{{ succeeded() }}", do: [after]}]
  - {name: after, action: core.noop}
parameters: {said: {type: string, default: broken}}
"""


def test_chosen_items_run_and_all_others_are_taken_over(durable: Bench) -> None:
    """Failed ones, too, which end the run as before; by index, or by the group of their failures."""
    old = durable.submit(BROKEN)
    assert outcome_of(old).status == "failed"
    (group,) = got(durable.proxy.errors(old.id))["groups"]
    for given, ran in (({"items": {"fan": [[1, 2]]}}, [1, 2]), ({"error_group": group["id"]}, [0, 2])):
        assert got(durable.proxy.preview_rerun(old.id, **given)) == {"tasks": 1, "items": 2}
        new = got(durable.proxy.rerun(old.id, **given))
        assert outcome_of(new).status == "failed"
        items = got(durable.proxy.items(new.id))["items"]
        assert sorted(each["index"] for each in items if each["began_at"] is not None) == ran
        assert {each["index"]: each["outcome"] for each in items} == {
            0: "failed", 1: "succeeded", 2: "failed", 3: "succeeded"
        }  # fmt: skip
        shown = got(durable.proxy.run(new.id))
        assert (shown["rerun_of"], shown["rerun_scope"], shown["rerun_task"]) == (old.id, "items", "fan")
    with pytest.raises(InvalidItems, match="there is no item 4 of the task 'fan': it had 4 items, numbered from 0"):
        got(durable.proxy.rerun(old.id, items={"fan": [4]}))
    with pytest.raises(NothingToRerun, match="no item is chosen"):
        got(durable.proxy.rerun(old.id, items={}))
    for ask in (durable.proxy.rerun, durable.proxy.preview_rerun):
        with pytest.raises(UnknownGroup, match=f"no group '{group['id']}0' .* did you mean '{group['id']}'"):
            got(ask(old.id, error_group=f"{group['id']}0"))
    for scope, given, said in (
        ("failed_tasks", {"items": {}}, "items and error_group need the scope items, got 'failed_tasks'"),
        ("items", {}, "the scope items needs items or error_group"),
        ("all", {}, "must be one of everything, failed_tasks, failed_items, items, got 'all'"),
    ):
        with pytest.raises(ValueError, match=said):
            got(durable.proxy.rerun(old.id, scope, **given))


def test_a_rerun_of_items_needs_a_store(start_bench: Callable[..., Bench]) -> None:
    """Without one their results are not known."""
    bench = start_bench()
    old = bench.submit(CHILD)
    outcome_of(old)
    with pytest.raises(UnknownRun, match="only as a whole"):
        got(bench.proxy.rerun(old.id, items={"a": [0]}))


def test_a_rerun_keeps_the_labels(durable: Bench) -> None:
    """Runs are found by them; runs of sub-workflows do not get them."""
    durable.write(CHILD)
    old = got(durable.proxy.submit(durable.write(PARENT), labels={"team": "web", "env": "prod"}))
    outcome_of(old)
    labelled: tuple[dict[str, str], int] = ({"env": "prod", "team": "web"}, 1)
    child: tuple[dict[str, str], int] = ({}, 0)
    assert [(run["labels"], run["child_count"]) for run in got(durable.proxy.runs())["runs"]] == [child, labelled]
    new = got(durable.proxy.rerun(old.id))
    outcome_of(new)
    found = got(durable.proxy.runs(labels={"team": "web"}))["runs"]
    assert [(run["id"], run["labels"]) for run in found] == [
        (run_id, {"env": "prod", "team": "web"}) for run_id in (new.id, old.id)
    ]
    assert got(durable.proxy.run(new.id))["labels"] == {"env": "prod", "team": "web"}


def test_a_rerun_has_other_labels_if_it_is_given_some(durable: Bench) -> None:
    """No labels are others, too."""
    old = got(durable.proxy.submit(durable.write(CHILD), labels={"env": "prod"}))
    outcome_of(old)
    for labels in ({"env": "stage", "why": "again"}, {}):
        again = got(durable.proxy.rerun(old.id, labels=labels))
        outcome_of(again)
        assert got(durable.proxy.run(again.id))["labels"] == labels
    with pytest.raises(InvalidLabels):
        got(durable.proxy.rerun(old.id, labels={"a=b": "c"}))


def test_a_run_is_found_by_a_part_of_its_id(bench: Bench) -> None:
    """With a store and without, in progress or ended."""
    first, second = bench.submit(CHILD), bench.submit(CHILD)
    assert {outcome_of(run).status for run in (first, second)} == {"succeeded"}
    for part in (first.id, first.id[-8:], first.id.replace("-", "")[-14:].upper()):
        assert got(bench.proxy.find_run(part)) == first.id
    with pytest.raises(
        AmbiguousRun, match=rf"'{first.id[:6]}' is ambiguous, give more digits: {second.id}, {first.id}"
    ):
        got(bench.proxy.find_run(first.id[:6]))
    for unknown in ("ffffffff", "no-such-run"):
        with pytest.raises(UnknownRun, match=f"there is no run '{unknown}'"):
            got(bench.proxy.find_run(unknown))


def test_labels_that_cannot_be_kept_are_refused(bench: Bench) -> None:
    """No run is accepted."""
    with pytest.raises(InvalidLabels):
        got(bench.proxy.submit(bench.write(CHILD), labels={"a=b": "c"}))
    assert got(bench.proxy.runs_in_progress()) == 0
