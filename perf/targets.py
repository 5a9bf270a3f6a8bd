"""What Stretto is held to, and what was measured of it.

Every target is a ratio, or a time, of figures from one run on one machine; a target that was not measured says why.
"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from measure import Samples, deviation, median, ratio
from report import UNITS, Measured, Table, figure

Bound = Literal["at most", "at least"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised: a number of `unit` ("x" is a ratio) that a measurement is at most, or at least.

    `beside` is what was measured in the same run to compare with.
    """

    work: str
    bound: Bound
    limit: float
    unit: str
    beside: str

    @property
    def told(self) -> str:
        """The limit as a reader sees it."""
        return f"{self.bound} {told(self.limit, self.unit)}"

    def met(self, value: float, spread: float = 0.0) -> bool:
        """Say whether a measured number is within the limit, also if it were worse by its spread."""
        worse = abs(value) * spread  # a difference may be negative
        if self.bound == "at most":
            return value + worse <= self.limit
        return value - worse >= self.limit


BARE_POOL = "ThreadPoolExecutor(8), the same formatting"
ITSELF = "itself"
JINJA = "the same template in Jinja2's ImmutableSandboxedEnvironment"
NATIVE = "the same in the native dialect"
BASELINE = 'python -c "import yaml, jinja2, pykka"'

