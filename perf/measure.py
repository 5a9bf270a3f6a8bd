"""How the benchmarks measure: in interleaved rounds, in fresh processes, with pyperf's clock and statistics.

A ratio of two figures taken minutes apart is mostly a ratio of what else the machine did. Here all cases of a
section take turns within each round, so that a disturbance meets all of them, and a ratio is the median of the
rounds' own ratios.
"""

import gc
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import TypeAlias, TypeVar

import pyperf  # type: ignore[import-untyped]

DEADLINE = "STRETTO_PERF_DEADLINE"
"""The variable that shows new interpreters when a section should be over, in seconds since the epoch."""
MOST_SECONDS = 16.0
"""Of the rounds of one `pooled` measurement, in all of its processes together."""
LEAST_ROUNDS = 3
SECONDS_A_SAMPLE = 0.02
"""How long a micro-benchmark runs for one value, at least: far above the clock's resolution and a thread switch."""

Case: TypeAlias = Callable[[int], float]
"""Does its work so many times and returns the seconds that took; whatever it sets up before is not counted."""
Samples: TypeAlias = dict[str, list[float]]
"""Seconds for doing the work once, a value a round, by the case's name; the values of a round belong together."""
Result = TypeVar("Result")


def interleave(cases: Mapping[str, Case], rounds: int, loops: Mapping[str, int] | None = None) -> Samples:
    """Run every case once a round, in turn; the order alternates, and a round without a value comes first.

    `loops` fixes how often a case does its work for one value; without it, `SECONDS_A_SAMPLE` decides.
    """
    fixed = loops or {name: _loops_for(case) for name, case in cases.items()}
    samples: Samples = {name: [] for name in cases}
    for each in numbered(rounds):
        for name in list(cases)[:: 1 if each % 2 else -1]:
            gc.collect()
            seconds = cases[name](fixed[name]) / fixed[name]
            if each:
                samples[name].append(seconds)
    return samples


def interleave_singly(cases: Mapping[str, Callable[[], Samples]], rounds: int) -> Samples:
    """Run every case once a round, in turn, as `interleave` does; a case returns values of single operations.

    What it returns under a name is kept under the case's name and that one.
    """
    samples: Samples = {}
    for each in numbered(rounds):
        for case in list(cases)[:: 1 if each % 2 else -1]:
            gc.collect()
            found = cases[case]()
            if each:
                for name, values in found.items():
                    samples.setdefault(f"{case}, {name}", []).extend(values)
    return samples


def interleave_finely(cases: Mapping[str, Callable[[], Samples]], rounds: int, parts: int) -> Samples:
    """Run every case in short parts, as many times a round, in turn; a value is the mean of the parts of its round.

    What the machine does besides for a moment meets a part of each case. Names are as those of `interleave_singly`.
    """
    samples: Samples = {}
    for each in numbered(rounds):
        gc.collect()
        found: Samples = {}
        for part in range(parts):
            for case in list(cases)[:: 1 if part % 2 else -1]:
                for name, values in cases[case]().items():
                    found.setdefault(f"{case}, {name}", []).extend(values)
        if each:
            for name, values in found.items():
                samples.setdefault(name, []).append(fmean(values))
    return samples


def numbered(rounds: int) -> Iterator[int]:
    """Yield 0 and the numbers of the rounds, `LEAST_ROUNDS` of them if the deadline of a section passes."""
    deadline = _deadline()
    for each in range(rounds + 1):
        if each > LEAST_ROUNDS and time.time() > deadline:
            return
        yield each


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Let rounds end at a moment in seconds since the epoch, also those of new processes, or earlier as set before."""
    before = os.environ.get(DEADLINE)
    os.environ[DEADLINE] = str(min(moment, _deadline()))
    try:
        yield
    finally:
        if before is None:
            del os.environ[DEADLINE]
        else:
            os.environ[DEADLINE] = before


def _deadline() -> float:
    return float(os.environ.get(DEADLINE, "inf"))


def steadily(case: Case, times: int) -> Case:
    """Return a case whose every value is the median of several ones, for work that takes now this long and now that."""

    def steady(loops: int) -> float:
        return median([case(loops) for _ in range(times)])

    return steady


def _loops_for(case: Case) -> int:
    loops = 1
    while case(loops) < SECONDS_A_SAMPLE:
        loops *= 2
    return loops


def in_fresh_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a module's function in a new interpreter and return what it returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def pooled(section: Callable[[int], Samples], rounds: int, processes: int) -> Samples:
    """Run a section's rounds in several new interpreters, and return all their values.

    Each has the same share of `MOST_SECONDS`, and `LEAST_ROUNDS` at least: all sections are to be over in a quarter of
    an hour. Hash seeds and the places of objects in memory differ from process to process, and figures with them.
    """
    samples: Samples = {}
    began = time.time()
    for each in range(1, processes + 1):
        with until(began + MOST_SECONDS * each / processes):
            for name, values in in_fresh_process(section, rounds).items():
                samples.setdefault(name, []).extend(values)
    return samples


def median(values: list[float]) -> float:
    """Return the median, as pyperf computes it."""
    return float(_benchmark(values).median())


def percentile(values: list[float], percent: int) -> float:
    """Return the value that so many percent of the values do not exceed."""
    return float(_benchmark(values).percentile(percent))


def deviation(values: list[float]) -> float:
    """Return the median absolute deviation, as a share of the median."""
    benchmark = _benchmark(values)
    return float(benchmark.median_abs_dev()) / float(benchmark.median()) if len(values) > 1 else 0.0


def ratio(dividends: list[float], divisors: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return median([dividend / divisor for dividend, divisor in zip(dividends, divisors, strict=True)])


def machine() -> dict[str, object]:
    """Return what pyperf knows of this machine and interpreter, and the revision of the code."""
    known = pyperf.Run([1.0], metadata={"name": "machine"}).get_metadata()
    names = ("cpu_model_name", "cpu_count", "platform", "python_version", "load_avg_1min", "date", "perf_version")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    own = {"memory": f"{memory:.0f} GiB", "revision": revision()}
    return {name: known[name] for name in names if name in known} | own


def revision() -> str:
    """Return the revision of this code, `changed` if files differ from it, or `unknown` without its history."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--exclude=*", "--dirty= changed"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _benchmark(values: list[float]) -> "pyperf.Benchmark":
    return pyperf.Benchmark([pyperf.Run(values, metadata={"name": "values"}, collect_metadata=False)])
