"""Large stores: an item and a page of failed items of a large fan-out, and the check of many runs."""

from contextlib import closing
from time import perf_counter
from typing import TYPE_CHECKING

from measure import Samples
from process import Spent, finished
from report import Measured, Table, timing
from sqlalchemy import Engine
from starts import STRETTO
from stores import SQLITE, files
from targets import of_time

from stretto.actors.history import reports, show_item
from stretto.actors.journal import Ending, open_reader, open_store
from stretto.definitions.data import EMPTY_LIST
from tests.support.counted_sql import counting
from tests.support.recording import acceptance, completed, data, failed, happening

if TYPE_CHECKING:
    from stretto.actors.journal import Store

ITEMS, RUNS = 100_000, 100_000
PAGE = 500
READS = 15
PORTION = 1_000
"""Records written in one transaction."""
TASK = "probe"
ITEM, FAILED = "an item", f"a page of {PAGE} failed items"
"""The names of what is read."""


def record_fan_out(store: "Store", items: int) -> str:
    """Record a run whose items have ended, each second one of them failed; return its id."""
    run = acceptance()
    store.writer.write([run])
    for first in range(0, items, PORTION):
        numbers = range(first, min(first + PORTION, items))
        ends = [failed(index) if index % 2 else completed(index, index) for index in numbers]
        store.writer.write([happening(run.run_id, *ends, first=first)])
    return run.run_id


def record_runs(store: "Store", runs: int) -> None:
    """Record runs of two items that have ended."""
    ending = Ending("succeeded", data({"count": 2}), EMPTY_LIST, 2000.0)
    for first in range(0, runs, PORTION):
        new = [acceptance() for _ in range(min(PORTION, runs - first))]
        store.writer.write(new)
        store.writer.write([happening(run.run_id, completed(0), completed(1), ending=ending) for run in new])


def measure_reading(share: float) -> tuple[Samples, int]:
    """Read items, and pages of failed items; return the seconds, and the queries for a page's errors."""
    items = round(ITEMS * share)
    samples: Samples = {ITEM: [], FAILED: []}
    with files() as made:
        url = made.new()[SQLITE]
        with open_store(url, None) as store:
            run_id = record_fan_out(store, items)
        for each in range(READS):
            index = items * each // READS // 2 * 2
            with closing(open_reader(url, None)) as reader:
                began = perf_counter()
                assert show_item(reader, run_id, TASK, index)["result"] == index
                samples[ITEM].append(perf_counter() - began)
                began = perf_counter()
                page = reports.list_items(reader, run_id, outcome="failed", limit=PAGE)
                samples[FAILED].append(perf_counter() - began)
                assert len(page["items"]) == PAGE
        with closing(open_reader(url, None)) as reader, counting(Engine) as counted:
            reports.list_items(reader, run_id, outcome="failed", limit=PAGE)
    return samples, sum("entries.body" in each for each in counted.statements)


def check(runs: int) -> Spent:
    """Check a store of ended runs with the command."""
    with files() as made:
        url = made.new()[SQLITE]
        with open_store(url, None) as store:
            record_runs(store, runs)
        spent, output = finished(str(STRETTO), "store", "check", url)
    assert output == "no problems found\n", output
    return spent


def measure_check(share: float) -> float:
    """Check a share of the runs; return the CPU seconds, scaled to all of them."""
    whole = check(round(RUNS * share))
    return (whole.scaled(check(1), share) if share < 1 else whole).processor


def reading_table(samples: Samples, share: float) -> Table:
    """Show `measure_reading`."""
    table = Table(
        f"Read from a store with a fan-out of {round(ITEMS * share):,} items, SQLite",
        ["", "takes"],
        "Each second item failed. A new connection for each item; the page follows on the same one.",
    )
    for name, values in samples.items():
        table.add(name, timing(values, "ms"))
    return table


def targets(samples: Samples, queries: int, seconds: float, share: float) -> dict[str, Measured]:
    """Say how long an item and the check take, and how many queries read a page's errors."""
    return {
        "stored item": of_time(samples[ITEM], "ms"),
        "failed items": Measured(queries, f"the whole page {timing(samples[FAILED], 'ms')}"),
        "store check": Measured(seconds, f"of 2 items; measured with {round(RUNS * share):,} runs"),
    }
