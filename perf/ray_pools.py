"""Items in pools on Ray and on processes beside the engine's own threads and plain Ray batches, in turns.

    PYTHONPATH=$PWD/docs/examples:$PWD/perf python perf/ray_pools.py cost [ITEMS] [ROUNDS]
    PYTHONPATH=$PWD/docs/examples:$PWD/perf python perf/ray_pools.py counts
    PYTHONPATH=$PWD/docs/examples:$PWD/perf python perf/ray_pools.py memory [ITEMS]

`cost` prints microseconds an item, the least of the rounds: for a function that does nothing, and for one that computes
a millisecond. `counts` prints bytes and large values for contexts of 0 to 50 MB, which are the same in each run.
`memory` prints the memory of the daemon before, at most during, and after a fan-out over a file of items, 1,000,000 by
default.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from demo_ray import Node, free_port
from ray_pool_actions import compute, echo, loops_of_a_millisecond

from stretto.actors import Engine
from stretto.actors.pools import PoolOptions, RayPlace
from stretto.metrics import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONS = "ray_pool_actions"
WORKERS = 2
BATCH = 100
NUMBERS_OF_A_MEGABYTE = 130_000
LOOPS_OF_A_MILLISECOND = loops_of_a_millisecond()
FLOW = """
version: "1.0"
ref: perf.pool
parameters: {{count: {{type: integer}}, table: {{type: array, default: []}}}}
tasks:
  - name: fan
    action: {action}
    runs_on: {pool}
    with_items: "{{{{ range(parameters.count) }}}}"
    concurrency: 1000
    input: {input}
"""
OF_A_FILE = """
version: "1.0"
ref: perf.file
tasks:
  - name: fan
    action: perf.echo
    runs_on: {pool}
    with_items: {{lines: "{items}"}}
    results: {{jsonl: "{results}"}}
    concurrency: 1000
    input: {{text: "hello {{{{ item }}}}"}}
"""
ECHO = ("perf.echo", '{text: "hello {{ item }}"}')
COMPUTE = ("perf.compute", f"{{loops: {LOOPS_OF_A_MILLISECOND}}}")
LOOK_UP = ("perf.look_up", '{table: "{{ parameters.table }}", index: "{{ item }}"}')


class Plain:
    """What many write by hand: Ray actors that take batches."""

    def echo(self, texts: list[str]) -> list[str]:
        """Return the texts."""
        return [echo(text) for text in texts]

    def compute(self, count: int) -> list[int]:
        """Compute for each."""
        return [compute(LOOPS_OF_A_MILLISECOND) for _ in range(count)]


def plain(actors: list[Any], kind: str, items: int) -> float:
    """Return the seconds of plain batches, two in flight at each actor."""
    began, sent = time.perf_counter(), 0
    pending: list[Any] = []
    while sent < items or pending:
        while sent < items and len(pending) < 2 * len(actors):
            actor = actors[(sent // BATCH) % len(actors)]
            given: Any = [f"hello {number}" for number in range(sent, sent + BATCH)] if kind == "echo" else BATCH
            pending.append(getattr(actor, kind).remote(given))
            sent += BATCH
        done, pending = ray.wait(pending)
        ray.get(done)
    return time.perf_counter() - began


class Bed:
    """An engine with a pool on Ray and one on processes."""

    def __init__(self, address: str, folder: Path) -> None:
        self.folder = folder
        options = {"workers": WORKERS, "slots": 2, "actions": (ACTIONS,)}
        self.engine = Engine.start(
            actions=[ACTIONS], threads=WORKERS, max_items_in_flight=2_000,
            pools={
                "ray": PoolOptions(ray=RayPlace(address=address, cpus=0.5), **options),  # type: ignore[arg-type]
                "processes": PoolOptions(**options),  # type: ignore[arg-type]
            },
        ).proxy()  # fmt: skip
        while any(len(pool["workers"]) < WORKERS for pool in self.pools().values()):
            time.sleep(0.2)

    def pools(self) -> dict[str, Any]:
        """Return the reports of the pools by name."""
        return {pool["pool"]: pool for pool in self.engine.pools().get()}

    def run(self, pool: str, what: tuple[str, str], items: int, megabytes: int = 0) -> tuple[float, float]:
        """Run a fan-out. Return its seconds, and those of this process's CPU."""
        file = self.folder / "flow.yaml"
        file.write_text(FLOW.format(action=what[0], pool=pool, input=what[1]))
        began, cpu = time.perf_counter(), time.process_time()
        handle = self.engine.submit(
            str(file), {"count": items, "table": list(range(megabytes * NUMBERS_OF_A_MEGABYTE))}
        ).get()
        outcome = handle.outcome.get()
        assert outcome.status == "succeeded", outcome.errors[:2]
        return time.perf_counter() - began, time.process_time() - cpu


