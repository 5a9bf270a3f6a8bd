"""Many runs that wait: their recovery, their memory, and a small run beside them."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import perf_counter, sleep
from typing import Any

import pykka
from engines import RUN_SECONDS, engine, run
from measure import Samples, in_fresh_process, median, numbered
from process import mark
from report import Measured, Table, figure, ratio_text, timing
from schedules import as_a_daemon
from stores import SQLITE, files
from targets import of_ratio, of_time

KB = 1_000
WAITING = 10_000
FEWER = 5
"""The recovery of all runs is compared with that of a fifth of them."""
FEW_STARTS = 3
"""How often the fewer runs are recovered. All of them are recovered once."""
PROBE_SECONDS = 0.05
"""The pause between two requests to an engine that recovers its runs."""
SMALL_RUNS = 200
"""Small runs in a round."""
WARM_RUNS, TRACED_RUNS = 100, 1_000
"""Waiting runs before memory is measured, when an engine has made what it makes once, and those that are measured."""
AT_ONCE = 500
"""Waiting runs that are submitted together."""
ALONE, BESIDE = "alone", "beside waiting runs"


@dataclass(frozen=True, slots=True)
class Recovery:
    """The seconds of a recovery, a run unless said otherwise, and those that each request meanwhile took."""

    seconds: float
    requests: list[float]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a waiting run adds, in KB: what Python allocates for it, and resident memory."""

    allocated: float
    resident: float


def wait(proxy: Any, runs: int) -> None:
    """Start runs that wait in a delay, and return when all of them do."""
    last = ""
    for first in range(0, runs, AT_ONCE):
        for accepted in [proxy.submit("delayed") for _ in range(min(AT_ONCE, runs - first))]:
            last = accepted.get(timeout=RUN_SECONDS).id
    while "delayed" not in [task["status"] for task in proxy.status(last).get()["tasks"].values()]:
        sleep(PROBE_SECONDS)


def leave(url: str, key_file: str, runs: int) -> float:
    """Have an engine start waiting runs, and end; return the KB of resident memory that a run adds."""
    with engine(0, store=url, store_key=key_file) as proxy:
        wait(proxy, WARM_RUNS)
        before = mark()["resident_mb"]
        wait(proxy, runs - WARM_RUNS)
        gc.collect()
        return (mark()["resident_mb"] - before) * 2**20 / KB / (runs - WARM_RUNS)


def allocate(url: str, key_file: str) -> float:
    """Have an engine start waiting runs; return the KB that Python allocates for each and does not free."""
    with engine(0, store=url, store_key=key_file) as proxy:
        wait(proxy, WARM_RUNS)
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        wait(proxy, TRACED_RUNS)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return (after - before) / KB / TRACED_RUNS


def recover(url: str, key_file: str, runs: int) -> Recovery:
    """Recover the runs that another engine has left, as a daemon does, and perform small ones meanwhile."""
    with engine(0, store=url, store_key=key_file) as proxy:
        recovery = as_a_daemon(proxy, await_recovery)
        assert proxy.runs_in_progress().get() == runs
    return Recovery(recovery.seconds / runs, recovery.requests)


def await_recovery(proxy: Any) -> Recovery:
    """Perform small runs until all runs are recovered; return the seconds of the whole recovery."""
    requests: list[float] = []
    began = perf_counter()
    recovered = proxy.host.recovered()
    while not _arrives(recovered):
        asked = perf_counter()
        run(proxy, "one_task")
        requests.append(perf_counter() - asked)
    return Recovery(perf_counter() - began, requests)


def _arrives(answer: "pykka.Future[Any]") -> bool:
    try:
        answer.get(timeout=PROBE_SECONDS)
    except pykka.Timeout:
        return False
    return True


