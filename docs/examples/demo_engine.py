"""One of the two engines of `make demo`: a process that runs, or continues, one fan-out in a store.

    python docs/examples/demo_engine.py FOLDER MEGABYTES SERVERS

Each line on standard output is JSON: {status, done, measured, seconds, megabytes_of_memory}. `done` counts the ended
checks, `seconds` is the CPU time of this process for the `measured` ones among them.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import pykka

from stretto.actors import Engine, RunProgressed

EXAMPLES = Path(__file__).parent
WARM_UP = 1000
"""The first checks of a process are not measured: the journal still writes the inventory, or has just read it."""
RSS_UNITS_A_MEGABYTE = 1 << 10 if sys.platform == "linux" else 1 << 20
"""macOS counts the resident memory in bytes, Linux in kilobytes."""


class Reporter(pykka.ThreadingActor):
    """Prints the progress of the checks."""

    def __init__(self) -> None:
        super().__init__()
        self._first: int | None = None
        self._warm: tuple[int, float] | None = None

    def on_receive(self, message: Any) -> None:
        """Print how many checks have ended, and what they took."""
        items = message.tasks.get("check", {}).get("items") if isinstance(message, RunProgressed) else None
        if not items or not items["total"]:
            return
        done, seconds = items["succeeded"], time.process_time()
        if self._first is None:
            self._first = done
        if self._warm is None and done >= self._first + WARM_UP:
            self._warm = (done, seconds)
        first, began = self._warm or (done, seconds)
        report = {
            "status": message.status,
            "done": done,
            "measured": done - first,
            "seconds": seconds - began,
            "megabytes_of_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // RSS_UNITS_A_MEGABYTE,
        }
        print(json.dumps(report), flush=True)


def main(folder: str, megabytes: int, servers: int) -> None:
    """Continue the run of the store in `folder`, or start one, and report its progress to its end."""
    reporter = Reporter.start()
    try:
        with Engine.open(store=f"sqlite:///{folder}/stretto.db", actions=EXAMPLES / "demo_actions.py") as engine:
            unfinished = engine.run_ids()
            if unfinished:
                run = engine.handle(unfinished[0])
                engine.watch(run.id, reporter)
            else:
                inputs = {"megabytes": megabytes, "servers": servers, "log": f"{folder}/checks.log"}
                run = engine.submit(EXAMPLES / "fan_out.yaml", inputs, reporter)
            engine.wait(run)
    finally:
        reporter.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
