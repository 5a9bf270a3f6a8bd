"""What pages cost the server with a large store: at most twice the figures of docs/benchmarks.md, in CPU time."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.large_stores import record_ended_fan_out, record_list
from tests.support.page_costs import Visitor, percentile_95, visitor_of

RUNS, ITEMS = 100_000, 100_000
TIMES: Final = 40
MOST_OF_RUNS_MS: Final = 2 * 50
MOST_OF_A_RUN_MS: Final = 2 * 80


@pytest.fixture(scope="module")
def list_of_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """A client of a daemon with 100,000 runs."""
    with visitor_of(tmp_path_factory.mktemp("runs"), lambda store: record_list(store, RUNS)) as (visitor, _):
        yield visitor


@pytest.fixture(scope="module")
def fan_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitor, str]]:
    """A client of a daemon with a run of 100,000 items, and the path of that run."""
    folder = tmp_path_factory.mktemp("items")
    with visitor_of(folder, lambda store: record_ended_fan_out(store, ITEMS)) as (visitor, run):
        yield visitor, f"/runs/{run}"


def cpu_ms(visitor: Visitor, path: str) -> float:
    """Return the CPU time that 95 of 100 requests do not exceed, in milliseconds."""
    return 1000 * percentile_95([each.cpu for each in visitor.costs(path, TIMES)])


@pytest.mark.parametrize("query", ["", "?status=failed", "?since=1h", "?label=env%3Dstage-1"])
def test_the_list_of_a_hundred_thousand_runs_is_cheap(list_of_runs: Visitor, query: str) -> None:
    """95 of 100 answers take at most twice 50 ms of the daemon's CPU time."""
    assert cpu_ms(list_of_runs, f"/{query}") <= MOST_OF_RUNS_MS


@pytest.mark.parametrize("query", ["", "?task=probe", "?task=probe&item=99999", "?task=probe&state=failed"])
def test_the_page_of_a_hundred_thousand_items_is_cheap(fan_out: tuple[Visitor, str], query: str) -> None:
    """95 of 100 answers take at most twice 80 ms of the daemon's CPU time."""
    visitor, path = fan_out
    assert cpu_ms(visitor, f"{path}{query}") <= MOST_OF_A_RUN_MS
