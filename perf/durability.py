"""What it costs to be durable: fan-outs, chains and single runs without a store, with SQLite, and with PostgreSQL.

    python perf/durability.py [ROUNDS [PROCESSES]]     alone, with what `recovery` measures

A run has its outcome when that is durable, so all times end there. The disk sets the pace of single runs: the tables
say how long it takes by itself to have a page written.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import recovery
from engine import CHAINS_A_SAMPLE, FAN_OUTS_A_SAMPLE, FLOOR_THREADS, engine_runs, pool_fan_out
from engines import CHAIN_TASKS, ITEMS, RUN_SECONDS, fan_out
from measure import Samples, interleave, interleave_finely, interleave_singly, machine, median, percentile, pooled
from report import UNITS, Measured, Report, Table, figure, ratio_text, timing
from samples import inventory
from stores import OFF, POSTGRES, SQLITE, Places, engines_side_by_side, files, places
from targets import of_ratio, of_time

from stretto.definitions.data import FrozenList

MEGABYTES = 5
LARGE = f"{MEGABYTES} MB"
SINGLE_RUNS = 10
"""Runs of one task in a round."""
PAGE_BYTES = 4096
DISK = "the disk alone"
FLOOR = "a bare pool of 8 threads"
HUGE_MEGABYTES = 50
ROUNDS, PROCESSES = 4, 2


def durable_fan_out(proxy: Any, given: FrozenList | None) -> Callable[[], Samples]:
    """Perform a fan-out: from the end of the task before it until the run's outcome is there, and processor time."""

    def case() -> Samples:
        processor = process_time()
        began, _ = fan_out(proxy, 0, inventory=given)
        seconds, processor = perf_counter() - began["at"], process_time() - processor
        return {"item": [seconds / ITEMS], "processor": [processor / ITEMS]}

    return case


def medians_of(case: Callable[[], Samples], times: int) -> Callable[[], Samples]:
    """Return a case whose every value is the median of several ones."""

    def steady() -> Samples:
        found = [case() for _ in range(times)]
        return {name: [median([each[name][0] for each in found])] for name in found[0]}

    return steady


def single_runs(proxy: Any) -> Callable[[], Samples]:
    """Submit runs of one task, one after the other: until each is accepted, and until its outcome is there."""

    def case() -> Samples:
        samples: Samples = {"accepted": [], "outcome": []}
        for _ in range(SINGLE_RUNS):
            began = perf_counter()
            handle = proxy.submit("one_task").get()
            accepted = perf_counter()
            outcome = handle.outcome.get(timeout=RUN_SECONDS)
            ended = perf_counter()
            assert outcome.status == "succeeded", outcome
            samples["accepted"].append(accepted - began)
            samples["outcome"].append(ended - began)
        return samples

    return case


def disk(path: Path) -> Callable[[], Samples]:
    """Write a page at the end of a file, and wait for the disk: what a commit takes at the least."""

    def case() -> Samples:
        samples: Samples = {"write": []}
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for _ in range(SINGLE_RUNS):
                began = perf_counter()
                os.write(file, os.urandom(PAGE_BYTES))
                os.fdatasync(file)
                samples["write"].append(perf_counter() - began)
        finally:
            os.close(file)
        return samples

    return case


def floor(pool: ThreadPoolExecutor) -> Callable[[], Samples]:
    """Make the same texts on a bare pool of threads."""
    texts = pool_fan_out(pool)

    def case() -> Samples:
        before = process_time()
        return {"item": [texts(1)], "processor": [(process_time() - before) / ITEMS]}

    return case


def measure_fan_outs(made: Places, rounds: int) -> Samples:
    """Measure the fan-out with each store, over 0 and 5 MB of parameters, in turn with a bare pool."""
    large = inventory(MEGABYTES)
    with engines_side_by_side(made) as proxies, ThreadPoolExecutor(FLOOR_THREADS) as pool:
        cases = {FLOOR: floor(pool)}
        cases |= {store: durable_fan_out(proxy, None) for store, proxy in proxies.items()}
        cases |= {name: medians_of(cases[name], FAN_OUTS_A_SAMPLE) for name in (FLOOR, SQLITE)}
        cases |= {f"{store}, {LARGE}": durable_fan_out(proxy, large) for store, proxy in proxies.items()}
        return interleave_singly(cases, rounds)


def measure_huge_fan_outs(made: Places, rounds: int) -> Samples:
    """Measure the fan-out over 50 MB of parameters on SQLite, in turn with one over none."""
    huge = inventory(HUGE_MEGABYTES)
    with engines_side_by_side(made) as proxies:
        cases = {each: durable_fan_out(proxies[SQLITE], given) for each, given in (("0 MB", None), ("50 MB", huge))}
        return interleave_finely(cases, rounds, FAN_OUTS_A_SAMPLE)


def measure_chains(made: Places, rounds: int) -> Samples:
    """Measure a chain of tasks with each store."""
    with engines_side_by_side(made) as proxies:
        cases = {store: engine_runs(proxy, "chain", CHAIN_TASKS) for store, proxy in proxies.items()}
        return interleave(cases, rounds, dict.fromkeys(cases, CHAINS_A_SAMPLE))


def measure_single_runs(made: Places, rounds: int) -> Samples:
    """Measure runs of one task with each store, beside the disk alone."""
    with engines_side_by_side(made) as proxies:
        cases = {store: single_runs(proxy) for store, proxy in proxies.items()}
        return interleave_singly({**cases, DISK: disk(made.folder / "page")}, rounds)


