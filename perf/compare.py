"""The same work in other engines: `make perf-peers`, or `python perf/compare.py [--only NAME] [--runs] [--rounds N]`.

Each engine has a virtual environment of its own under `.perf/peers/`, made once and kept, and does the work in a new
process each round; the engines take turns. `peers/work.py` says what the work is. An engine that cannot be installed,
or fails, has its reason in the table. Figures are of this machine, and of the versions that the table names.
"""

import argparse
import json
import sys
from dataclasses import dataclass, field
from time import monotonic

import pages
import peer_runs
import targets
from measure import machine, median, ratio
from peer import SCRIPTS, Failed, Peer, call, install
from plots import Bars
from report import Measured, Report, Table, figure

MEGABYTES, ITEMS = (0, 5), (100, 1_000, 10_000)
CHAIN_TASKS, RUNS = 100, 10
LIMIT_SECONDS = 25.0
"""A fan-out that would take longer, as the one before it says, is left out."""
SCRIPT_SECONDS = 180.0
FAILURE_LETTERS = 120
ROUNDS = 3
WHOLE_SECONDS = 14 * 60.0
"""No round is begun that would end after this, as the ones before it say."""


MANY = 1_000
"""The most that is asked of those that need minutes, or gigabytes, for ten times as many."""
ECHO, FUNCTION = "Stretto, core.echo", "Stretto, a function"
DURABLE_ECHO, DURABLE_FUNCTION = "Stretto, core.echo, SQLite", "Stretto, a function, SQLite"
PEERS = (
    Peer(ECHO, "stretto", "stretto_runs", ("echo",)),
    Peer(FUNCTION, "stretto", "stretto_runs", ("function",)),
    Peer(DURABLE_ECHO, "stretto", "stretto_runs", ("echo", "sqlite")),
    Peer(DURABLE_FUNCTION, "stretto", "stretto_runs", ("function", "sqlite")),
    Peer("bare pool of 8 threads", "no engine", "pool_threads"),
    Peer("Ray, 100 items a call", "no engine", "ray_tasks", ("100",), "ray", ("ray>=2.50",)),
    Peer("Parsl, threads, no log", "in memory", "parsl_threads", (), "parsl", ("parsl>=2025.1",)),
    Peer("Parsl, threads", "in memory", "parsl_threads", ("log",), "parsl", ("parsl>=2025.1",)),
    Peer("Ray", "in memory", "ray_tasks", (), "ray", ("ray>=2.50",)),
    Peer("Dask, threads", "in memory", "dask_threads", (), "dask", ("dask>=2025.1", "distributed>=2025.1")),
    Peer("TaskFlow, threads", "in memory", "taskflow_parallel", (), "taskflow", ("taskflow>=6",), MANY),
    Peer("Orquesta, its conductor", "in memory", "orquesta_conductor", (), "orquesta", ("orquesta>=1.2",), MANY),
    Peer("DBOS, steps, SQLite", "durable", "dbos_steps", (), "dbos", ("dbos>=3",)),
    Peer("Prefect, SQLite", "durable", "prefect_tasks", (), "prefect", ("prefect>=3.4",), MANY),
)
COMPARED = {
    "peers": (ECHO, "in memory"),
    "peers, a function": (FUNCTION, "in memory"),
    "peers, SQLite": (DURABLE_ECHO, "durable"),
    "peers, SQLite, a function": (DURABLE_FUNCTION, "durable"),
}
"""By target: which of ours is compared with the fastest of which kind."""


