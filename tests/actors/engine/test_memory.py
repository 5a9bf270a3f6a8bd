"""The memory of a run that waits: its bytes are counted as they are allocated, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

RUNS = 1_000
SCRIPT = f"""
import gc, sys, tracemalloc
from stretto.actors import Engine

folder, task, what = sys.argv[1:]
with open(folder + "/waits.yaml", "w") as file:
    file.write('version: "1.0.0"\\nparameters: {{order: {{}}}}\\ntasks: [{{name: wait, ' + task + '}}]\\n')

def start(store):
    return Engine.start(folder, "sqlite:///" + folder + "/" + store).proxy()

def wait(engine, first, runs):
    for accepted in [engine.submit("waits", {{"order": first + number}}) for number in range(runs)]:
        run = accepted.get().id
    while not {{"delayed", "running"}} & {{task["status"] for task in engine.status(run).get()["tasks"].values()}}:
        pass
    # What is recorded later is durable later, so that nothing of these runs is on its way to the store.
    engine.submit("waits", {{"order": -first}}).get()

def recovered(store, runs):
    engine = start(store)
    engine.host.recovered().get()
    assert engine.runs_in_progress().get() == runs + 1
    return engine

def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

if what == "left":
    for store, runs in [("few.db", 100), ("many.db", {RUNS})]:
        engine = start(store)
        wait(engine, 0, runs)
        engine.stop(0).get()
    sys.exit()
if what == "recovered":
    # The engine of the few makes what is made once.
    recovered("few.db", 100).stop(0).get()
    gc.collect()
    tracemalloc.start()
    before = traced()
    engine = recovered("many.db", {RUNS})
else:
    engine = start("store.db")
    wait(engine, 0, 100)
    tracemalloc.start()
    before = traced()
    wait(engine, 100, {RUNS})
print((traced() - before) // {RUNS})
tracemalloc.stop()
engine.stop(0).get()
"""
TASKS = {
    "for a time": "action: core.noop, delay: 86400",
    "for an answer": "action: core.ask, input: {prompt: Go on?}",
    "for an event": 'wait_for: {event: paid, match: {payload.order: "{{ parameters.order }}"}, timeout: 86400}',
}


def count(folder: Path, task: str, what: str) -> str:
    command = [sys.executable, "-c", SCRIPT, str(folder), TASKS[task], what]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("task", "most"), [("for a time", 8_000), ("for an answer", 9_400), ("for an event", 10_000)]
)  # fmt: skip
def test_a_waiting_run_has_its_bound_of_memory(tmp_path: Path, task: str, most: int) -> None:
    """The allocator and the store take a quarter more: a hundred thousand of them fit into 1.2 GB."""
    assert 1_000 < int(count(tmp_path, task, "fresh")) <= most


@pytest.mark.parametrize(
    ("task", "most"), [("for a time", 8_600), ("for an answer", 10_000), ("for an event", 10_600)]
)  # fmt: skip
def test_a_recovered_run_has_its_bound_of_memory(tmp_path: Path, task: str, most: int) -> None:
    """It keeps nothing of the records and entries that it was recovered from but what a fresh one has."""
    count(tmp_path, task, "left")
    assert 1_000 < int(count(tmp_path, task, "recovered")) <= most