def fan_outs_table(samples: Samples) -> Table:
    """Show `measure_fan_outs`."""
    table = Table(
        f"A fan-out of {ITEMS:,} items until all of it is durable (core.echo, one rendered input)",
        [
            "",
            "items a second",
            "an item",
            "ratio",
            "processor time",
            "ratio",
            f"over {LARGE}",
            f"{LARGE} : 0 MB",
            "pool",
            "pool, processor time",
        ],
        "SQLite: a file, synchronous FULL. PostgreSQL: a server of its own on a UNIX socket, fsync on. The ratios are "
        "to no store, the last two are to a bare pool of 8 threads that formats the same text; the processor time is "
        "that of the process alone.",
    )
    for store in _stores_in(samples, ", item"):
        small, large, processor = (samples[f"{store}, {each}"] for each in ("item", f"{LARGE}, item", "processor"))
        table.add(
            store, figure(1 / median(small)), timing(small, "us"), ratio_text(small, samples[f"{OFF}, item"]),
            timing(processor, "us"), ratio_text(processor, samples[f"{OFF}, processor"]),
            timing(large, "us"), ratio_text(large, small), ratio_text(small, samples[f"{FLOOR}, item"]),
            ratio_text(processor, samples[f"{FLOOR}, processor"]),
        )  # fmt: skip
    bare, processor = samples[f"{FLOOR}, item"], samples[f"{FLOOR}, processor"]
    row = (figure(1 / median(bare)), timing(bare, "us"), "", timing(processor, "us"), "", "", "", "1.00", "1.00")
    table.add(FLOOR, *row)
    return table


def fan_outs_targets(samples: Samples) -> dict[str, Measured]:
    """Compare `measure_fan_outs` on SQLite with the floor, and over 5 MB with itself."""
    ours, bare = samples[f"{SQLITE}, item"], samples[f"{FLOOR}, item"]
    processor = ratio_text(samples[f"{SQLITE}, processor"], samples[f"{FLOOR}, processor"])
    remark = f"{timing(ours, 'us')}, floor {timing(bare, 'us')}; by processor time {processor} x"
    return {
        "fan-out, SQLite": of_ratio(ours, bare, remark),
        "fan-out, SQLite, 5 MB": of_ratio(samples[f"{SQLITE}, {LARGE}, item"], ours),
    }


def huge_fan_outs_targets(samples: Samples) -> dict[str, Measured]:
    """Compare `measure_huge_fan_outs` with itself over nothing."""
    return {"fan-out, SQLite, 50 MB": of_ratio(samples["50 MB, item"], samples["0 MB, item"])}


def chains_targets(samples: Samples) -> dict[str, Measured]:
    """Say how long a transition takes."""
    return {"chain": of_time(samples[OFF], "ms"), "chain, SQLite": of_time(samples[SQLITE], "ms")}


def single_runs_targets(samples: Samples) -> dict[str, Measured]:
    """Say how long it is from submit to outcome."""
    return {
        "submit": of_time(samples[f"{OFF}, outcome"], "ms"),
        "submit, SQLite": of_time(samples[f"{SQLITE}, outcome"], "ms", f"the disk: {_told_disk(samples)}"),
    }


def _told_disk(samples: Samples) -> str:
    return timing(samples[f"{DISK}, write"], "ms")


def chains_table(samples: Samples) -> Table:
    """Show `measure_chains`."""
    table = Table(f"A chain of {CHAIN_TASKS} tasks", ["", "a transition", "ratio to no store"])
    for store in _stores_in(samples):
        table.add(store, timing(samples[store], "ms"), ratio_text(samples[store], samples[OFF]))
    return table


def single_runs_table(samples: Samples) -> Table:
    """Show `measure_single_runs`."""
    table = Table(
        "A run of one task, one after the other, from submit",
        ["", "accepted", "95 of 100 within", "outcome", "95 of 100 within"],
        "The last row: a page of 4 KiB written to a file, and waited for.",
    )
    for store in _stores_in(samples, ", outcome"):
        accepted, outcome = samples[f"{store}, accepted"], samples[f"{store}, outcome"]
        table.add(store, *_latency(accepted), *_latency(outcome))
    table.add(DISK, *_latency(samples[f"{DISK}, write"]), "", "")
    return table


def _latency(values: list[float]) -> tuple[str, str]:
    return timing(values, "ms"), f"{figure(percentile(values, 95) * UNITS['ms'])} ms"


def _stores_in(samples: Samples, suffix: str = "") -> list[str]:
    return [store for store in (OFF, SQLITE, POSTGRES) if f"{store}{suffix}" in samples]


def measure_targets(made: Places, report: Report, rounds: int, processes: int) -> None:
    """Measure and show what the targets are about."""
    samples = pooled(partial(measure_fan_outs, made), rounds, processes)
    report.show(fan_outs_table(samples), samples)
    report.measured |= fan_outs_targets(samples)
    samples = pooled(partial(measure_huge_fan_outs, made), (rounds + 1) // 2, 1)
    report.samples[f"A fan-out over {HUGE_MEGABYTES} MB, SQLite"] = samples
    report.measured |= huge_fan_outs_targets(samples)
    samples = pooled(partial(measure_single_runs, made), rounds, 1)
    report.show(single_runs_table(samples), samples)
    report.measured |= single_runs_targets(samples)
    samples = pooled(partial(measure_chains, made), rounds, 1)
    report.show(chains_table(samples), samples)
    report.measured |= chains_targets(samples)


def show(report: Report, rounds: int, processes: int) -> None:
    """Measure and show all of it."""
    with places() as made:
        measure_targets(made, report, rounds, processes)
        recovery.show(report, made)


def show_files(report: Report, rounds: int, processes: int) -> None:
    """Measure and show what the targets are about, on SQLite alone."""
    with files() as made:
        measure_targets(made, report, rounds, processes)


SHOWN = {"all": show, "files": show_files}
"""By the stores that are measured."""


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    show(Report(machine()), *(given + [ROUNDS, PROCESSES][len(given) :]))