@dataclass(slots=True)
class Found:
    """What the rounds have found: by the peer, its version, seconds by the case and round, and why it gave up."""

    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, peer: Peer, number: int, version: str, cases: dict[str, float]) -> None:
        """Keep a round's values of a peer."""
        self.versions[peer.name] = version
        kept = self.seconds.setdefault(peer.name, {})
        for case, seconds in cases.items():
            kept.setdefault(case, {})[number] = seconds

    def told(self, peer: str) -> str:
        """Return a peer's version, and why it gave up if it did."""
        reason = self.failures.get(peer, "").replace("|", "/")[:FAILURE_LETTERS]
        return ": ".join(each for each in (self.versions.get(peer), reason) if each)

    def values(self, peer: str, case: str) -> list[float]:
        """Return the seconds of all rounds in which a peer did a case."""
        return list(self.seconds.get(peer, {}).get(case, {}).values())

    def ratio(self, peer: str, ours: str, case: str) -> float | None:
        """Return how many times longer a peer takes than one of ours, in the rounds in which both did a case."""
        theirs, own = (self.seconds.get(name, {}).get(case, {}) for name in (peer, ours))
        both = sorted(theirs.keys() & own.keys())
        return ratio([theirs[number] for number in both], [own[number] for number in both]) if both else None

    def largest(self, peer: str, megabytes: int) -> str | None:
        """Return the case of the largest fan-out over so many MB that a peer did."""
        done = [items for items in ITEMS if _case(megabytes, items) in self.seconds.get(peer, {})]
        return _case(megabytes, done[-1]) if done else None


def _case(megabytes: int, items: int) -> str:
    return f"{megabytes} MB, {items} items"


def perform(peer: Peer) -> tuple[str, dict[str, float]]:
    """Have a peer do all of the work, in a new process a context; return its version, and seconds by the case."""
    version = ""
    cases: dict[str, float] = {}
    for megabytes in MEGABYTES:
        tasks, runs = (CHAIN_TASKS, RUNS) if megabytes == MEGABYTES[0] else (0, 0)
        request = {
            "megabytes": megabytes, "items": [items for items in ITEMS if items <= peer.most],
            "chain_tasks": tasks, "runs": runs, "limit": LIMIT_SECONDS,
        }  # fmt: skip
        command = [str(peer.python), str(SCRIPTS / f"{peer.script}.py"), json.dumps(request), *peer.arguments]
        answer = json.loads(call(command, SCRIPT_SECONDS))
        version = answer["version"]
        cases |= answer["cases"]
    return version, cases


def measure(peers: list[Peer], rounds: int) -> Found:
    """Have all peers do the work, in turn, a round after the other; whoever fails once is left out from then on."""
    found = Found()
    for peer in peers:
        try:
            install(peer)
        except Failed as failure:
            found.failures[peer.name] = f"not installed: {failure}"
    began = monotonic()
    for each in range(rounds):
        if each and (monotonic() - began) * (each + 1) / each > WHOLE_SECONDS:
            print(f"{each} rounds have used the time", file=sys.stderr)
            break
        for peer in peers[:: -1 if each % 2 else 1]:
            if peer.name not in found.failures:
                _one_round(peer, each, found)
    return found


def _one_round(peer: Peer, number: int, found: Found) -> None:
    began = monotonic()
    try:
        found.add(peer, number, *perform(peer))
    except Failed as failure:
        found.failures[peer.name] = str(failure)
    print(f"{peer.name}: {monotonic() - began:.1f} s", file=sys.stderr, flush=True)


def fan_out_table(peers: list[Peer], found: Found, megabytes: int) -> Table:
    """Show the fan-outs over so many MB."""
    made = Table(
        f"The same fan-out over {megabytes} MB, ms an item",
        ["", "version", "kind", *(f"{items:,} items" for items in ITEMS), "to ours", "to ours, a function"],
        "The ratios are those of the largest fan-out that an engine did, to Stretto without a store, and for durable "
        f"ones to Stretto with SQLite. Fan-outs that would take more than {LIMIT_SECONDS:.0f} s are left out. A "
        "pool is not an engine: it makes calls that nothing records, retries, or limits.",
    )
    for peer in peers:
        cells = [_milliseconds(found, peer.name, _case(megabytes, items)) for items in ITEMS]
        case = found.largest(peer.name, megabytes)
        echo, function = (DURABLE_ECHO, DURABLE_FUNCTION) if _is_durable(peer) else (ECHO, FUNCTION)
        ratios = ["" if case is None else _told(found.ratio(peer.name, ours, case)) for ours in (echo, function)]
        made.add(peer.name, found.told(peer.name), peer.kind, *cells, *ratios)
    return made


