"""A store that goes away, in a real browser: PostgreSQL is halted under a daemon, and comes back."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from stretto.actors.operations import Status, Submit
from tests.support.accessibility import violations
from tests.support.chromium import enter, needs_chromium, opened_chromium, watched_context
from tests.support.databases import started_server
from tests.support.gateways import Opened, opened_gateway
from tests.support.postgres_server import PostgresServer

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
DEFINITION: Final = (
    'version: "1.0.0"\nref: test.steps\ncancellation_policy: cancel_running\n'
    "tasks: [{name: step, with_items: '{{ range(100000) }}', action: core.sleep, input: {seconds: 0.05}}]\n"
)
"""A run that always has something to write."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of the test's own."""
    server = started_server()
    yield server
    server.remove()


@pytest.fixture
def daemon(server: PostgresServer, tmp_path: Path) -> Iterator[Opened]:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "test.steps.yaml").write_text(DEFINITION)
    with opened_gateway(tmp_path, store=server.url(), definitions=str(tmp_path / "definitions")) as opened:
        yield opened


@pytest.fixture
def page(daemon: Opened) -> "Iterator[Page]":
    with opened_chromium() as browser, watched_context(browser, daemon.url) as context:
        yield enter(context, daemon.client, daemon.url)


def test_a_store_that_goes_away_is_said_and_comes_back(page: "Page", daemon: Opened, server: PostgresServer) -> None:
    """Its pages say so and what still works, and what needs it is disabled. Once it is back, nobody has to reload."""
    accepted: Any = daemon.client.ask(Submit("test.steps"))
    path = f"{daemon.url}/runs/{accepted.run}"
    page.goto(path)
    page.locator("#live:not(.off)").wait_for()
    server.halt()
    page.goto(path)
    page.get_by_role("heading", name="The store cannot be used now").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name="Engine", exact=True).last.click()
    page.wait_for_url(f"{daemon.url}/engine")
    page.locator("#store-down").get_by_text("The store cannot be used now").wait_for()
    page.get_by_text("Store unavailable").wait_for()
    for path_without in ("/definitions", "/definitions/test.steps", "/actions"):
        page.goto(f"{daemon.url}{path_without}")
        page.locator("#store-down").wait_for()
    page.goto(f"{daemon.url}/definitions/test.steps/start")
    assert page.get_by_role("button", name="Start", exact=True).is_disabled()
    waiting = page.context.new_page()
    waiting.goto(path)
    waiting.get_by_role("heading", name="The store cannot be used now").wait_for()
    server.resume()
    page.locator("#store-down").wait_for(state="hidden")
    assert page.get_by_role("button", name="Start", exact=True).is_enabled()
    waiting.get_by_role("heading", name="test.steps", exact=True).wait_for()
    waiting.close()
    page.goto(path)
    page.locator("#live:not(.off)").wait_for()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.locator("#status").get_by_text(re.compile("Paus(ing|ed)")).wait_for()
    status: Any = daemon.client.ask(Status(accepted.run))
    assert status.run["status"] in {"pausing", "paused"}
