"""Garbage collections during a fan-out beside waiting runs: Python's own schedule, and the daemon's."""

import gc
from dataclasses import dataclass, field
from time import process_time, thread_time
from typing import Any

from engines import engine, run
from measure import in_fresh_process
from process import mark
from report import Measured, Table
from schedules import as_a_daemon
from stores import SQLITE, files

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


def collect(schedule: str, items: int, waiting: int) -> Collections:
    """Perform a fan-out over an SQLite store beside waiting runs, and count the collections."""
    found = Collections()

    def fan_out(proxy: Any) -> None:
        gc.callbacks.append(found.counted)
        began = process_time()
        run(proxy, "maps", {"items": list(range(items))})
        found.seconds = process_time() - began
        gc.callbacks.remove(found.counted)
        found.peak_mb = mark()["peak_mb"]

    with files() as made, engine(0, store=made.new()[SQLITE], store_key=made.key_file) as proxy:
        for accepted in [proxy.submit("delayed") for _ in range(waiting)]:
            accepted.get()
        if schedule == DAEMON:
            as_a_daemon(proxy, fan_out)
        else:
            fan_out(proxy)
    return found


def measure(share: float) -> dict[str, Collections]:
    """Count the collections of both schedules, in processes of their own."""
    sizes = round(ITEMS * share), round(WAITING * share)
    return {name: in_fresh_process(collect, name, *sizes) for name in (PYTHON, DAEMON)}


def table(found: dict[str, Collections], share: float) -> Table:
    """Show `measure`."""
    made = Table(
        "Garbage collections: a fan-out beside waiting runs, SQLite",
        ["", "of all CPU", "youngest", "middle", "full", "peak of memory"],
        f"{round(ITEMS * share):,} items, {round(WAITING * share):,} waiting runs. Of each generation: the number of "
        "collections, and the longest one.",
    )
    for name, collections in found.items():
        pauses = [f"{len(each)}, {_longest(each):.1f} ms" if each else "none" for each in collections.pauses.values()]
        made.add(name, f"{collections.share:.1%}", *pauses, f"{collections.peak_mb:.0f} MB")
    return made


def targets(found: dict[str, Collections]) -> dict[str, Measured]:
    """Say what the daemon's collections cost, and compare its memory with that of Python's own schedule."""
    ours, python = found[DAEMON], found[PYTHON]
    return {
        "garbage": Measured(ours.share * 100, f"Python's own schedule: {python.share:.1%}"),
        "garbage, younger": Measured(_longest([*ours.pauses[0], *ours.pauses[1]])),
        "garbage, full": Measured(len(ours.pauses[2]), f"Python's own schedule: {len(python.pauses[2])}"),
        "garbage, memory": Measured(ours.peak_mb / python.peak_mb, f"{ours.peak_mb:.0f} MB"),
    }


def _longest(pauses: list[float]) -> float:
    return max(pauses, default=0.0) * 1000
