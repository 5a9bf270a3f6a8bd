"""Garbage collections during a fan-out beside waiting runs: Python's own schedule, and the daemon's."""

import asyncio
import gc
from dataclasses import dataclass, field
from time import process_time, thread_time
from typing import Any

from engines import engine, run
from measure import in_fresh_process
from process import mark
from report import Report, Table
from stores import SQLITE, files

from stretto.actors.daemon.collector import Collector

ITEMS, WAITING = 100_000, 2_000
PYTHON, DAEMON = "Python's own schedule", "the daemon's"


@dataclass(slots=True)
class Collections:
    """The pauses of each generation, all CPU seconds, and the peak of resident memory."""

    pauses: dict[int, list[float]] = field(default_factory=lambda: {0: [], 1: [], 2: []})
    seconds: float = 0.0
    peak_mb: float = 0.0
    began: float = 0.0

    def counted(self, phase: str, info: dict[str, int]) -> None:
        """Time a collection by its thread's CPU, for the others wait for it."""
        if phase == "start":
            self.began = thread_time()
        else:
            self.pauses[info["generation"]].append(thread_time() - self.began)

    @property
    def share(self) -> float:
        """The collections' share of the CPU time."""
        return sum(map(sum, self.pauses.values())) / self.seconds


def collect(schedule: str) -> Collections:
    """Perform a fan-out over an SQLite store beside waiting runs, and count the collections."""
    found = Collections()

    def fan_out(proxy: Any) -> None:
        gc.callbacks.append(found.counted)
        began = process_time()
        run(proxy, "maps", {"items": list(range(ITEMS))})
        found.seconds = process_time() - began
        gc.callbacks.remove(found.counted)
        found.peak_mb = mark()["peak_mb"]

    async def as_a_daemon(proxy: Any) -> None:
        dispatcher = proxy.host.services().get().dispatcher
        with Collector(lambda: dispatcher.alive().get("ItemActor", 0)).running():
            await asyncio.to_thread(fan_out, proxy)

    with files() as made, engine(0, store=made.new()[SQLITE], store_key=made.key_file) as proxy:
        for accepted in [proxy.submit("delayed") for _ in range(WAITING)]:
            accepted.get()
        if schedule == DAEMON:
            asyncio.run(as_a_daemon(proxy))
        else:
            fan_out(proxy)
    return found


def show(report: Report) -> None:
    """Measure and show both."""
    table = Table(
        f"Garbage collections: a fan-out of {ITEMS:,} items beside {WAITING:,} waiting runs, SQLite",
        ["", "of all CPU", "youngest", "middle", "full", "peak of memory"],
        "Number of collections and the longest one. The daemon's: at most 6 % of CPU, the younger generations at most "
        "20 ms, no full collection, memory at most 1.1 x.",
    )
    for name in (PYTHON, DAEMON):
        found = in_fresh_process(collect, name)
        pauses = [f"{len(each)}, {max(each) * 1000:.1f} ms" if each else "none" for each in found.pauses.values()]
        table.add(name, f"{found.share:.1%}", *pauses, f"{found.peak_mb:.0f} MB")
    report.show(table)
