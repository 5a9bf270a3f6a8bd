"""What a fan-out's size costs: an item's time, and the memory that the process grows by, for 1,000 items and more.

Every fan-out has a process of its own: what an earlier one has left free would hide what a later one needs.
"""

from dataclasses import dataclass

from engines import engine, fan_out
from measure import Samples, in_fresh_process, median, numbered
from plots import Lines
from report import Measured, Table, figure, ratio_text, timing
from targets import of_ratio, spread_of

SIZES = (1_000, 10_000, 100_000)
SMALL_RUNS = 5
"""Fan-outs of the smallest size right before the one in question, and as many right after it."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A fan-out's seconds an item, those of small ones around it, and bytes an item at its peak."""

    seconds: float
    small_seconds: float
    bytes_an_item: float


def grow(items: int) -> Growth:
    """Perform a fan-out of so many items over an empty context, between small ones that have made every thread."""
    with engine() as proxy:
        small = [fan_out(proxy, 0, items=SIZES[0]) for _ in range(SMALL_RUNS)]
        began, ended = fan_out(proxy, 0, items=items)
        small += [fan_out(proxy, 0, items=SIZES[0]) for _ in range(SMALL_RUNS)]
    small_seconds = median([last["at"] - first["at"] for first, last in small]) / SIZES[0]
    peak = (ended["peak_mb"] - began["resident_mb"]) * 2**20
    return Growth((ended["at"] - began["at"]) / items, small_seconds, peak / items)


def measure(rounds: int) -> tuple[Samples, dict[str, list[float]]]:
    """Perform a fan-out of each size a round, in turn; return seconds, and bytes, an item by the size."""
    seconds: Samples = {name: [] for items in SIZES for name in (_case(items), _beside(items))}
    grown: dict[str, list[float]] = {_case(items): [] for items in SIZES}
    for each in numbered(rounds - 1):
        for items in SIZES[:: -1 if each % 2 else 1]:
            growth = in_fresh_process(grow, items)
            seconds[_case(items)].append(growth.seconds)
            seconds[_beside(items)].append(growth.small_seconds)
            grown[_case(items)].append(growth.bytes_an_item)
    return seconds, grown


def _beside(items: int) -> str:
    return f"{SIZES[0]:,} items beside {items:,}"


def _case(items: int) -> str:
    return f"{items:,} items"


def table(seconds: Samples, grown: dict[str, list[float]]) -> Table:
    """Show `measure`."""
    made = Table(
        "Fan-outs of more items",
        ["", "an item", f"ratio to {SIZES[0]:,}", "peak memory grows by, an item", "in all"],
        "core.echo, no store, all results kept, each in a process of its own, where the smallest ones run before and "
        "after it. The memory column is the growth of resident "
        "memory, from the fan-out's start to its peak: its list of items is there "
        "before, its results are not.",
    )
    for items in SIZES:
        name = _case(items)
        peak = median(grown[name])
        made.add(
            name, timing(seconds[name], "us"), ratio_text(seconds[name], seconds[_beside(items)]),
            f"{figure(peak)} bytes", f"{figure(peak * items / 2**20)} MB",
        )  # fmt: skip
    return made


def targets(seconds: Samples, grown: dict[str, list[float]]) -> dict[str, Measured]:
    """Compare larger fan-outs with the smallest one."""
    found = {_case(items): of_ratio(seconds[_case(items)], seconds[_beside(items)]) for items in SIZES[1:]}
    largest = _case(SIZES[-1])
    return found | {f"{largest}, memory": Measured(median(grown[largest]), "", spread_of(grown[largest]))}


def plots(seconds: Samples, grown: dict[str, list[float]]) -> list[Lines]:
    """Draw `measure`: time and memory by the number of items."""
    places = [f"{items:,}" for items in SIZES]
    times = Lines("items", "An item's time, by their number", places, "items", "us an item")
    times.series["core.echo, no store"] = [median(seconds[_case(items)]) * 1e6 for items in SIZES]
    memory = Lines("memory", "Growth of peak memory, by the number of items", places, "items", "MB")
    memory.series["results kept"] = [median(grown[_case(items)]) * items / 2**20 for items in SIZES]
    return [times, memory]
