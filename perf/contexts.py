"""What it costs to give every item its context, and to publish into a context that has many variables."""

import copy
import gc
import json
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from time import perf_counter

import msgspec
import origin
from measure import Case, Samples, interleave, median, ratio
from plots import Lines
from report import Measured, Table, figure, timing
from samples import RESULTS_A_MEGABYTE, context, result
from targets import largest_to_smallest, of_ratio, of_time

from stretto.definitions.context import ItemScope
from stretto.definitions.data import COMPILED, decode_json, encode_json, freeze
from stretto.definitions.data.frozen import _freeze as freeze_in_python

RESULTS = (0, 10, 50, 100, 500, 5000)
ITEMS = (10, 100, 1000)
VARIABLES = (10, 50, 100, 10_000)
ORIGIN_ITEM_NS = {0: "97 to 100 ns", 500: "97 to 100 ns"}
ORIGIN_ITEMS_US = {10: "1.6 us", 100: "21 us", 1000: "211 us"}
ORIGIN_BYTES = 40
COUNTED_ITEMS = 10_000
COPIES_A_SAMPLE = 2_000
FINER = 3
"""So many times more rounds where the largest of several like figures is compared with the smallest."""


def one_item(results: int) -> Case:
    """Take an item's context over so many results of 10 KB."""
    snapshot = context(results).snapshot()
    item = {"name": "server-1"}

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in repeat(None, loops):
            ItemScope(snapshot, item, 7)  # type: ignore[arg-type]  # what an item is does not matter here
        return perf_counter() - began

    return case


def empty_loop(loops: int) -> float:
    """Do nothing so many times: what the loop adds to each figure of `one_item`."""
    began = perf_counter()
    for _ in repeat(None, loops):
        pass
    return perf_counter() - began


def all_items(count: int) -> Case:
    """Take the contexts of `count` items over 1 MB, all kept."""
    snapshot = context(RESULTS_A_MEGABYTE).snapshot()
    items = [f"server-{number}" for number in range(count)]

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in repeat(None, loops):
            [ItemScope(snapshot, item, index) for index, item in enumerate(items)]
        return perf_counter() - began

    return case


def publish(variables: int) -> Case:
    """Publish one more variable into a context that has `variables`, and take a snapshot."""
    base = context(0)
    for number in range(variables):
        base.publish(f"variable_{number}", "a value")

    def case(loops: int) -> float:
        fresh = [copy.copy(base) for _ in range(loops)]
        began = perf_counter()
        for each in fresh:
            each.publish("one_more", "a value")
            each.snapshot()
        return perf_counter() - began

    return case


def over(work: Callable[[], object]) -> Case:
    """Do anything so many times."""

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in repeat(None, loops):
            work()
        return perf_counter() - began

    return case


def measure_freezing(rounds: int) -> Samples:
    """Measure what a result of 1 MB costs when it enters the context, and what a copy of it would cost."""
    plain = [result(number) for number in range(RESULTS_A_MEGABYTE)]
    frozen, text = freeze(plain), encode_json(plain)
    return interleave(
        {
            "freeze": over(lambda: freeze(plain)),
            "in Python": over(lambda: freeze_in_python(plain, 0)),
            "decoded": over(lambda: decode_json(text)),
            "plainly decoded": over(lambda: msgspec.json.decode(text)),
            "freeze again": over(lambda: freeze(frozen)),
            "deepcopy": over(lambda: copy.deepcopy(plain)),
            "JSON": over(lambda: json.loads(json.dumps(plain))),
        },
        rounds,
    )


def measure_one_item(rounds: int) -> Samples:
    """Measure `one_item` over contexts of 0 to 50 MB."""
    cases = {f"{results} results": one_item(results) for results in RESULTS}
    gc.freeze()  # emptying the collector before each value would walk the 57 MB again and again
    return interleave({**cases, "empty loop": empty_loop}, rounds * FINER)


def measure_all_items(program: Path | None, rounds: int) -> Samples:
    """Measure `all_items` for 10 to 1000 items, in turn with the origin's program where there is one."""
    with ExitStack() as stack:
        cases = {f"{count} items": all_items(count) for count in ITEMS}
        if program is not None:
            cases |= {f"{count} items, Rust": stack.enter_context(origin.running(program, count)) for count in ITEMS}
        return interleave(cases, rounds)


def measure_publish(rounds: int) -> Samples:
    """Measure `publish` into 10 to 10,000 variables."""
    cases = {f"{count} variables": publish(count) for count in VARIABLES}
    return interleave(cases, rounds, dict.fromkeys(cases, COPIES_A_SAMPLE))


