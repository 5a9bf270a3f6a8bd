"""A run is rebuilt from its record: the same commands, the same context, and the same answers, after every event."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stretto.definitions import read_workflow, thaw
from stretto.definitions.conductor import ENDED, ItemCompleted, WaitUntil
from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.model.parameters import bind
from stretto.definitions.stored import from_stored, to_stored
from tests.support.examples import examples
from tests.support.paths import ROOT
from tests.support.replaying import Driver, Run, native_runs, orquesta_run, record, recover, replay, seeded, transcript

WHOLE_CONTEXT = """\
version: 1.0
vars: [one: 1, two: [2], three: {b: 1, a: 2}, four: x]
tasks:
  a:
    action: core.echo
    input: {keys: <% ctx().keys() %>, text: "<% str(ctx()) %>", a: "it is {{ ctx() }}", b: "{{ ctx().keys() | list }}"}
    next: [{publish: [five: <% ctx().items() %>, six: "<% ctx() %>"], do: b}]
  b: {action: core.echo, input: {text: "<% str(ctx()) %>", list: <% ctx().values() %>}}
output: [all: <% ctx() %>]
"""
"""A workflow that shows its whole context, in every way."""
SEEDS = st.integers(0, 2**32)
ORQUESTA_RUNS = st.integers(1, 20_000).map(orquesta_run).filter(lambda run: run is not None)
RUNS: dict[str, st.SearchStrategy[Run]] = {"native": native_runs(), "orquesta": ORQUESTA_RUNS}  # type: ignore[dict-item]


def matches_what_is_carried_out(driver: Driver) -> None:
    """The outstanding starts and timers are those that were commanded and have not ended."""
    conductor = driver.conductor
    outstanding = {(each.task, each.visit, each.index): each.attempt for each in conductor.outstanding()}
    withdrawn = {(each.task, each.visit, index) for each in driver.withdrawn for index in each.indexes}
    carried_out = {key: start.attempt for key, start in driver.running.items()}
    # Of an action that is performed several times, what follows on the first end counts no more.
    again = {
        key for key in carried_out if key not in outstanding and conductor.workflow.tasks[key[0]].with_items is None
    }
    assert {key: carried_out[key] for key in carried_out.keys() - again} == {
        key: attempt for key, attempt in outstanding.items() if key not in withdrawn
    }
    assert {WaitUntil(each) for each in driver.timers} >= set(conductor.timers())
    assert {repr(each) for each in driver.answers} >= {repr(each) for each in conductor.streams()}
    if conductor.status in ENDED:
        assert [*conductor.outstanding(), *conductor.timers(), *conductor.streams(), *conductor.waits()] == []
    else:
        assert conductor.waits(), "a run that goes on waits for something"


@pytest.mark.parametrize("dialect", RUNS)
@given(data=st.data(), seed=SEEDS)
@settings(deadline=None, max_examples=examples(120))
def test_a_run_is_rebuilt_from_its_record(dialect: str, data: st.DataObject, seed: int) -> None:
    """After each event, so wherever the record is cut: commands, context, inquiries, errors, secrets."""
    run = data.draw(RUNS[dialect], label="run")
    replay(record(run, seeded(run, seed), matches_what_is_carried_out))


@pytest.mark.parametrize("dialect", RUNS)
@given(data=st.data(), seed=SEEDS)
@settings(deadline=None, max_examples=examples(60))
def test_a_run_goes_on_after_a_crash_anywhere(dialect: str, data: st.DataObject, seed: int) -> None:
    """From what is outstanding and which timers are set it comes to its end; and that can be replayed as well."""
    run = data.draw(RUNS[dialect], label="run")
    random = seeded(run, seed)
    recording = record(run, random)
    for _ in range(2):
        driver = recover(recording, random.randrange(len(recording.turns)), random)
        driver.go_on()
        recording = driver.recording
    replay(recording)


@pytest.mark.parametrize("dialect", RUNS)
@given(data=st.data(), seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_a_run_is_rebuilt_with_its_definition_as_it_was_stored(dialect: str, data: st.DataObject, seed: int) -> None:
    """The definition is read again from its text."""
    run = data.draw(RUNS[dialect], label="run")
    if run.initial:
        return  # a parent's context is of rehearsals alone, and no other code knows its names
    recording = record(run, seeded(run, seed))
    replay(recording, run=Run(from_stored(to_stored(run.workflow)), run.parameters))


DRAWING = """version: 1.0
vars: [at: <% random() %>]
tasks:
  first:
    with: {items: "<% range(0, 4) %>", concurrency: 2}
    action: core.echo
    input: {n: "<% random(1, 1000000) %>", k: "{{ ['a', 'b', 'c'] | random }}"}
    next:
      - when: <% random() > 0.5 %>
        publish: [drawn: <% random() %>, told: <% task(first) %>, run: <% ctx().st2.action_execution_id %>]
        do: second
      - when: <% random() > 0.5 %>
        publish: [status: <% task(first).status %>]
        do: second
  second:
    join: 1
    action: core.echo
    input: {n: "<% random() %>", of: "<% task(first).result %>"}
    retry: {count: 2, delay: "<% random(1, 9) %>"}
    next: [{publish: [last: "{{ range(1000) | random }}", told: "{{ task('second').result }}"]}]
output: [at: <% ctx(at) %>, all: <% ctx() %>, n: <% random() %>]
"""


@given(seed=SEEDS)
@settings(deadline=None, max_examples=examples(60))
def test_what_a_run_draws_and_is_told_is_the_same_in_a_replay(seed: int) -> None:
    """Random numbers and members, `task()` and `st2`: in inputs, conditions, published values, and delays."""
    run = Run(read_workflow(DRAWING, "drawing.yaml"), EMPTY_OBJECT)
    replay(record(run, seeded(run, seed), matches_what_is_carried_out))


@pytest.mark.parametrize("dialect", RUNS)
@given(data=st.data(), seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_the_times_of_attempts_change_nothing(dialect: str, data: st.DataObject, seed: int) -> None:
    """An old store lacks them, and its runs are rebuilt all the same."""
    run = data.draw(RUNS[dialect], label="run")
    recording = record(run, seeded(run, seed))
    replay(
        recording,
        [
            replace(each, began_at=each.at - 1.5, seconds=float(number)) if isinstance(each, ItemCompleted) else each
            for number, each in enumerate(recording.entries)
        ],
    )


@given(runs=st.lists(native_runs(), min_size=6, max_size=6), seed=SEEDS)
@settings(deadline=None, max_examples=2, phases=[Phase.generate])
def test_a_run_is_the_same_in_every_process(runs: list[Run], seed: int) -> None:
    """Whatever the seed of its hashes."""
    flows = [number for number in range(seed % 10_000, seed % 10_000 + 40) if orquesta_run(number) is not None][:6]
    lines: list[dict[str, Any]] = [{"text": None, "seed": number} for number in flows]
    workflow = read_workflow(WHOLE_CONTEXT, "test.yaml")
    runs = [Run(workflow, bind(workflow, {})), *runs]
    lines += [{"text": run.workflow.text, "seed": seed, "inputs": thaw(run.parameters)} for run in runs]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.replaying"],
        input="".join(json.dumps(line) + "\n" for line in lines),
        env={**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    here = [transcript(run, number) for number in flows if (run := orquesta_run(number)) is not None]
    here += [transcript(run, seed) for run in runs]
    assert [json.loads(line) for line in done.stdout.splitlines()] == here