FEW: Mapping[str, Target] = {
    "item context": Target("an item's context, C from 0 to 50 MB: largest : smallest", "at most", 1.05, "x", ITSELF),
    "contexts kept": Target(
        "contexts for 1,000 items over 1 MB, all kept", "at most", 1.5, "x", "the origin's way in Rust"
    ),
    "one expression": Target("a template with one expression, times faster", "at least", 8, "x", JINJA),
    "freeze": Target("1 MB of JSON is frozen, with the compiled part", "at most", 4, "ms", "copy.deepcopy of it"),
    "read frozen": Target("1 MB that Stretto wrote is read as frozen data", "at most", 1.5, "x", "decoded by msgspec"),
    "three expressions": Target("a template with three expressions, times faster", "at least", 8, "x", JINJA),
    "yaql path": Target("<% ctx(greeting) %>, CPU", "at most", 3, "x", NATIVE),
    "yaql text": Target("a text with two paths in YAQL, CPU", "at most", 3, "x", NATIVE),
    "yaql functions": Target("the slowest of YAQL's common functions, CPU", "at most", 3, "x", NATIVE),
    "orquesta fan-out, yaql": Target("an item of an Orquesta fan-out with YAQL, CPU", "at most", 2, "x", NATIVE),
    "orquesta fan-out, jinja": Target("the same with Jinja", "at most", 2, "x", NATIVE),
    "fan-out": Target("fan-out of 10,000, no store", "at most", 1.2, "x", BARE_POOL),
    "fan-out, SQLite": Target("the same, SQLite, every result durable", "at most", 1.9, "x", BARE_POOL),
    "fan-out, 5 MB": Target("fan-out of 10,000 over 5 MB, no store", "at most", 1.05, "x", "over 0 MB"),
    "fan-out, 50 MB": Target("fan-out of 10,000 over 50 MB, no store", "at most", 1.05, "x", "over 0 MB"),
    "fan-out, SQLite, 5 MB": Target("fan-out of 10,000 over 5 MB, SQLite", "at most", 1.05, "x", "over 0 MB"),
    "fan-out, SQLite, 50 MB": Target("fan-out of 10,000 over 50 MB, SQLite", "at most", 1.05, "x", "over 0 MB"),
    "10,000 items": Target("an item of 10,000", "at most", 1.15, "x", "an item of 1,000"),
    "100,000 items": Target("an item of 100,000", "at most", 1.15, "x", "an item of 1,000"),
    "100,000 items, memory": Target("peak memory of 100,000 items grows by, an item", "at most", 300, "bytes", ITSELF),
    "1,000,000 items": Target("an item of 1,000,000 from a lazy source", "at most", 1.15, "x", "an item of 1,000"),
    "1,000,000 items, memory": Target(
        "peak memory of 1,000,000 lazy items, results to a file, beyond that of 100,000, an item",
        "at most",
        8,
        "bytes",
        "a pointer: nothing is kept for an item",
    ),
    "peers": Target("fan-out of core.echo, times faster", "at least", 8, "x", "the fastest peer without durability"),
    "peers, a function": Target(
        "fan-out of a registered function, times faster", "at least", 8, "x", "the fastest peer without durability"
    ),
    "peers, SQLite": Target(
        "fan-out of core.echo, SQLite, times faster", "at least", 100, "x", "the fastest durable peer"
    ),
    "peers, SQLite, a function": Target(
        "fan-out of a registered function, SQLite, times faster", "at least", 100, "x", "the fastest durable peer"
    ),
    "peers, runs, SQLite": Target(
        "300 runs of one task at once, SQLite, times faster", "at least", 1, "x", "the fastest durable peer on it"
    ),
    "peers, runs, PostgreSQL": Target(
        "the same, PostgreSQL, times faster", "at least", 1, "x", "the fastest durable peer on it"
    ),
    "chain": Target("a chain of 100 tasks, a transition, no store", "at most", 0.1, "ms", "a pool's calls in a chain"),
    "chain, SQLite": Target("a chain of 100 tasks, a transition, SQLite", "at most", 0.2, "ms", "no store"),
    "submit": Target("a run of one task, submit to outcome, no store", "at most", 0.5, "ms", "a pool's call"),
    "submit, SQLite": Target("a run of one task, submit to outcome, SQLite", "at most", 3, "ms", "no store"),
    "earlier run": Target("a run of one task, no store, in turn", "at most", 0.6, "x", "the revision f3da086"),
    "earlier run, CPU": Target("the same, processor time", "at most", 0.6, "x", "the revision f3da086"),
    "shared store": Target(
        "fan-out of 10,000, PostgreSQL, CPU with that of the server",
        "at most",
        1.05,
        "x",
        "the code before daemons shared a store",
    ),
    "shared store, lease": Target("the same, by a daemon that shares its store", "at most", 1.05, "x", "the same"),
    "many runs": Target("1,000 runs of 10 items at once, items/s", "at least", 0.4, "x", "one run of 10,000"),
    "fairness": Target(
        "runs whose end the last-submitted run's start waited for", "at most", 0, "runs", "20 large runs before it"
    ),
    "http": Target("1,000 core.http items of 1 s, concurrency 1,000", "at most", 2.5, "s", "1 s, the physical limit"),
    "gets": Target(
        "a GET of 1,000 on kept connections, 100 at once, core.http",
        "at most",
        1.35,
        "x",
        "aiohttp + gather, no engine",
    ),
    "commands": Target("500 commands, 16 at once, core.local", "at most", 1.15, "x", "subprocess.run on 16 threads"),
    "commands, CPU": Target("the same, processor time with that of the commands", "at most", 1.15, "x", "the same"),
    "kept call": Target("a call of a pack's function in a kept process", "at most", 0.3, "ms", "a process each"),
    "spin": Target("9 ms of computing, isolation: worker, 2 cores", "at most", 1.1, "x", "ProcessPoolExecutor(2)"),
    "stretto --help": Target("stretto --help", "at most", 0.25, "s", BASELINE),
    "stretto validate": Target("stretto validate of a small file", "at most", 0.4, "s", BASELINE),
    "stretto serve": Target("stretto serve, SQLite, until ready", "at most", 1, "s", BASELINE),
    "gateway, start": Target("the gateway's part of a daemon's start", "at most", 150, "ms", "a daemon without it"),
    "gateway, memory": Target("its part of the daemon's memory", "at most", 5, "MiB", "a daemon without it"),
}
"""The targets of single runs, and of engines with few of them."""
MANY: Mapping[str, Target] = {
    "recovery": Target("10,000 unfinished runs recovered, SQLite, a run", "at most", 2, "ms", ITSELF),
    "recovery, linear": Target("the same", "at most", 1.15, "x", "2,000 of them, a run"),
    "recovery, requests": Target("a request during that recovery, the longest", "at most", 1, "s", "a turn's bound"),
    "beside waiting runs": Target("a small run beside 10,000 waiting ones, no store", "at most", 1.15, "x", "alone"),
    "waiting run, memory": Target("memory of a waiting run, SQLite", "at most", 12, "KB", ITSELF),
    "garbage": Target("garbage collections during a fan-out of 100,000", "at most", 6, "% of CPU", ITSELF),
    "garbage, younger": Target("the longest one of the younger generations", "at most", 20, "ms", ITSELF),
    "garbage, full": Target("full ones while items are in flight", "at most", 0, "collections", ITSELF),
    "garbage, memory": Target("peak of resident memory", "at most", 1.1, "x", "Python's own schedule"),
    "request, p50": Target("a run is accepted during a fan-out of 100,000, SQLite, p50", "at most", 4, "x", "idle"),
    "request, p99": Target("the same, p99", "at most", 6, "x", "idle"),
    "small run": Target("a small run during it, submit to outcome, p50", "at most", 6, "x", "idle"),
    "cancel": Target("a waiting run is cancelled during it, p50", "at most", 6, "x", "idle"),
    "disturbed items": Target("items/s of that fan-out", "at least", 0.95, "x", "without requests"),
    "attacked": Target(
        "items of a second of CPU while the port is attacked, no store", "at least", 0.9, "x", "the same, left alone"
    ),
    "attacked, probe": Target(
        "/healthz beside 1,000 idle and 1,000 slow connections and a fan-out, slowest", "at most", 1, "s", ITSELF
    ),
    "streams, 10,000": Target(
        "10,000 items that 500 connections follow, no store, CPU", "at most", 1.1, "x", "the same, not followed"
    ),
    "streams, 100,000": Target("the same, 100,000 items", "at most", 1.1, "x", "the same, not followed"),
    "followed chain": Target("a chain of 300 tasks that one follows, CPU", "at most", 1.1, "x", "not followed"),
    "stream, memory": Target("the daemon's memory of such a connection", "at most", 16, "KiB", ITSELF),
    "watched chain": Target("a watched chain of 300 tasks, no store", "at most", 1.1, "x", "the same, unwatched"),
    "stored item": Target("an item of 100,000 read from the store, SQLite", "at most", 20, "ms", ITSELF),
    "failed items": Target("queries for the errors of 500 failed items", "at most", 1, "queries", ITSELF),
    "runs page": Target("the list of 100,000 runs as a page, CPU, 95 of 100", "at most", 50, "ms", ITSELF),
    "run page": Target("the page of a run of 100,000 items, CPU, 95 of 100", "at most", 80, "ms", ITSELF),
    "store check": Target("store check of 100,000 runs, SQLite, CPU", "at most", 8, "s", ITSELF),
    "graph of 300": Target("the graph of 300 tasks is laid out", "at most", 100, "ms", ITSELF),
    "graph of 1,000": Target("that of 1,000 tasks", "at most", 500, "ms", ITSELF),
    "large pack": Target("validate of a pack with 3,578 actions", "at most", 8, "s", ITSELF),
}
"""The targets of many runs, of requests beside large fan-outs, and of large stores and packs."""
TARGETS: Mapping[str, Target] = {**FEW, **MANY}
"""All targets; what measures one names it by its key."""
TABLES: Mapping[str, Mapping[str, Target]] = {"Targets": FEW, "Many runs": MANY}
"""The targets' tables by their titles, in the order in which a reader sees them."""


