"""How long an engine takes to have its runs again, and what a fan-out leaves in a store: rows and bytes, counted."""

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any
from unittest import mock

from engines import ITEMS, arrived, engine, fan_out
from measure import deviation, in_fresh_process, median
from process import mark, reset_peak
from report import Report, Table, figure
from samples import inventory
from stores import Places, size

from stretto.actors.engine import Engine
from stretto.actors.journal import open_journal

if TYPE_CHECKING:
    from stretto.actors.journal import Store

SHAPES = {
    "nothing to recover": (0, 0),
    f"1 run of {ITEMS:,} items": (1, ITEMS),
    "1,000 runs of 10 items": (1000, 10),
}
"""How many runs, of how many items each."""
ARRIVAL_SECONDS = 120.0
SETTLE_SECONDS = 0.5
"""After the last task before the wait has run: until its completion is written, by far."""
STARTS = 3
"""How often each kind of store is recovered from."""
FAN_OUTS = {"0 MB": 0, "5 MB": 5}


@dataclass(frozen=True, slots=True)
class Recovered:
    """An engine's start, until it answers and until its runs are there again; memory before and at most."""

    started: float
    recovered: float
    resident_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Written:
    """What one run of the fan-out has written: rows, bytes of their bodies, bytes of the database's files."""

    rows: int
    body_bytes: int
    file_bytes: int


def leave_runs(url: str, key_file: str, runs: int, items: int) -> None:
    """Have an engine start runs, and end when all of them wait."""
    with engine(SETTLE_SECONDS if runs else None, store=url, store_key=key_file) as proxy:
        handles = [proxy.submit("waits", {"items": list(range(items))}) for _ in range(runs)]
        for handle in handles:
            handle.get()
            assert arrived.acquire(timeout=ARRIVAL_SECONDS)


def recover(url: str, key_file: str, runs: int) -> Recovered:
    """Start an engine with the runs that another one has left, and leave them again."""
    resident = mark()["resident_mb"]
    reset_peak()
    began = perf_counter()
    proxy = Engine.start(store=url, store_key=key_file).proxy()
    started = perf_counter() - began
    try:
        proxy.host.recovered().get()
        recovered = perf_counter() - began
        assert proxy.runs_in_progress().get() == runs
        return Recovered(started, recovered, resident, mark()["peak_mb"])
    finally:
        proxy.stop(0).get()


def write(url: str, key_file: str, megabytes: int) -> Written:
    """Perform the fan-out over so many MB of parameters, and count what that writes."""
    before = size(url)
    stores: list[Store] = []

    def opened(*arguments: Any) -> Any:
        journal = open_journal(*arguments)
        stores.append(journal.store)
        return journal

    with (
        mock.patch("stretto.actors.engine.startup.open_journal", opened),
        engine(store=url, store_key=key_file) as proxy,
    ):
        fan_out(proxy, 0, inventory=inventory(megabytes) if megabytes else None)
    (store,) = stores
    return Written(store.writer.rows_written, store.writer.bytes_written, size(url) - before)


def leave_all_runs(made: Places) -> dict[str, tuple[str, int]]:
    """Leave runs of each shape in a store of each kind; return the stores' URLs, and the numbers of runs."""
    left: dict[str, tuple[str, int]] = {}
    for shape, (runs, items) in SHAPES.items():
        for kind, url in made.new().items():
            leave_runs(url, str(made.key_file), runs, items)
            left[f"{kind}, {shape}"] = url, runs
    return left


def measure_recovery(made: Places) -> dict[str, list[Recovered]]:
    """Recover runs of each shape from each kind of store, in turn, each time in a new process."""
    left = in_fresh_process(leave_all_runs, made)
    found: dict[str, list[Recovered]] = {name: [] for name in left}
    for _ in range(STARTS):
        for name, (url, runs) in left.items():
            found[name].append(in_fresh_process(recover, url, str(made.key_file), runs))
    return found


def recovery_table(found: dict[str, list[Recovered]]) -> Table:
    """Show `measure_recovery`."""
    table = Table(
        "An engine starts again, in a new process",
        ["", "until it answers", "until its runs are there", "memory before", "at most"],
        "Opening the store, and importing what that takes, is in the first row. All items were recorded.",
    )
    for name, values in found.items():
        table.add(
            name, _seconds([each.started for each in values]), _seconds([each.recovered for each in values]),
            _memory([each.resident_mb for each in values]), _memory([each.peak_mb for each in values]),
        )  # fmt: skip
    return table


def _seconds(values: list[float]) -> str:
    return f"{figure(median(values))} s ±{deviation(values):.0%}"


def _memory(values: list[float]) -> str:
    return f"{median(values):.0f} MB ±{deviation(values):.0%}"


def measure_written(made: Places) -> dict[str, Written]:
    """Count what the fan-out writes, over 0 and 5 MB of parameters."""
    found = {}
    for name, megabytes in FAN_OUTS.items():
        for kind, url in made.new().items():
            found[f"{kind}, {name}"] = write(url, str(made.key_file), megabytes)
    return found


def written_table(found: dict[str, Written]) -> Table:
    """Show `measure_written`."""
    results = sum(len(f'"hello {number}"') for number in range(ITEMS))
    table = Table(
        f"Written for a fan-out of {ITEMS:,} items over so many MB of parameters",
        ["", "rows", "bytes of bodies", "bytes more in the files", "these an item"],
        f"The {ITEMS:,} results have {results:,} bytes together; the parameters are written once.",
    )
    for name, written in found.items():
        table.add(
            name, f"{written.rows:,}", f"{written.body_bytes:,}", f"{written.file_bytes:,}",
            figure(written.file_bytes / ITEMS),
        )  # fmt: skip
    return table


def show(report: Report, made: Places) -> None:
    """Measure and show all of it."""
    report.show(written_table(in_fresh_process(measure_written, made)))
    found = measure_recovery(made)
    samples = {name: [each.recovered for each in values] for name, values in found.items()}
    report.show(recovery_table(found), samples)
