"""The memory of a run that waits: its bytes are counted as they are allocated, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

RUNS = 1_000
WAITING = f"""
import gc, sys, tracemalloc
from stretto.actors import Engine

with open(sys.argv[1] + "/waits.yaml", "w") as file:
    file.write('version: "1.0.0"\\nparameters: {{order: {{}}}}\\ntasks: [{{name: wait, ' + sys.argv[2] + '}}]\\n')
engine = Engine.start(sys.argv[1], "sqlite:///" + sys.argv[1] + "/store.db").proxy()

def wait(first, runs):
    for accepted in [engine.submit("waits", {{"order": first + number}}) for number in range(runs)]:
        run = accepted.get().id
    while not {{"delayed", "running"}} & {{task["status"] for task in engine.status(run).get()["tasks"].values()}}:
        pass
    gc.collect()

wait(0, 100)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
wait(100, {RUNS})
print((tracemalloc.get_traced_memory()[0] - before) // {RUNS})
tracemalloc.stop()
engine.stop(0).get()
"""


@pytest.mark.parametrize(
    ("task", "most"),
    [
        ("action: core.noop, delay: 86400", 9_500),
        ("action: core.ask, input: {prompt: Go on?}", 10_500),
        ('wait_for: {event: paid, match: {payload.order: "{{ parameters.order }}"}, timeout: 86400}', 11_500),
    ],
    ids=["for a time", "for an answer", "for an event"],
)
def test_a_waiting_run_has_its_bound_of_memory(tmp_path: Path, task: str, most: int) -> None:
    """The allocator and the store take a tenth more: a hundred thousand of them fit into 1.2 GB."""
    command = [sys.executable, "-c", WAITING, str(tmp_path), task]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    assert 1_000 < int(done.stdout) <= most
