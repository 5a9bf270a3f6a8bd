"""Several tabs of one browser: each has its streams of events while it is seen, and none while it is hidden.

The page of a run has one, and another for the output of the item that it shows, while that item runs.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from stretto.actors.operations import Cancel, ShowEngine, Submit, Watch
from tests.support.chromium import enter, needs_chromium, opened_chromium, watched_context
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
TABS: Final = 8
"""More than the six connections that a browser has for a host."""
DEFINITION: Final = (
    'version: "1.0.0"\nref: test.sleep\ncancellation_policy: cancel_running\n'
    "tasks: [{name: sleep, action: core.sleep, input: {seconds: 1000}}]\n"
)
HIDING: Final = """
Object.defineProperty(document, "hidden", { get: () => window.isHidden === true });
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A daemon with a workflow that does not end by itself."""
    folder = tmp_path_factory.mktemp("tabs")
    (folder / "sleep.yaml").write_text(DEFINITION)
    with opened_gateway(folder, store=f"sqlite:///{folder}/runs.db", definitions=str(folder)) as opened:
        yield opened


def turn(page: "Page", *, hidden: bool) -> None:
    """Hide a tab for longer than it keeps its stream, or show it."""
    page.evaluate(
        "(hidden) => { window.isHidden = hidden; document.dispatchEvent(new Event('visibilitychange')); }", hidden
    )
    if hidden:
        page.clock.fast_forward(6_000)


def wait_for_streams(daemon: Opened, number: int) -> None:
    """Wait until the daemon has so many open streams: a stream says nothing to others when it opens or ends."""
    while True:
        answer: Any = daemon.client.ask(ShowEngine())
        if answer.engine["figures"]["streams"] == number:
            return


def test_two_tabs_then_eight_have_their_streams_while_they_are_seen(daemon: Opened) -> None:
    """A tab that is shown again catches up with what it has missed."""
    accepted: Any = daemon.client.ask(Submit("test.sleep"))
    path = f"{daemon.url}/runs/{accepted.run}"
    with opened_chromium() as browser, watched_context(browser, daemon.url) as context:
        context.clock.install()
        context.add_init_script(HIDING)
        first = enter(context, daemon.client, daemon.url)
        first.goto(path)
        tabs = [first, context.new_page()]
        tabs[1].goto(path)
        for tab in tabs:
            tab.locator("#live").wait_for()
        wait_for_streams(daemon, 4)
        turn(first, hidden=True)
        wait_for_streams(daemon, 2)
        turn(first, hidden=False)
        wait_for_streams(daemon, 4)
        for tab in tabs:
            turn(tab, hidden=True)
        for _ in range(TABS - len(tabs)):
            tab = context.new_page()
            tab.goto(path)
            tab.locator("#live").wait_for()
            turn(tab, hidden=True)
            tabs.append(tab)
        wait_for_streams(daemon, 0)
        turn(tabs[-1], hidden=False)
        wait_for_streams(daemon, 2)
        daemon.client.ask(Cancel(accepted.run))
        list(daemon.client.answers(Watch(accepted.run)))
        tabs[-1].locator("#status").get_by_text("Cancelled").wait_for()
        turn(first, hidden=False)
        first.locator("#status").get_by_text("Cancelled").wait_for()
        wait_for_streams(daemon, 0)
