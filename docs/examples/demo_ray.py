"""`make demo-ray`: a fan-out over two Ray nodes on this machine, one of which is killed half way.

A daemon runs in this process, with a pool of four workers, two on each node. Half way all processes of one node are
ended with SIGKILL. Its items run again on the other node. In the end the demo counts the results: none is lost.

On a terminal, the demo prints a link to the page of the run, which stays until Enter is pressed.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from stretto.actors import connect
from stretto.actors.daemon import Daemon
from stretto.actors.gateway import Client
from stretto.actors.operations import CreateEnterCode
from stretto.actors.settings import read_settings
from stretto.metrics import configure_logging

EXAMPLES = Path(__file__).parent
CHECKS = 4_000
WORKERS = 4
WORKFLOW = """
version: "1.0"
ref: demo.ray
parameters: {checks: {type: integer}, log: {type: string}}
output_map:
  numbers: "{{ task.check.result | map(attribute='number') | list }}"
  processes: "{{ task.check.result | map(attribute='process') | unique | list | length }}"
tasks:
  - name: check
    action: demo.check
    runs_on: ray
    with_items: "{{ range(parameters.checks) }}"
    concurrency: 1000
    input: {number: "{{ item }}", log: "{{ parameters.log }}"}
"""
OBJECT_STORE_BYTES = 100 * 1024 * 1024


class Node:
    """A Ray node: `ray start` and all that it starts."""

    def __init__(self, *arguments: str) -> None:
        command = [
            sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", *arguments, "--num-cpus=2",
            f"--object-store-memory={OBJECT_STORE_BYTES}", "--disable-usage-stats", "--min-worker-port=0",
            "--max-worker-port=0", f"--dashboard-agent-listen-port={free_port()}", "--block",
        ]  # fmt: skip
        self._process = subprocess.Popen(  # noqa: S603 - Ray's own program
            command, env={**os.environ, "RAY_AUTH_MODE": "disabled"}, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        lines = []
        for line in self._process.stdout or ():
            lines.append(line)
            if "will now block forever" in line:
                return
        sys.exit("Ray has not started:\n" + "".join(lines))

    def kill(self) -> int:
        """End all processes of the node at once. Return how many there were."""
        found = [self._process.pid]
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)  # it starts no other one meanwhile
            for tasks in Path(f"/proc/{process}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += [int(child) for child in tasks.read_text().split()]
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return len(found)


def free_port() -> int:
    """Return a port that no program listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def follow(folder: Path, node: Node) -> bool:
    """Start the run, kill the node half way, and print the results. Return whether none is lost."""
    file, log = folder / "demo.yaml", folder / "checks.log"
    file.write_text(WORKFLOW, encoding="utf-8")
    killed = 0
    with connect(f"unix://{folder}/socket").blocking() as engine:
        while len(engine.pools()[0]["workers"]) < WORKERS:
            time.sleep(0.2)
        handle = engine.submit(str(file), {"checks": CHECKS, "log": str(log)})
        run = handle.id
        if sys.stdout.isatty():
            entrance: Any = Client(f"unix://{folder}/socket").ask(CreateEnterCode(run))
            print(f"the page of the run: {entrance.url}", flush=True)
        for state in engine.watch(run):
            items = state["tasks"].get("check", {}).get("items") or {"succeeded": 0}
            if not killed and items["succeeded"] >= CHECKS // 2:
                killed = node.kill()
                print(f"after {items['succeeded']:,} checks: killed the {killed} processes of one node", flush=True)
        outcome = handle.outcome.get()
        (pool,) = engine.pools()
    ran = Counter(log.read_text(encoding="ascii").split())
    numbers: Any = [] if outcome.output is None else outcome.output["numbers"]
    lost = CHECKS - len(set(numbers))
    again = sum(times - 1 for times in ran.values())
    print(f"the run has {outcome.status}: {len(numbers):,} results, {lost} lost; checks that ran twice: {again}")
    print(f"workers: {len(pool['workers'])} of {pool['expected']} connected, {pool['workers_lost']} lost")
    for error in outcome.errors[:3]:
        print(error["message"])
    return outcome.status == "succeeded" and not lost and bool(killed)


def main() -> int:
    """Run the demo. Return the exit code."""
    configure_logging("CRITICAL")
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    port = free_port()
    nodes: list[Node] = []
    results: list[bool] = []
    try:
        print("starting two Ray nodes", flush=True)
        nodes += [
            Node("--head", "--include-dashboard=false", "--node-ip-address=127.0.0.1", f"--port={port}",
                 f"--temp-dir={folder}/ray"),
            Node(f"--address=127.0.0.1:{port}"),
        ]  # fmt: skip
        actions = str(EXAMPLES / "demo_ray_actions.py")
        config = {
            "engine": {"store": f"sqlite:///{folder}/stretto.db"},
            "serve": {"port": 0, "socket": f"{folder}/socket", "watch": False},
            "pools": {
                "ray": {
                    "carrier": "ray",
                    "address": f"127.0.0.1:{port}",
                    "workers": WORKERS,
                    "slots": 4,
                    "actions": [actions],
                }
            },
        }
        (folder / "stretto.yaml").write_text(json.dumps(config), encoding="utf-8")
        daemon = Daemon(
            read_settings(str(folder / "stretto.yaml")).settings,
            announce=lambda _url: threading.Thread(target=work, args=(folder, nodes[1], results)).start(),
        )
        asyncio.run(daemon.serve())
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if results == [True] else 1


def work(folder: Path, node: Node, results: list[bool]) -> None:
    """Follow the run, then stop the daemon of this process."""
    try:
        results.append(follow(folder, node))
        if sys.stdout.isatty():
            input("press Enter to end the demo ")
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
