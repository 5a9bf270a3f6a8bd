"""Fan-outs over a file of lines whose results go into a file of JSON lines: an item's time, and peak memory.

Every fan-out has a process of its own, in which a small one has made every thread.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from engines import engine, run
from measure import Samples, in_fresh_process, median, ratio
from process import Mark
from report import Measured, Table, timing
from targets import of_differences, of_ratio

SIZES = (1_000, 100_000, 1_000_000)
TIMED_ITEMS = 20_000
"""A small fan-out is repeated until so many items were performed, and its median counts."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A fan-out's seconds an item, the median of its repetitions, and by how much memory grew to its peak, in MB."""

    seconds: float
    grown_mb: float


def grow(items: int) -> Growth:
    """Perform a fan-out over a file of so many lines."""
    with engine() as proxy, tempfile.TemporaryDirectory() as folder:
        _fan_out(proxy, Path(folder), 1_000)
        marks = [_fan_out(proxy, Path(folder), items) for _ in range(max(1, TIMED_ITEMS // items))]
    began, ended = marks[0]
    seconds = median([(last["at"] - first["at"]) / items for first, last in marks])
    return Growth(seconds, ended["peak_mb"] - began["resident_mb"])


def _fan_out(proxy: object, folder: Path, items: int) -> tuple[Mark, Mark]:
    source, results = folder / f"{items}.txt", folder / "results.jsonl"
    if not source.exists():
        with source.open("w", encoding="utf-8") as file:
            file.writelines(f"line number {number}\n" for number in range(items))
    output = run(proxy, "lazy_fan_out", {"source": str(source), "results": str(results)})
    with results.open("rb") as written:
        lines = sum(1 for _ in written)
    if (output["count"], lines) != (items, items):
        raise RuntimeError(f"the fan-out gave {output['count']} results, and its file has {lines}")
    return output["began"], output["ended"]


def measure(rounds: int) -> tuple[Samples, dict[str, list[float]]]:
    """Perform a fan-out of each size a round, in turn; return seconds an item, and MB, by the size."""
    seconds: Samples = {case(items): [] for items in SIZES}
    grown: dict[str, list[float]] = {case(items): [] for items in SIZES}
    for each in range(rounds):
        for items in SIZES[:: -1 if each % 2 else 1]:
            growth = in_fresh_process(grow, items)
            seconds[case(items)].append(growth.seconds)
            grown[case(items)].append(growth.grown_mb)
    return seconds, grown


def case(items: int) -> str:
    """Return the name of a size."""
    return f"{items:,} items"


def table(seconds: Samples, grown: dict[str, list[float]]) -> Table:
    """Show `measure`."""
    made = Table(
        "Fan-outs over a file of lines, results to a file of JSON lines",
        ["", "an item", f"ratio to {SIZES[0]:,}", "peak memory grows by, in all"],
        "core.echo, no store, concurrency 256, each in a process of its own. The memory column is the growth of "
        "resident memory, from the "
        "fan-out's start to its peak.",
    )
    for items in SIZES:
        name = case(items)
        to_small = f"{ratio(seconds[name], seconds[case(SIZES[0])]):.2f}"
        made.add(name, timing(seconds[name], "us"), to_small, f"{median(grown[name]):.1f} MB")
    return made


def targets(seconds: Samples, grown: dict[str, list[float]]) -> dict[str, Measured]:
    """Compare the largest fan-out's time with the smallest one's, and its memory with that of the one before it."""
    small, middle, large = (case(items) for items in SIZES)
    more = [
        (most - less) * 2**20 / (SIZES[2] - SIZES[1]) for most, less in zip(grown[large], grown[middle], strict=True)
    ]
    return {
        "1,000,000 items": of_ratio(seconds[large], seconds[small]),
        "1,000,000 items, memory": of_differences(more),
    }


if __name__ == "__main__":
    print(*table(*measure(3)).lines(), sep="\n")
