"""Ray's head is gone for a time: the engine lives, says which pool has no worker, and continues by itself.

    PYTHONPATH=$PWD/docs/examples:$PWD/perf python perf/ray_head.py [SECONDS]

A fan-out runs on a pool. Its cluster is killed as a whole, and started again after SECONDS (300 by default).
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from demo_ray import Node, free_port

from stretto.actors import Engine
from stretto.actors.pools import PoolOptions, RayPlace
from stretto.metrics import configure_logging

FLOW = """
version: "1.0"
ref: perf.head
output_map: {count: "{{ task.fan.result | length }}"}
tasks:
  - name: fan
    action: perf.compute
    runs_on: ray
    with_items: "{{ range(200000) }}"
    concurrency: 1000
    input: {loops: 20000}
"""
HERE = 'tasks: [{name: a, action: core.echo, input: {message: "the daemon works"}}]'


def main(seconds: float) -> bool:
    """Kill the cluster and start it again. Return whether the run has continued."""
    configure_logging("ERROR")
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    port = free_port()
    head = (
        "--head", "--include-dashboard=false", "--node-ip-address=127.0.0.1", f"--port={port}",
        f"--temp-dir={folder}/ray",
    )  # fmt: skip
    node = Node(*head)
    place = RayPlace(address=f"127.0.0.1:{port}", cpus=0.5)
    engine = Engine.start(
        pools={"ray": PoolOptions(workers=2, slots=2, actions=("ray_pool_actions",), ray=place)}
    ).proxy()
    try:
        (folder / "flow.yaml").write_text(FLOW)
        (folder / "here.yaml").write_text(HERE)
        handle = engine.submit(str(folder / "flow.yaml")).get()
        while sum(len(pool["workers"]) for pool in engine.pools().get()) < place.cpus * 4:
            time.sleep(0.1)
        began, shown = time.monotonic(), ""
        node.kill()
        print("killed the cluster", flush=True)
        restarted = 0.0
        while engine.status(handle.id).get()["status"] == "running":
            now = time.monotonic() - began
            if not restarted and now > seconds:
                node = Node(*head)
                restarted = time.monotonic()
                print(f"{now:6.1f} s: started it again", flush=True)
            pool = engine.pools().get()[0]
            waits = [each["text"] for each in engine.why(handle.id).get() if each["kind"] == "pool"]
            here = engine.submit(str(folder / "here.yaml")).get().outcome.get(timeout=30).status
            line = f"{len(pool['workers'])} workers; {pool['trouble']}; an item here has {here}"
            if line != shown:
                print(f"{now:6.1f} s: {line}; why: {waits[:1]}", flush=True)
                shown = line
                if restarted and len(pool["workers"]) == pool["expected"]:
                    print(f"both workers were back {time.monotonic() - restarted:.1f} s after that", flush=True)
                    break
            time.sleep(1.0)
        engine.cancel(handle.id).get()
        return bool(restarted)
    finally:
        engine.stop(grace=0).get()
        node.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    sys.exit(0 if main(float(sys.argv[1]) if len(sys.argv) > 1 else 300.0) else 1)
