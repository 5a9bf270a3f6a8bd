"""An engine of the revision on PYTHONPATH. Each line `WORK RUNS` is answered with the seconds of a run.

They are those of the processor and those of the clock. Only calls that each revision has are used.
"""

import gc
import sys
import tempfile
from pathlib import Path
from shutil import copy
from time import perf_counter, process_time
from typing import Any

from stretto.actors import Engine

RUN_SECONDS = 120
WARM_RUNS = 200
"""Before the first value: the interpreter adapts to what it runs."""
WORKFLOWS = ("one_task.yaml", "plain_fan_out.yaml")
ITEMS = list(range(10))


def one(proxy: Any, runs: int) -> None:
    """Run one after the other."""
    for _ in range(runs):
        outcome = proxy.submit("one_task").get(timeout=RUN_SECONDS).outcome.get(timeout=RUN_SECONDS)
        assert outcome.status == "succeeded", outcome


def burst(proxy: Any, runs: int) -> None:
    """Submit all at once."""
    for accepted in [proxy.submit("plain_fan_out", {"items": ITEMS}) for _ in range(runs)]:
        outcome = accepted.get(timeout=RUN_SECONDS).outcome.get(timeout=RUN_SECONDS)
        assert outcome.status == "succeeded", outcome


def main() -> None:
    """Answer until the input ends."""
    with tempfile.TemporaryDirectory() as folder:
        for name in WORKFLOWS:
            copy(Path(sys.argv[1]) / name, folder)
        proxy = Engine.start(definitions=[folder], metrics_port=0).proxy()
        one(proxy, WARM_RUNS)
        gc.collect()
        for line in sys.stdin:
            work, runs = line.split()
            clock, processor = perf_counter(), process_time()
            {"one": one, "burst": burst}[work](proxy, int(runs))
            processor, clock = process_time() - processor, perf_counter() - clock
            print(processor / int(runs), clock / int(runs), flush=True)
        proxy.stop().get()


if __name__ == "__main__":
    main()
