"""The memory of a run that waits: its bytes are counted as they are allocated, in a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.support.waiting import PATIENCE

RUNS = 1_000
MAX_BYTES = 12_000
WAITING = f"""
import gc, sys, tracemalloc
from stretto.actors import Engine

with open(sys.argv[1] + "/waits.yaml", "w") as file:
    file.write('version: "1.0.0"\\ntasks: [{{name: wait, action: core.noop, delay: 86400}}]\\n')
engine = Engine.start(sys.argv[1], "sqlite:///" + sys.argv[1] + "/store.db").proxy()

def wait(runs):
    for accepted in [engine.submit("waits") for _ in range(runs)]:
        run = accepted.get().id
    while "delayed" not in [task["status"] for task in engine.status(run).get()["tasks"].values()]:
        pass
    gc.collect()

wait(100)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
wait({RUNS})
print((tracemalloc.get_traced_memory()[0] - before) // {RUNS})
tracemalloc.stop()
engine.stop(0).get()
"""


def test_a_waiting_run_has_its_bound_of_memory(tmp_path: Path) -> None:
    """Ten thousand of them fit into 120 MB."""
    command = [sys.executable, "-c", WAITING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    assert 1_000 < int(done.stdout) <= MAX_BYTES
