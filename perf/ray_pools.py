"""Items in pools on Ray and on processes beside the engine's own threads and plain Ray batches, in turns.

    PYTHONPATH=$PWD/docs/examples:$PWD/perf python perf/ray_pools.py cost [ITEMS] [ROUNDS] [SECONDS] [WORKERS]
    PYTHONPATH=$PWD/docs/examples:$PWD/perf python perf/ray_pools.py counts
    PYTHONPATH=$PWD/docs/examples:$PWD/perf python perf/ray_pools.py memory [ITEMS]

`cost` prints microseconds an item: for a function that does nothing, and for one that computes a millisecond. It begins
no further round SECONDS after its start, so that it fits into a quiet moment. The CPU time is that of the daemon, and
that of all processes: workers, gateways and Ray's own. With fewer workers than cores, the daemon has a core of its own.
The process switches threads and collects garbage as the daemon does.

`counts` prints bytes and large values for contexts of 0 to 50 MB, which are the same in each run. `memory` prints the
memory of the daemon before, at most during, and after a fan-out over a file of items, 1,000,000 by default.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import ray
from demo_ray import Node, free_port
from ray_pool_actions import compute, echo, loops_of_a_millisecond
from schedules import as_a_daemon

from stretto.actors import Engine
from stretto.actors.pools import PoolOptions, RayPlace
from stretto.metrics import configure_logging

ACTIONS = "ray_pool_actions"
WORKERS = 2
SLOTS: Final = {"": 2, "_one_slot": 1}
"""The calls that a worker runs at a time, by the end of the pool's name. An actor of plain Ray runs one."""
BATCH = 100
NUMBERS_OF_A_MEGABYTE = 130_000
TICKS: Final = os.sysconf("SC_CLK_TCK")
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


def plain(actors: list[Any], kind: str, items: int) -> None:
    """Run plain batches, two in flight at each actor."""
    sent = 0
    pending: list[Any] = []
    while sent < items or pending:
        while sent < items and len(pending) < 2 * len(actors):
            actor = actors[(sent // BATCH) % len(actors)]
            given: Any = [f"hello {number}" for number in range(sent, sent + BATCH)] if kind == "echo" else BATCH
            pending.append(getattr(actor, kind).remote(given))
            sent += BATCH
        done, pending = ray.wait(pending)
        ray.get(done)


class Bed:
    """An engine with a pool on Ray and one on processes."""

    def __init__(self, address: str, folder: Path, workers: int) -> None:
        self.folder = folder
        self.workers = workers
        options = {"workers": workers, "actions": (ACTIONS,)}
        place = RayPlace(address=address, cpus=0.3)
        self.engine = Engine.start(
            actions=[ACTIONS], threads=workers, max_items_in_flight=2_000,
            pools={
                **{f"ray{end}": PoolOptions(ray=place, slots=slots, **options) for end, slots in SLOTS.items()},  # type: ignore[arg-type]
                **{f"processes{end}": PoolOptions(slots=slots, **options) for end, slots in SLOTS.items()},  # type: ignore[arg-type]
            },
        ).proxy()  # fmt: skip
        while any(len(pool["workers"]) < workers for pool in self.pools().values()):
            time.sleep(0.2)

    def pools(self) -> dict[str, Any]:
        """Return the reports of the pools by name."""
        return {pool["pool"]: pool for pool in self.engine.pools().get()}

    def run(self, pool: str, what: tuple[str, str], items: int, megabytes: int = 0) -> None:
        """Run a fan-out."""
        file = self.folder / "flow.yaml"
        file.write_text(FLOW.format(action=what[0], pool=pool, input=what[1]))
        handle = self.engine.submit(
            str(file), {"count": items, "table": list(range(megabytes * NUMBERS_OF_A_MEGABYTE))}
        ).get()
        outcome = handle.outcome.get()
        assert outcome.status == "succeeded", outcome.errors[:2]


class Cost(NamedTuple):
    """Microseconds an item: on the clock, of this process's CPU, and of the CPU of all processes."""

    wall: float
    own: float
    all: float


def cost_of(work: Callable[[], object], items: int) -> Cost:
    """Do some work, and return its cost."""
    began, own, everything = time.perf_counter(), time.process_time(), cpu_of_children()
    work()
    wall, own = time.perf_counter() - began, time.process_time() - own
    return Cost(*(1e6 * seconds / items for seconds in (wall, own, own + cpu_of_children() - everything)))


def cpu_of_children() -> float:
    """Return the seconds of CPU time that all processes below this one have taken."""
    seconds, processes = 0.0, [os.getpid()]
    for process in processes:
        for tasks in Path(f"/proc/{process}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                processes += [int(child) for child in tasks.read_text().split()]
    for process in processes[1:]:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            seconds += (int(fields[11]) + int(fields[12])) / TICKS
    return seconds


def cost(bed: Bed, items: int, rounds: int, until: float) -> None:
    """Print the table of costs."""
    actors = [ray.remote(Plain).options(num_cpus=0.3).remote() for _ in range(bed.workers)]
    few = items // 5
    computing = ("processes_one_slot", "ray_one_slot", "processes", "ray")
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "nothing: plain Ray batches of 100": (lambda: plain(actors, "echo", items), items),
        **{f"nothing: {pool}": (partial(bed.run, pool, ECHO, items), items) for pool in ("here", "processes", "ray")},
        "1 ms: plain Ray batches of 100": (lambda: plain(actors, "compute", few), few),
        **{f"1 ms: {pool}": (partial(bed.run, pool, COMPUTE, few), few) for pool in computing},
    }
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    for work, _ in ways.values():
        work()  # warm
    while rounds and time.monotonic() < until:
        rounds -= 1
        for name, (work, count) in ways.items():
            found[name].append(cost_of(work, count))
    print(
        f"{items:,} items ({few:,} of 1 ms), us an item: least and median (all); median CPU of the daemon, and of all"
    )
    for name, costs in found.items():
        wall, own, everything = ([each[place] for each in costs] for place in range(3))
        shown = " ".join(f"{each:.1f}" for each in wall)
        cpu = f"{median(own):5.1f} {median(everything):7.1f}"
        print(f"{name:34} {min(wall):7.1f} {median(wall):7.1f}  ({shown})  {cpu}")


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


def main(what: str, items: int | None = None, rounds: int = 5, seconds: int = 60, workers: int = WORKERS) -> None:
    """Start Ray and an engine, and measure."""
    until = time.monotonic() + seconds
    configure_logging("ERROR")
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    port = free_port()
    node = Node(
        "--head", "--include-dashboard=false", "--node-ip-address=127.0.0.1", f"--port={port}",
        f"--temp-dir={folder}/ray",
    )  # fmt: skip
    try:
        bed = Bed(f"127.0.0.1:{port}", folder, workers)
        if what == "cost":
            ray.init(address=f"127.0.0.1:{port}", log_to_driver=False, logging_level="ERROR")
            as_a_daemon(bed.engine, lambda _engine: cost(bed, items or 10_000, rounds, until))
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
