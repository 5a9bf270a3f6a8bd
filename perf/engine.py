"""The whole engine, from a task's start to its last item's result, and the same work on a bare pool of threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import perf_counter
from typing import Any

from engines import CHAIN_TASKS, ITEMS, VARIANTS, engine, fan_out, run
from measure import Case, Samples, interleave, interleave_finely, median
from plots import Lines
from report import Measured, Table, ratio_text, timing
from samples import RESULTS_A_MEGABYTE, inventory
from targets import of_ratio

from stretto.definitions.data import FrozenList

FLOOR_THREADS = 8
MEGABYTES = (0, 1, 5)
HUGE_MEGABYTES = 50
FAN_OUTS_A_SAMPLE = 3
"""The median of so many, in turn with those of the other cases, is one value: a pool's threads take the lock in one
order or another, and the machine is not always as fast."""
SUBMITS_A_SAMPLE = 20
CHAINS_A_SAMPLE = 5


def fan_out_case(proxy: Any, megabytes: int, workflow: str = "fan_out", given: FrozenList | None = None) -> Case:
    """Perform a fan-out over a context of so many MB, timed from inside the run: loading is not counted.

    `given`: more of the context, given with the run.
    """

    def case(loops: int) -> float:
        seconds = 0.0
        for _ in range(loops):
            began, ended = fan_out(proxy, megabytes * RESULTS_A_MEGABYTE, workflow=workflow, inventory=given)
            seconds += ended["at"] - began["at"]
        return seconds / ITEMS

    return case


def pool_fan_out(pool: ThreadPoolExecutor) -> Case:
    """Make the same texts on a bare pool of threads."""

    def message(greeting: str, item: int) -> str:
        return f"{greeting} {item}"

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            futures = [pool.submit(message, "hello", item) for item in range(ITEMS)]
            texts = [future.result() for future in futures]
            assert texts[-1] == f"hello {ITEMS - 1}"
        return (perf_counter() - began) / ITEMS

    return case


def engine_runs(proxy: Any, workflow: str, tasks: int) -> Case:
    """Submit a run of so many tasks, and wait for its outcome."""

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            run(proxy, workflow)
        return (perf_counter() - began) / tasks

    return case


def pool_calls(pool: ThreadPoolExecutor) -> Case:
    """Have a bare pool make an empty call, and wait for it."""

    def nothing() -> None:
        return None

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            pool.submit(nothing).result()
        return perf_counter() - began

    return case


def pool_chain(pool: ThreadPoolExecutor) -> Case:
    """Have a bare pool make so many calls as the chain has tasks, each submitted by the one before."""

    def link(left: int, over: Event) -> None:
        if left:
            pool.submit(link, left - 1, over)
        else:
            over.set()

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            over = Event()
            pool.submit(link, CHAIN_TASKS - 1, over)
            over.wait()
        return (perf_counter() - began) / CHAIN_TASKS

    return case


def measure_fan_out(rounds: int) -> Samples:
    """Measure the fan-out over 0 to 50 MB, in turn with the floor."""
    with engine() as proxy, ThreadPoolExecutor(FLOOR_THREADS) as pool:
        cases = {"floor": pool_fan_out(pool)}
        cases.update((f"{megabytes} MB", fan_out_case(proxy, megabytes)) for megabytes in MEGABYTES)
        cases[f"{HUGE_MEGABYTES} MB"] = fan_out_case(proxy, 0, given=inventory(HUGE_MEGABYTES))

        def once(case: Case) -> Callable[[], Samples]:
            return lambda: {"item": [case(1)]}

        found = interleave_finely({name: once(case) for name, case in cases.items()}, rounds, FAN_OUTS_A_SAMPLE)
        return {name: found[f"{name}, item"] for name in cases}


def measure_variants(rounds: int) -> Samples:
    """Measure fan-outs whose action runs elsewhere, or one item after the other; with two dispatchers and with one."""
    with engine() as two, engine(dispatchers=1) as one:
        cases = {ref: fan_out_case(two, 0, ref) for ref in ("fan_out", *VARIANTS)}
        cases["fan_out_on_threads, 5 MB"] = fan_out_case(two, 5, "fan_out_on_threads")
        cases.update([(f"{ref}, 1 dispatcher", fan_out_case(one, 0, ref)) for ref in ("fan_out", *VARIANTS)])
        cases["fan_out_on_threads, 5 MB, 1 dispatcher"] = fan_out_case(one, 5, "fan_out_on_threads")
        return interleave(cases, rounds, dict.fromkeys(cases, 1))


def measure_tasks(rounds: int) -> Samples:
    """Measure a chain of tasks and a run of one task, in turn with the floor."""
    with engine() as proxy, ThreadPoolExecutor(FLOOR_THREADS) as pool:
        cases = {
            "chain": engine_runs(proxy, "chain", CHAIN_TASKS),
            "chain, floor": pool_chain(pool),
            "one task": engine_runs(proxy, "one_task", 1),
            "one task, floor": pool_calls(pool),
        }
        loops = {name: SUBMITS_A_SAMPLE if "one task" in name else CHAINS_A_SAMPLE for name in cases}
        return interleave(cases, rounds, loops)


def fan_out_table(samples: Samples) -> Table:
    """Show `measure_fan_out`."""
    table = Table(
        f"A fan-out of {ITEMS:,} items (core.echo, one rendered input), an item",
        ["", "an item", "ratio to the floor", "ratio to 0 MB"],
        "Metrics on, no store, concurrency 256. The context is a task's result, or a parameter (50 MB). The floor "
        "is a ThreadPoolExecutor(8) that formats the same text.",
    )
    for name in ("floor", *(f"{megabytes} MB" for megabytes in (*MEGABYTES, HUGE_MEGABYTES))):
        to_floor = "" if name == "floor" else ratio_text(samples[name], samples["floor"])
        to_none = "" if name == "floor" else ratio_text(samples[name], samples["0 MB"])
        table.add(name, timing(samples[name], "us"), to_floor, to_none)
    return table


def fan_out_plot(samples: Samples) -> Lines:
    """Draw `measure_fan_out`."""
    sizes = (*MEGABYTES, HUGE_MEGABYTES)
    plot = Lines(
        "fan-out", f"A fan-out of {ITEMS:,} items, by the context's size", [str(each) for each in sizes],
        "MB of context", "us an item",
    )  # fmt: skip
    plot.series["core.echo, no store"] = [median(samples[f"{megabytes} MB"]) * 1e6 for megabytes in sizes]
    plot.series["bare pool of 8 threads"] = [median(samples["floor"]) * 1e6] * len(sizes)
    return plot


def fan_out_targets(samples: Samples) -> dict[str, Measured]:
    """Compare `measure_fan_out` with the floor, and over large contexts with itself."""
    none = samples["0 MB"]
    found = {
        "fan-out": of_ratio(none, samples["floor"], f"{timing(none, 'us')}, floor {timing(samples['floor'], 'us')}")
    }
    larger = (MEGABYTES[-1], HUGE_MEGABYTES)
    return found | {f"fan-out, {megabytes} MB": of_ratio(samples[f"{megabytes} MB"], none) for megabytes in larger}


def variants_table(samples: Samples) -> Table:
    """Show `measure_variants`."""
    table = Table("The same fan-out, otherwise", ["", "an item", "ratio to core.echo", "with dispatchers=1"])
    for ref, told in (
        ("fan_out", "core.echo, concurrency 256"),
        ("fan_out_one_by_one", "core.echo, concurrency 1"),
        ("fan_out_on_threads", "a registered plain function, concurrency 256"),
        ("fan_out_on_threads, 5 MB", "a registered plain function, over 5 MB"),
        ("fan_out_on_the_loop", "a registered async function, concurrency 256"),
    ):
        alone = timing(samples[f"{ref}, 1 dispatcher"], "us")
        table.add(told, timing(samples[ref], "us"), ratio_text(samples[ref], samples["fan_out"]), alone)
    return table


def tasks_table(samples: Samples) -> Table:
    """Show `measure_tasks`."""
    table = Table("Tasks one after the other", ["", "stretto", "bare pool", "ratio"])
    for name, told in (
        ("chain", f"chain of {CHAIN_TASKS} tasks, a transition"),
        ("one task", "run of one task, submit to outcome"),
    ):
        ours, floor = samples[name], samples[f"{name}, floor"]
        table.add(told, timing(ours, "ms"), timing(floor, "ms"), ratio_text(ours, floor))
    return table