def bytes_per_scope() -> float:
    """Count the memory of an item's scope; its item, its index and the list it is kept in are there before."""
    snapshot = context(RESULTS_A_MEGABYTE).snapshot()
    items = [f"server-{number}" for number in range(COUNTED_ITEMS)]
    indexes = list(range(COUNTED_ITEMS))
    kept: list[ItemScope | None] = [None] * COUNTED_ITEMS
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for index in indexes:
            kept[index] = ItemScope(snapshot, items[index], index)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / COUNTED_ITEMS


def item_table(samples: Samples) -> Table:
    """Show `measure_one_item`."""
    table = Table("An item's context", ["context", "stretto", "the origin (Rust), published"])
    for results in RESULTS:
        told = f"{results} results, {results / RESULTS_A_MEGABYTE:g} MB"
        table.add(told, timing(samples[_case(results)], "ns"), ORIGIN_ITEM_NS.get(results, ""))
    grows = ratio(samples[_case(RESULTS[-1])], samples[_case(RESULTS[0])])
    table.add(f"ratio {RESULTS[-1] // RESULTS_A_MEGABYTE} MB : 0 MB", f"{grows:.2f}", "1.03 (5 MB)")
    table.note = f"Of each figure, {figure(median(samples['empty loop']) * 1e9)} ns is the measuring loop."
    return table


def item_plot(samples: Samples) -> Lines:
    """Draw `measure_one_item`."""
    places = [f"{results / RESULTS_A_MEGABYTE:g}" for results in RESULTS]
    plot = Lines("contexts", "Taking an item's context", places, "MB of context", "ns")
    plot.series["an item's context"] = [median(samples[_case(results)]) * 1e9 for results in RESULTS]
    return plot


def item_target(samples: Samples) -> Measured:
    """Compare `measure_one_item` over all sizes."""
    return largest_to_smallest({f"{results / RESULTS_A_MEGABYTE:g} MB": samples[_case(results)] for results in RESULTS})


def _case(results: int) -> str:
    return f"{results} results"


def items_table(samples: Samples, scope_bytes: float) -> Table:
    """Show `measure_all_items` and `bytes_per_scope`."""
    table = Table(
        "Contexts for all items of a task, over 1 MB, all kept",
        ["", "stretto", "the origin's way, here", "ratio", "the origin (Rust), published"],
        "The origin's way is `perf/origin.rs`, built with `rustc -O`: shared parts by `Arc`, and the item's own value.",
    )
    for count in ITEMS:
        ours, rust = samples[f"{count} items"], samples.get(f"{count} items, Rust")
        beside = ("no rustc", "") if rust is None else (timing(rust, "us"), f"{ratio(ours, rust):.2f}")
        table.add(f"{count} items", timing(ours, "us"), *beside, ORIGIN_ITEMS_US[count])
    table.add("memory an item", f"{scope_bytes:.0f} bytes", "", "", f"{ORIGIN_BYTES} bytes")
    return table


def items_target(samples: Samples) -> Measured:
    """Compare `measure_all_items` with the origin's way."""
    rust = samples.get(f"{ITEMS[-1]} items, Rust")
    return Measured(None, "rustc is not installed") if rust is None else of_ratio(samples[f"{ITEMS[-1]} items"], rust)


def publish_table(samples: Samples) -> Table:
    """Show `measure_publish`."""
    table = Table("Publish one more variable and take a snapshot", ["variables there", "stretto", "ratio to 10"])
    for count in VARIABLES:
        values = samples[f"{count} variables"]
        grows = ratio(values, samples[f"{VARIABLES[0]} variables"])
        table.add(f"{count:,}", timing(values, "us"), f"{grows:.2f}")
    return table


def freezing_targets(samples: Samples) -> dict[str, Measured]:
    """Say how long a result takes to enter the context, and compare its decoder with msgspec's."""
    copied = timing(samples["deepcopy"], "ms")
    return {
        "freeze": of_time(samples["freeze"], "ms", f"copy.deepcopy {copied}")
        if COMPILED is not None
        else Measured(None, "the compiled part is not installed"),
        "read frozen": of_ratio(samples["decoded"], samples["plainly decoded"], timing(samples["decoded"], "ms")),
    }


def freezing_table(samples: Samples) -> Table:
    """Show `measure_freezing`."""
    table = Table("A result of 1 MB enters the context", ["", "stretto"])
    table.add("frozen, once, when the task ends", timing(samples["freeze"], "ms"))
    table.add("frozen by the Python half", timing(samples["in Python"], "ms"))
    table.add("decoded from JSON to frozen data", timing(samples["decoded"], "ms"))
    table.add("for comparison: decoded to plain data by msgspec", timing(samples["plainly decoded"], "ms"))
    table.add("given on when it is frozen already", timing(samples["freeze again"], "ms"))
    table.add("for comparison: copy.deepcopy of it", timing(samples["deepcopy"], "ms"))
    table.add("for comparison: to JSON and back", timing(samples["JSON"], "ms"))
    return table