def measure_recovery(share: float) -> tuple[dict[str, list[Recovery]], Memory]:
    """Recover many waiting runs and a fifth of them; return both, and the memory that each took before."""
    many = round(WAITING * share)
    few = many // FEWER
    with files() as made:
        key_file = str(made.key_file)
        url_of_many, url_of_few, another = (made.new()[SQLITE] for _ in range(3))
        resident = in_fresh_process(leave, url_of_many, key_file, many)
        in_fresh_process(leave, url_of_few, key_file, few)
        allocated = in_fresh_process(allocate, another, key_file)
        found = {
            f"{runs:,} runs": [in_fresh_process(recover, url, key_file, runs) for _ in range(times)]
            for runs, url, times in ((few, url_of_few, FEW_STARTS), (many, url_of_many, 1))
        }
    return found, Memory(allocated, resident)


def recovery_table(found: dict[str, list[Recovery]]) -> Table:
    """Show `measure_recovery`."""
    table = Table(
        "Recovery of runs that wait in a delay, SQLite",
        ["", "a run", "small runs meanwhile", "the median one", "the longest one"],
        f"A client performs a small run each {PROBE_SECONDS} s until the last waiting run is in progress again.",
    )
    for name, values in found.items():
        requests = [seconds for each in values for seconds in each.requests]
        table.add(name, timing([each.seconds for each in values], "ms"), f"{len(requests):,}", *_waits(requests))
    return table


def _waits(seconds: list[float]) -> tuple[str, str]:
    if not seconds:
        return "", ""
    return timing(seconds, "ms"), f"{figure(max(seconds) * 1000)} ms"


def recovery_targets(found: dict[str, list[Recovery]], memory: Memory) -> dict[str, Measured]:
    """Compare `measure_recovery` of all runs with that of fewer."""
    (few, many), (of_many, runs) = found.values(), list(found)
    seconds = median([each.seconds for each in many])
    requests = [each for recovery in many for each in recovery.requests]
    measured = {
        "recovery": of_time([seconds], "ms", runs),
        "recovery, linear": Measured(seconds / median([each.seconds for each in few]), f"{runs} : {of_many}"),
        "waiting run, memory": Measured(memory.allocated, f"allocated; resident {figure(memory.resident)} KB"),
    }
    if requests:
        measured["recovery, requests"] = of_time([max(requests)], "s", f"{len(requests)} small runs")
    return measured


@contextmanager
def small_runs(waiting: int) -> Iterator[Connection]:
    """Run an engine with waiting runs in a process of its own; it answers each message with a small run's seconds."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=perform_small_runs, args=(theirs, waiting))
    process.start()
    try:
        yield ours
    finally:
        ours.send(0)
        process.join()


def perform_small_runs(asked: Connection, waiting: int) -> None:
    """Answer numbers with the median seconds of so many small runs, one after the other, until one is 0."""
    with engine(0) as proxy:
        if waiting:
            wait(proxy, waiting)
        while runs := asked.recv():
            asked.send(_median_of_small_runs(proxy, runs))


def _median_of_small_runs(proxy: Any, runs: int) -> float:
    seconds = []
    for _ in range(runs):
        began = perf_counter()
        run(proxy, "one_task")
        seconds.append(perf_counter() - began)
    return median(seconds)


def measure_beside(rounds: int, share: float) -> Samples:
    """Perform small runs beside waiting ones, in turn with an engine that has none."""
    samples: Samples = {ALONE: [], BESIDE: []}
    with small_runs(0) as alone, small_runs(round(WAITING * share)) as beside:
        for each in numbered(rounds):
            for name, connection in ((ALONE, alone), (BESIDE, beside))[:: 1 if each % 2 else -1]:
                connection.send(SMALL_RUNS)
                seconds = connection.recv()
                if each:
                    samples[name].append(seconds)
    return samples


def beside_table(samples: Samples, share: float) -> Table:
    """Show `measure_beside`."""
    table = Table(
        f"A small run beside {round(WAITING * share):,} waiting ones",
        ["", "from submit to outcome", "ratio"],
        f"One task, no store; each value is the median of {SMALL_RUNS} runs, one after the other.",
    )
    for name, values in samples.items():
        table.add(name, timing(values, "ms"), ratio_text(values, samples[ALONE]))
    return table


def beside_target(samples: Samples) -> Measured:
    """Compare a small run beside waiting ones with one alone."""
    return of_ratio(samples[BESIDE], samples[ALONE], timing(samples[BESIDE], "ms"))
