"""One of the two daemons of `make demo`: a process that runs, or continues, one fan-out in a store.

    python docs/examples/demo_engine.py FOLDER MEGABYTES SERVERS PORT

Each line on standard output is JSON. The first is {url}, which opens the page of the run in a browser, once. The others
are {status, done, measured, seconds, megabytes_of_memory}: `done` counts the ended checks, `seconds` is the CPU time of
this process for the `measured` ones among them. The process serves the page until its standard input ends.
"""

import asyncio
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from stretto.actors import connect
from stretto.actors.daemon import Daemon
from stretto.actors.gateway import Client
from stretto.actors.operations import CreateEnterCode
from stretto.actors.settings import read_settings
from stretto.metrics import configure_logging

EXAMPLES = Path(__file__).parent
REPORTS = os.fdopen(os.dup(1), "w", encoding="ascii")
"""Standard output, of which a daemon that captures what actions print takes the place."""
WARM_UP = 1000
"""The first checks of a process are not measured: the journal still writes the inventory, or has just read it."""
RSS_UNITS_A_MEGABYTE = 1 << 10 if sys.platform == "linux" else 1 << 20
"""macOS counts the resident memory in bytes, Linux in kilobytes."""


class Reporter:
    """Prints the progress of the checks."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._warm: tuple[int, float] | None = None

    def report(self, state: dict[str, Any]) -> None:
        """Print how many checks have ended, and what they took."""
        items = state["tasks"].get("check", {}).get("items")
        if not items or not items["total"]:
            return
        done, seconds = items["succeeded"], time.process_time()
        if self._first is None:
            self._first = (done, seconds)
        if self._warm is None and done >= self._first[0] + WARM_UP:
            self._warm = (done, seconds)
        # The last report of a fast run may be the first one after the warm-up.
        first, began = self._warm if self._warm is not None and done > self._warm[0] else self._first
        show(
            {
                "status": state["status"],
                "done": done,
                "measured": done - first,
                "seconds": seconds - began,
                "megabytes_of_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // RSS_UNITS_A_MEGABYTE,
            }
        )


def show(line: dict[str, Any]) -> None:
    """Print a line."""
    print(json.dumps(line), file=REPORTS, flush=True)


def follow(socket: str, inputs: dict[str, Any]) -> None:
    """Continue the run of the daemon, or start one, and report its progress to its end."""
    with connect(f"unix://{socket}").blocking() as engine:
        earlier = engine.runs(workflow="ops.fan_out")["runs"]
        run = earlier[0]["id"] if earlier else engine.submit(EXAMPLES / "fan_out.yaml", inputs).id
        entrance: Any = Client(f"unix://{socket}").ask(CreateEnterCode(run))
        show({"url": entrance.url})
        reporter = Reporter()
        for state in engine.watch(run):
            reporter.report(state)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main(folder: str, megabytes: int, servers: int, port: int) -> None:
    """Serve the run of the store in `folder` until standard input ends."""
    configure_logging("ERROR")
    socket = f"{folder}/socket"
    inputs = {"megabytes": megabytes, "servers": servers, "log": f"{folder}/checks.log"}
    config = {
        "engine": {
            "actions": [str(EXAMPLES / "demo_actions.py")],
            "store": f"sqlite:///{folder}/stretto.db",
        },
        "serve": {"port": port, "socket": socket, "watch": False},
    }
    file = Path(folder, "stretto.yaml")
    file.write_text(json.dumps(config), encoding="utf-8")
    settings = read_settings(str(file)).settings
    daemon = Daemon(settings, announce=lambda _url: threading.Thread(target=follow, args=(socket, inputs)).start())
    asyncio.run(daemon.serve())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