def tasks_table(peers: list[Peer], found: Found) -> Table:
    """Show the chain, and runs of one task."""
    made = Table(
        f"A chain of {CHAIN_TASKS} tasks, and a run of one, ms", ["", "chain, a task", "to ours", "run", "to ours"]
    )
    for peer in peers:
        ours = DURABLE_ECHO if _is_durable(peer) else ECHO
        made.add(
            peer.name, _milliseconds(found, peer.name, "chain"), _told(found.ratio(peer.name, ours, "chain")),
            _milliseconds(found, peer.name, "run"), _told(found.ratio(peer.name, ours, "run")),
        )  # fmt: skip
    return made


def _is_durable(peer: Peer) -> bool:
    return peer.kind == "durable" or "sqlite" in peer.arguments


def _milliseconds(found: Found, peer: str, case: str) -> str:
    values = found.values(peer, case)
    return "" if not values else figure(median(values) * 1e3)


def _told(times: float | None) -> str:
    return "" if times is None else f"{figure(times)} x"


def compared(peers: list[Peer], found: Found) -> dict[str, Measured]:
    """Compare ours with the fastest peer of each kind: over 0 MB, each by the largest fan-out that it did."""
    measured = {}
    for key, (ours, kind) in COMPARED.items():
        times = {}
        for peer in peers:
            case = found.largest(peer.name, 0) if peer.kind == kind else None
            value = None if case is None else found.ratio(peer.name, ours, case)
            if case is not None and value is not None:
                times[f"{peer.name}, {case.removeprefix('0 MB, ')}"] = value
        if times:
            fastest = min(times, key=times.__getitem__)
            measured[key] = Measured(times[fastest], fastest)
        else:
            measured[key] = Measured(None, "no peer of the kind did it")
    return measured


def plot(peers: list[Peer], found: Found) -> Bars:
    """Draw ms an item of the largest fan-out over 0 MB that each did."""
    bars = Bars("engines", "An item of a fan-out, by the engine", "ms, logarithmic")
    for peer in peers:
        case = found.largest(peer.name, 0)
        if case is not None:
            bars.bars[peer.name] = median(found.values(peer.name, case)) * 1e3
    bars.bars = dict(sorted(bars.bars.items(), key=lambda bar: bar[1]))
    bars.marked = [peer.name for peer in peers if peer.kind == "stretto" and peer.name in bars.bars]
    return bars


def main() -> None:
    """Measure the peers that were asked for."""
    parser = argparse.ArgumentParser(description="Measure Stretto beside other engines.")
    parser.add_argument("--only", action="append", choices=[peer.name for peer in PEERS], help="may be repeated")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"at most so many; {ROUNDS} unless given")
    parser.add_argument("--runs", action="store_true", help="only the runs of one task at once, into the report")
    arguments = parser.parse_args()
    if arguments.runs:
        measure_runs(arguments.rounds)
        pages.write()
        return
    peers = [peer for peer in PEERS if arguments.only is None or peer.name in arguments.only]
    report = Report(machine())
    found = measure(peers, arguments.rounds)
    for megabytes in MEGABYTES:
        report.show(fan_out_table(peers, found, megabytes))
    report.show(tasks_table(peers, found))
    report.plots.append(plot(peers, found))
    report.measured |= compared(peers, found)
    report.samples |= {
        name: {case: found.values(name, case) for case in cases} for name, cases in found.seconds.items()
    }
    print("\n".join(targets.table(report.measured, report.measured, "Targets").lines()))
    if arguments.only is None:
        report.write(pages.PEERS)
        measure_runs(arguments.rounds)
        pages.write()


def measure_runs(rounds: int) -> None:
    """Measure runs of one task at once, and keep the figures for the page."""
    report = Report(machine())
    found = peer_runs.measure(rounds)
    report.show(peer_runs.table(found), found.seconds)
    report.measured |= peer_runs.targets(found)
    print("\n".join(targets.table(report.measured, report.measured, "Targets").lines()))
    report.write(pages.RUNS)


if __name__ == "__main__":
    main()
