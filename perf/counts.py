"""What is counted, not timed: containers frozen, memory blocks, threads and resident memory of a fan-out."""

import itertools
from collections.abc import Callable
from typing import Any
from unittest import mock

from engines import ITEMS, engine, fan_out
from process import Mark
from report import Table
from samples import RESULTS_A_MEGABYTE

from stretto.definitions.data import frozen

MEGABYTES = (0, 1, 5)
CHOICE, PYTHON_HALF = "stretto.definitions.data.frozen._fast_freeze", "_freeze"
FREEZERS = ("stretto.definitions.data.frozen._freeze_object", "stretto.definitions.data.frozen._freeze_list")


def memory(results: int) -> tuple[Mark, Mark]:
    """Perform one fan-out in this process, after a small one that has made every thread."""
    with engine() as proxy:
        fan_out(proxy, 0, items=100)
        return fan_out(proxy, results)


def containers_frozen(results: int) -> tuple[int, int]:
    """Return how many containers are walked and frozen in whole runs of 1 item and of all items."""
    with engine() as proxy:
        return _frozen_in(lambda: fan_out(proxy, results, 1)), _frozen_in(lambda: fan_out(proxy, results))


def _frozen_in(work: Callable[[], object]) -> int:
    ticks = itertools.count()
    # By the Python half: the compiled one, which walks over the same, cannot be counted in.
    with (
        mock.patch(CHOICE, getattr(frozen, PYTHON_HALF)),
        mock.patch(FREEZERS[0], _counting(FREEZERS[0], ticks)),
        mock.patch(FREEZERS[1], _counting(FREEZERS[1], ticks)),
    ):
        work()
    return next(ticks)


def _counting(path: str, ticks: "itertools.count[int]") -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    original = getattr(__import__(module, fromlist=[name]), name)

    def counted(*arguments: Any) -> Any:
        next(ticks)
        return original(*arguments)

    return counted


def table(marks: dict[int, tuple[Mark, Mark]], frozen: dict[int, tuple[int, int]]) -> Table:
    """Show the counts by the context's size in MB."""
    made = Table(
        f"Counted over a fan-out of {ITEMS:,} items",
        ["", *(f"{megabytes} MB" for megabytes in MEGABYTES)],
        "Frozen: walked by freeze(), loading included. The rest is from the fan-out's start to its end, in a fresh "
        "process, all results kept.",
    )
    pairs = [marks[megabytes] for megabytes in MEGABYTES]
    blocks = [(ended["allocated_blocks"] - began["allocated_blocks"]) / ITEMS for began, ended in pairs]
    made.add("containers frozen by a run of 1 item", *(f"{frozen[each][0]:,}" for each in MEGABYTES))
    made.add(f"containers frozen by a run of {ITEMS:,} items", *(f"{frozen[each][1]:,}" for each in MEGABYTES))
    made.add("memory blocks more, an item", *(f"{each:.2f}" for each in blocks))
    made.add("resident before the fan-out, MB", *(f"{began['resident_mb']:.0f}" for began, _ in pairs))
    made.add("peak during it, MB", *(f"{ended['peak_mb']:.0f}" for _, ended in pairs))
    grown = [ended["peak_mb"] - began["resident_mb"] for began, ended in pairs]
    made.add("grown by, bytes an item", *(f"{each * 2**20 / ITEMS:,.0f}" for each in grown))
    made.add("threads", *(str(ended["threads"]) for _, ended in pairs))
    return made


def results_of(megabytes: int) -> int:
    """Return how many results of 10 KB make so many MB."""
    return megabytes * RESULTS_A_MEGABYTE
