"""What it costs to be durable: fan-outs, chains and single runs without a store, with SQLite, and with PostgreSQL.

    python perf/durability.py [ROUNDS [PROCESSES]]     alone, with what `recovery` measures

A run has its outcome when that is durable, so all times end there. The disk sets the pace of single runs: the tables
say how long it takes by itself to have a page written.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import recovery
from engine import CHAINS_A_SAMPLE, engine_runs
from engines import CHAIN_TASKS, ITEMS, RUN_SECONDS, fan_out
from measure import Samples, interleave, interleave_singly, machine, median, percentile, pooled, ratio
from report import UNITS, Report, Table, figure, timing
from samples import inventory
from stores import OFF, POSTGRES, SQLITE, Places, engines_side_by_side, places

from stretto.definitions.frozen import FrozenList

MEGABYTES = 5
LARGE = f"{MEGABYTES} MB"
SINGLE_RUNS = 10
"""Runs of one task in a round."""
PAGE_BYTES = 4096
DISK = "the disk alone"
ROUNDS, PROCESSES = 4, 2


def durable_fan_out(proxy: Any, given: FrozenList | None) -> Callable[[], Samples]:
    """Perform a fan-out: from the end of the task before it until the run's outcome is there, and processor time."""

    def case() -> Samples:
        processor = process_time()
        began, _ = fan_out(proxy, 0, inventory=given)
        seconds, processor = perf_counter() - began["at"], process_time() - processor
        return {"item": [seconds / ITEMS], "processor": [processor / ITEMS]}

    return case


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


def measure_fan_outs(made: Places, rounds: int) -> Samples:
    """Measure the fan-out with each store, over 0 and 5 MB of parameters."""
    large = inventory(MEGABYTES)
    with engines_side_by_side(made) as proxies:
        cases = {store: durable_fan_out(proxy, None) for store, proxy in proxies.items()}
        cases |= {f"{store}, {LARGE}": durable_fan_out(proxy, large) for store, proxy in proxies.items()}
        return interleave_singly(cases, rounds)


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
        ["", "items a second", "an item", "ratio", "processor time", "ratio", f"over {LARGE}", f"{LARGE} : 0 MB"],
        "SQLite: a file, synchronous FULL. PostgreSQL: a server of its own on a UNIX socket, fsync on. The ratios are "
        "to no store; the processor time is that of the engine's process alone.",
    )
    for store in _stores_in(samples, ", item"):
        small, large, processor = (samples[f"{store}, {each}"] for each in ("item", f"{LARGE}, item", "processor"))
        table.add(
            store, figure(1 / median(small)), timing(small, "us"), f"{ratio(small, samples[f'{OFF}, item']):.2f}",
            timing(processor, "us"), f"{ratio(processor, samples[f'{OFF}, processor']):.2f}",
            timing(large, "us"), f"{ratio(large, small):.2f}",
        )  # fmt: skip
    return table


def chains_table(samples: Samples) -> Table:
    """Show `measure_chains`."""
    table = Table(f"A chain of {CHAIN_TASKS} tasks", ["", "a transition", "ratio to no store"])
    for store in _stores_in(samples):
        table.add(store, timing(samples[store], "ms"), f"{ratio(samples[store], samples[OFF]):.1f}")
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


def show(report: Report, rounds: int, processes: int) -> None:
    """Measure and show all of it."""
    with places() as made:
        samples = pooled(partial(measure_fan_outs, made), rounds, processes)
        report.show(fan_outs_table(samples), samples)
        samples = pooled(partial(measure_single_runs, made), rounds, processes)
        report.show(single_runs_table(samples), samples)
        samples = pooled(partial(measure_chains, made), rounds, processes)
        report.show(chains_table(samples), samples)
        recovery.show(report, made)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    show(Report(machine()), *(given + [ROUNDS, PROCESSES][len(given) :]))
