"""The memory of a run that waits: its bytes are counted as they are allocated, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

RUNS, FEW = 1_000, 100
SCRIPT = f"""
import gc, sys, tracemalloc
from stretto.actors import Engine

folder, task = sys.argv[1:]
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

def stopped(engine):
    tracemalloc.stop()
    engine.stop(0).get()
    gc.collect()

# The engine of the few makes what is made once.
engine = start("few.db")
wait(engine, 0, {FEW})
stopped(engine)
engine = start("many.db")
tracemalloc.start()
before = traced()
wait(engine, 0, {RUNS})
print((traced() - before) // {RUNS})
stopped(engine)
stopped(recovered("few.db", {FEW}))
tracemalloc.start()
before = traced()
engine = recovered("many.db", {RUNS})
print((traced() - before) // {RUNS})
stopped(engine)
"""
TASKS = {
    "for a time": "action: core.noop, delay: 86400",
    "for an answer": "action: core.ask, input: {prompt: Go on?}",
    "for an event": 'wait_for: {event: paid, match: {payload.order: "{{ parameters.order }}"}, timeout: 86400}',
}


@pytest.mark.parametrize(
    ("task", "most", "most_recovered"),
    [("for a time", 8_000, 8_600), ("for an answer", 9_400, 10_000), ("for an event", 10_000, 10_600)],
)
def test_a_waiting_run_has_its_bound_of_memory(tmp_path: Path, task: str, most: int, most_recovered: int) -> None:
    """The allocator and the store take a quarter more: a hundred thousand of them fit into 1.2 GB.

    A recovered run keeps nothing of the records and entries that it was recovered from but what a fresh one has.
    """
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), TASKS[task]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    fresh, recovered = map(int, done.stdout.split())
    assert 1_000 < fresh <= most
    assert 1_000 < recovered <= most_recovered