def told(value: float, unit: str) -> str:
    """Return a number with its unit as the targets' table shows it: `1.02 x`, `0.062 ms`, `12 runs`."""
    return f"{figure(value)} {unit}"


def spread_of(values: list[float]) -> float | None:
    """Return the deviation of the rounds' values. A single one says nothing of it."""
    return deviation(values) if len(values) > 1 else None


def of_ratio(dividends: list[float], divisors: list[float], remark: str = "") -> Measured:
    """Return the ratio of two cases that were measured in the same rounds."""
    ratios = [dividend / divisor for dividend, divisor in zip(dividends, divisors, strict=True)]
    return Measured(ratio(dividends, divisors), remark, spread_of(ratios), spread_of(divisors))


def of_time(values: list[float], unit: str, remark: str = "") -> Measured:
    """Return the median of times in seconds, in a target's unit."""
    return Measured(median(values) * UNITS[unit], remark, spread_of(values))


def of_differences(values: list[float], remark: str = "") -> Measured:
    """Return the median of numbers in a target's unit that may be negative, as pyperf's statistics take none."""
    value = statistics.median(values)
    distance = statistics.median(abs(each - value) for each in values)
    return Measured(value, remark, distance / abs(value) if value and len(values) > 1 else None)


def largest_to_smallest(samples: Samples) -> Measured:
    """Return the ratio of the largest case to the smallest one, each by its rounds' ratios to the first."""
    first = next(iter(samples.values()))
    times = {name: ratio(values, first) for name, values in samples.items()}
    largest, smallest = max(times, key=times.__getitem__), min(times, key=times.__getitem__)
    of_both = of_ratio(samples[largest], samples[smallest])
    return Measured(times[largest] / times[smallest], f"{largest} : {smallest}", of_both.spread, of_both.floor)


def tables(measured: Mapping[str, Measured]) -> Iterable[Table]:
    """Yield the targets' tables, with what was measured of them. Raises KeyError if something is no target's."""
    if unknown := measured.keys() - TARGETS.keys():
        raise KeyError(f"measured for no target: {sorted(unknown)}")
    for title, targets in TABLES.items():
        yield table(measured, targets, title)


def table(measured: Mapping[str, Measured], keys: Iterable[str], title: str) -> Table:
    """Show targets with what was measured of them.

    A target is met if its limit would also hold for a number that is worse by its spread. If it holds for the number
    itself only, the table says "uncertain".
    """
    made = Table(title, ["work", "target", "measured", "met", "beside", "its deviation", "remark"])
    reached: list[bool] = []
    uncertain = 0
    for key in (shown := list(keys)):
        target = TARGETS[key]
        found = measured.get(key, Measured(None, "not part of this run"))
        if found.value is None:
            made.add(target.work, target.told, "", "", target.beside, "", f"not measured: {found.remark}")
            continue
        reached.append(target.met(found.value, found.spread or 0.0))
        met = "yes" if reached[-1] else "uncertain" if target.met(found.value) else "**no**"
        uncertain += met == "uncertain"
        value = told(found.value, target.unit) + ("" if found.spread is None else f" ±{found.spread:.0%}")
        floor = "" if found.floor is None else f"±{found.floor:.0%}"
        made.add(target.work, target.told, value, met, target.beside, floor, found.remark)
    made.note = f"{sum(reached)} of {len(reached)} measured targets are met, of {len(shown)} that there are."
    if uncertain:
        made.note += f" {uncertain} more would be met but for the deviation of what was measured."
    return made
