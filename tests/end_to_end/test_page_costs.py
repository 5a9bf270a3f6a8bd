"""What pages cost the server with a large store: at most twice the figures of docs/benchmarks.md, in CPU time."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.large_stores import record_list_and_fan_out
from tests.support.page_costs import Visitor, percentile_95, visitor_of

SIZE: Final = 100_000
"""Of the list of runs, and of the items of one more run."""
TIMES: Final = 40
MOST_OF_RUNS_MS: Final = 2 * 50
MOST_OF_A_RUN_MS: Final = 2 * 80


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitor, str]]:
    """A client of a daemon with 100,000 runs, and the path of one with 100,000 items."""
    with visitor_of(tmp_path_factory.mktemp("large"), lambda store: record_list_and_fan_out(store, SIZE)) as (
        each,
        run,
    ):
        yield each, f"/runs/{run}"


def cpu_ms(visitor: Visitor, path: str) -> float:
    """Return the CPU time that 95 of 100 requests do not exceed, in milliseconds."""
    return 1000 * percentile_95([each.cpu for each in visitor.costs(path, TIMES)])


@pytest.mark.parametrize("query", ["", "?status=failed", "?since=1h", "?label=env%3Dstage-1", "?q=zzzz"])
def test_the_list_of_a_hundred_thousand_runs_is_cheap(visited: tuple[Visitor, str], query: str) -> None:
    """95 of 100 answers take at most twice 50 ms of the daemon's CPU time."""
    assert cpu_ms(visited[0], f"/{query}") <= MOST_OF_RUNS_MS


@pytest.mark.parametrize("end", ["", "?task=probe", "?task=probe&item=99999", "?task=probe&state=failed", "/rerun"])
def test_the_page_of_a_hundred_thousand_items_is_cheap(visited: tuple[Visitor, str], end: str) -> None:
    """95 of 100 answers take at most twice 80 ms of the daemon's CPU time."""
    visitor, path = visited
    assert cpu_ms(visitor, f"{path}{end}") <= MOST_OF_A_RUN_MS
