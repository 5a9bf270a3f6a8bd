"""What a fan-out's size costs: an item's time, and the memory that the process grows by, for 1,000 items and more.

Every fan-out has a process of its own: what an earlier one has left free would hide what a later one needs.
"""

from dataclasses import dataclass

from engines import engine, fan_out
from measure import Samples, in_fresh_process, median, ratio
from plots import Lines
from report import Measured, Table, figure, timing
from targets import of_ratio

SIZES = (1_000, 10_000, 100_000)
TIMED_ITEMS = 20_000
"""A small fan-out is repeated until so many items were performed, and its median counts."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A fan-out's seconds an item, the median of its repetitions, and bytes an item at the peak of the first one."""

    seconds: float
    bytes_an_item: float


def grow(items: int) -> Growth:
    """Perform a fan-out of so many items over an empty context, after a small one that has made every thread."""
    with engine() as proxy:
        fan_out(proxy, 0, items=100)
        marks = [fan_out(proxy, 0, items=items) for _ in range(max(1, TIMED_ITEMS // items))]
    began, ended = marks[0]
    peak = (ended["peak_mb"] - began["resident_mb"]) * 2**20
    return Growth(median([(ended["at"] - began["at"]) / items for began, ended in marks]), peak / items)


def measure(rounds: int) -> tuple[Samples, dict[str, list[float]]]:
    """Perform a fan-out of each size a round, in turn; return seconds, and bytes, an item by the size."""
    seconds: Samples = {_case(items): [] for items in SIZES}
    grown: dict[str, list[float]] = {_case(items): [] for items in SIZES}
    for each in range(rounds):
        for items in SIZES[:: -1 if each % 2 else 1]:
            growth = in_fresh_process(grow, items)
            seconds[_case(items)].append(growth.seconds)
            grown[_case(items)].append(growth.bytes_an_item)
    return seconds, grown


def _case(items: int) -> str:
    return f"{items:,} items"


def table(seconds: Samples, grown: dict[str, list[float]]) -> Table:
    """Show `measure`."""
    made = Table(
        "Fan-outs of more items",
        ["", "an item", f"ratio to {SIZES[0]:,}", "peak memory grows by, an item", "in all"],
        "core.echo, no store, all results kept, each in a process of its own. What grows is resident memory, from the "
        "fan-out's start to its peak: its list of items is there before, its results are not.",
    )
    for items in SIZES:
        name = _case(items)
        peak = median(grown[name])
        made.add(
            name, timing(seconds[name], "us"), f"{ratio(seconds[name], seconds[_case(SIZES[0])]):.2f}",
            f"{figure(peak)} bytes", f"{figure(peak * items / 2**20)} MB",
        )  # fmt: skip
    return made


def targets(seconds: Samples, grown: dict[str, list[float]]) -> dict[str, Measured]:
    """Compare larger fan-outs with the smallest one."""
    small, *larger = SIZES
    found = {_case(items): of_ratio(seconds[_case(items)], seconds[_case(small)]) for items in larger}
    largest = _case(larger[-1])
    return found | {f"{largest}, memory": Measured(median(grown[largest]))}


def plots(seconds: Samples, grown: dict[str, list[float]]) -> list[Lines]:
    """Draw `measure`: time and memory by the number of items."""
    places = [f"{items:,}" for items in SIZES]
    times = Lines("items", "An item's time, by their number", places, "items", "us an item")
    times.series["core.echo, no store"] = [median(seconds[_case(items)]) * 1e6 for items in SIZES]
    memory = Lines("memory", "What peak memory grows by, by the number of items", places, "items", "MB")
    memory.series["results kept"] = [median(grown[_case(items)]) * items / 2**20 for items in SIZES]
    return [times, memory]
