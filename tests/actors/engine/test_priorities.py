"""Priorities of runs: their shares of the turns, counted, and how a run gets its priority."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stretto.actors import InvalidPriority, action
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

ITEMS = 120
WORK = f"""
parameters: {{name: {{type: string}}}}
tasks:
  - name: work
    action: weighted.note
    with_items: "{{{{ range({ITEMS}) }}}}"
    concurrency: {ITEMS}
    input: {{name: "{{{{ parameters.name }}}}"}}
"""
GATE = threading.Event()
STOPPED = threading.Event()
"""Is never set: waiting for it gives other threads the processor."""
STARTS: list[str] = []


@action("weighted.note")
def note(name: str) -> None:
    """Note the start of an item. The first one waits until all runs are there."""
    assert GATE.wait(PATIENCE)
    STARTS.append(name)


@pytest.fixture(autouse=True)
def gate(start_bench: object) -> Iterator[None]:
    """Begin with no item, and let no item hang at the end: engines stop after that."""
    GATE.clear()
    STARTS.clear()
    yield
    GATE.set()


def submit(bench: Bench, name: str, priority: str | None, text: str = WORK) -> str:
    """Start a run with a priority, and return its id."""
    handle = bench.proxy.submit(bench.write(text), {"name": name}, priority=priority).get(timeout=PATIENCE)
    HANDLES[name] = handle
    run_id: str = handle.id
    return run_id


HANDLES: dict[str, object] = {}


def shares(bench: Bench, *priorities: str, text: str = WORK) -> dict[str, int]:
    """Return the turns of each run until one of them has no item left."""
    for each in priorities:
        submit(bench, each, each, text)
    GATE.set()
    for each in priorities:
        assert outcome_of(HANDLES[each]).status == "succeeded"  # type: ignore[arg-type]
    last = min(len(STARTS) - 1 - STARTS[::-1].index(each) for each in priorities)
    return {each: STARTS[: last + 1].count(each) for each in priorities}


def test_a_run_of_more_weight_has_more_turns(start_bench: Callable[..., Bench]) -> None:
    """Eight for each of a low one, which does not starve."""
    turns = shares(start_bench(max_items_in_flight=1, threads=1), "low", "urgent")
    assert turns["urgent"] == ITEMS
    assert ITEMS // 16 <= turns["low"] <= ITEMS // 5, turns


def test_runs_of_one_weight_have_the_same_turns(start_bench: Callable[..., Bench]) -> None:
    bench = start_bench(max_items_in_flight=1, threads=1)
    for name in ("a", "b"):
        submit(bench, name, "high")
    GATE.set()
    for name in ("a", "b"):
        assert outcome_of(HANDLES[name]).status == "succeeded"  # type: ignore[arg-type]
    assert 50 <= STARTS[:ITEMS].count("a") <= 70


def test_the_permits_of_a_key_are_shared_by_weight(start_bench: Callable[..., Bench]) -> None:
    text = WORK.replace("    input", "    concurrency_key: db\n    limit: 1\n    input")
    turns = shares(start_bench(threads=1), "low", "urgent", text=text)
    assert turns["urgent"] == ITEMS
    assert ITEMS // 16 <= turns["low"] <= ITEMS // 5, turns


def test_a_run_has_the_priority_of_its_definition_unless_it_is_given(start_bench: Callable[..., Bench]) -> None:
    """Runs of sub-workflows have that of the run above. It is forgotten at the run's end."""
    bench = start_bench(threads=1)
    weights = bench.proxy.host.services().get(timeout=PATIENCE).weights
    (Path(bench.folder) / "child.yaml").write_text(f'version: "1.0.0"\nref: weighted.child\n{WORK}')
    text = "priority: urgent\nparameters: {name: {type: string}}\n"
    text += 'tasks: [{name: sub, action: weighted.child, input: {name: "{{ parameters.name }}"}}]\n'
    first = submit(bench, "a", None, "priority: low\n" + WORK)
    second = submit(bench, "b", "high", "priority: low\n" + WORK)
    submit(bench, "c", None, text)
    while len(weights) < 4:
        STOPPED.wait(0.01)
    assert (weights.pop(first), weights.pop(second)) == (1, 4)
    assert list(weights.values()) == [8, 8]
    submit(bench, "d", "normal", "priority: low\n" + WORK)
    GATE.set()
    for name in "abcd":
        assert outcome_of(HANDLES[name]).status == "succeeded"  # type: ignore[arg-type]
    assert weights == {}


def test_an_unknown_priority_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidPriority, match="low, normal, high, urgent, got 'hihg'; did you mean 'high'"):
        submit(bench, "a", "hihg")


def test_a_priority_is_kept_by_a_restart_and_by_a_rerun(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    bench = start_bench(threads=1, store=sqlite_url, store_key=None)
    run_id = submit(bench, "a", "urgent")
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    bench = start_bench(threads=1, store=sqlite_url, store_key=None)
    weights = bench.proxy.host.services().get(timeout=PATIENCE).weights
    while weights != {run_id: 8}:
        STOPPED.wait(0.01)
    GATE.set()
    while bench.proxy.status(run_id).get(timeout=PATIENCE)["status"] != "succeeded":
        STOPPED.wait(0.01)
    assert weights == {}
    GATE.clear()
    rerun = bench.proxy.rerun(run_id).get(timeout=PATIENCE)
    while weights != {rerun.id: 8}:
        STOPPED.wait(0.01)
    GATE.set()
    assert outcome_of(rerun).status == "succeeded"
