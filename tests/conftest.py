"""Fixtures that several folders use."""

import gc
import signal

import pytest
from hypothesis import HealthCheck, settings

import stretto.actors.actions.core  # noqa: F401 - registers the core actions, as an engine does
from tests.support.chromium import close_chromium
from tests.support.cut_links import link
from tests.support.daemons import gate
from tests.support.databases import (
    databases,
    durable_url,
    empty_postgres_url,
    postgres_server,
    postgres_template,
    postgres_url,
    sqlite_url,
)
from tests.support.drawn_requests import DRAWN
from tests.support.engines import bench, start_bench
from tests.support.forked_programs import close_forks
from tests.support.paths import ROOT, TESTS
from tests.support.ray_clusters import ray_cluster
from tests.support.restoring import restored_logging
from tests.support.shared_stores import join_store
from tests.support.stores import keyless, store, store_url
from tests.support.suite_pool import POOL_CALLS
from tests.support.waiting import new_inbox

__all__ = [
    "bench",
    "databases",
    "durable_url",
    "empty_postgres_url",
    "gate",
    "join_store",
    "keyless",
    "link",
    "new_inbox",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "ray_cluster",
    "restored_logging",
    "sqlite_url",
    "start_bench",
    "store",
    "store_url",
]


# How long an example takes depends on what else the machine does.
settings.register_profile("stretto", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stretto")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for end-to-end tests whose items run in a pool."""
    parser.addoption(
        "--pool",
        choices=("local", "ray"),
        help="run what may leave the daemon in a pool of workers: of this machine, or on Ray",
    )


def pytest_configure() -> None:
    """Have programs that tests start take Ctrl-C, as a terminal's do: one that a shell has put in the background
    ignores it, and so does all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection() -> None:
    """Collect no garbage while tests are collected: almost all that is made then stays to the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Let garbage collections pass over the modules and the thousands of tests, which stay to the end."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """End what the tests of this process share: a browser, and the process that forks programs."""
    close_chromium()
    close_forks()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how many requests were drawn for each role, and how many calls of tests were in the pool of `--pool`."""
    for report in terminalreporter.getreports("passed"):
        for name, count in report.user_properties:
            if report.when == "call" and name == DRAWN:
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {count:,} requests")
    ends = (report for report in terminalreporter.getreports("") if report.when == "teardown")
    calls = [count for report in ends for name, count in report.user_properties if name == POOL_CALLS]
    if calls:
        terminalreporter.write_line(f"{sum(calls):,} calls in the pool, of {len(calls)} tests with an engine of theirs")


SLOW = tuple(line for line in (TESTS / "slow_tests.txt").read_text().splitlines() if line and not line.startswith("#"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the slow tests, which `make test-fast` leaves out. Raises UsageError for a file or folder that is gone.

    With `--pool` skip the tests of what cannot be in a pool.
    """
    for item in items if config.getoption("--pool") else ():
        own = item.get_closest_marker("own_process")
        if own is not None:
            item.add_marker(pytest.mark.skip(reason=f"not in a pool: {own.args[0]}"))
    for each in SLOW:
        if not (ROOT / each.split("::")[0]).exists():
            raise pytest.UsageError(f"slow_tests.txt names {each}, which does not exist")
    for item in items:
        if item.nodeid.split("[")[0].startswith(SLOW):
            item.add_marker(pytest.mark.slow)
