"""What the end-to-end tests share: a browser, and the pool of `--pool`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.chromium import opened_chromium
from tests.support.suite_pool import POOL_CALLS, SuitePool, opened_pool

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """One browser, to which all names of example lead to this machine."""
    with opened_chromium() as browser:
        yield browser


@pytest.fixture(scope="session", autouse=True)
def suite_pool(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuitePool | None]:
    """The pool of all engines and daemons, or None without `--pool`."""
    kind = pytestconfig.getoption("--pool")
    if kind is None:
        yield None
        return
    with opened_pool(kind, tmp_path_factory.mktemp("pool")) as pool:
        yield pool


@pytest.fixture(scope="module", autouse=True)
def _actions_of_module(request: pytest.FixtureRequest, suite_pool: SuitePool | None) -> None:
    if suite_pool is not None:
        suite_pool.module = request.module


@pytest.fixture(autouse=True)
def _counted_calls(request: pytest.FixtureRequest, suite_pool: SuitePool | None) -> Iterator[None]:
    before = 0 if suite_pool is None else suite_pool.calls
    yield
    if suite_pool is not None and suite_pool.calls > before:
        request.node.user_properties.append((POOL_CALLS, suite_pool.calls - before))