def cost(bed: Bed, items: int, rounds: int) -> None:
    """Print the table of costs."""
    actors = [ray.remote(Plain).options(num_cpus=0.5).remote() for _ in range(WORKERS)]
    few = items // 5
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "nothing: plain Ray batches of 100": lambda: (plain(actors, "echo", items) / items, 0.0),
        **{
            f"nothing: {pool}": lambda pool=pool: per(bed.run(pool, ECHO, items), items)  # type: ignore[misc]
            for pool in ("here", "processes", "ray")
        },
        "1 ms: plain Ray batches of 100": lambda: (plain(actors, "compute", few) / few, 0.0),
        **{
            f"1 ms: {pool}": lambda pool=pool: per(bed.run(pool, COMPUTE, few), few)  # type: ignore[misc]
            for pool in ("processes", "ray")
        },
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # warm
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    print(f"{items:,} items ({few:,} of 1 ms), {rounds} rounds, us an item: least (all), CPU of the daemon")
    for name, values in found.items():
        shown = " ".join(f"{seconds * 1e6:.1f}" for seconds, _ in values)
        least, cpu = min(each[0] for each in values), min(each[1] for each in values)
        print(f"{name:34} {least * 1e6:8.1f}  ({shown})  {cpu * 1e6:6.1f}")


def per(figures: tuple[float, float], items: int) -> tuple[float, float]:
    """Return the figures of one item."""
    return figures[0] / items, figures[1] / items


def counts(bed: Bed) -> None:
    """Print what travels for contexts of several sizes."""
    items = 2_000
    print("pool, MB of context: bytes an item without the values, large values sent")
    for pool in ("processes", "ray"):
        for megabytes in (0, 1, 5, 50):
            before = bed.pools()[pool]
            bed.run(pool, LOOK_UP, items, megabytes)
            after = bed.pools()[pool]
            put = after["values_put"] - before["values_put"]
            value = len(",".join(map(str, range(megabytes * NUMBERS_OF_A_MEGABYTE)))) + 2
            sent = after["bytes_sent"] - before["bytes_sent"] - put * value
            print(f"{pool}, {megabytes} MB: {sent / items:.1f} bytes, {put} values")


def memory(bed: Bed, items: int) -> None:
    """Print the memory of the daemon. The process is fresh, so its peak is that of the large fan-outs."""
    for pool in ("processes", "ray"):
        of_a_file(bed, pool, 10_000)  # warm
        before = resident("VmRSS")
        seconds = of_a_file(bed, pool, items)
        most, after = resident("VmHWM"), resident("VmRSS")
        print(
            f"{pool}, {items:,} items: {before:.0f} MB before, {most - before:+.0f} MB at most, "
            f"{after - before:+.0f} MB after; {seconds / items * 1e6:.1f} us an item"
        )


def of_a_file(bed: Bed, pool: str, items: int) -> float:
    """Run a fan-out over a file of items whose results go to a file. Return its seconds."""
    given, results, flow = (bed.folder / name for name in ("items.txt", "results.jsonl", "file.yaml"))
    with given.open("w") as file:
        for number in range(items):
            file.write(f"{number}\n")
    results.unlink(missing_ok=True)
    flow.write_text(OF_A_FILE.format(pool=pool, items=given, results=results))
    began = time.perf_counter()
    outcome = bed.engine.submit(str(flow)).get().outcome.get()
    assert outcome.status == "succeeded", outcome.errors[:2]
    return time.perf_counter() - began


def resident(name: str) -> float:
    """Return a size of this process's memory in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main(what: str, items: int | None = None, rounds: int = 5) -> None:
    """Start Ray and an engine, and measure."""
    configure_logging("ERROR")
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    port = free_port()
    node = Node(
        "--head", "--include-dashboard=false", "--node-ip-address=127.0.0.1", f"--port={port}",
        f"--temp-dir={folder}/ray",
    )  # fmt: skip
    try:
        bed = Bed(f"127.0.0.1:{port}", folder)
        if what == "cost":
            ray.init(address=f"127.0.0.1:{port}", log_to_driver=False, logging_level="ERROR")
            cost(bed, items or 10_000, rounds)
            ray.shutdown()
        elif what == "memory":
            memory(bed, items or 1_000_000)
        else:
            counts(bed)
        bed.engine.stop().get()
    finally:
        node.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
